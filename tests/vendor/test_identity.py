"""The vendor's IAM client, temporary keys, and the look-up of a project by a region's name."""

import os
import urllib.error
import urllib.request
from typing import Any

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials, GlobalCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkiam.v3 import (
    AuthScope,
    AuthScopeDomain,
    AuthScopeProject,
    IamClient,
    KeystoneCreateUserTokenByPasswordRequest,
    KeystoneCreateUserTokenByPasswordRequestBody,
    KeystoneListAuthDomainsRequest,
    KeystoneListAuthProjectsRequest,
    KeystoneListProjectsRequest,
    KeystoneValidateTokenRequest,
    PwdAuth,
    PwdIdentity,
    PwdPassword,
    PwdPasswordUser,
    PwdPasswordUserDomain,
)
from huaweicloudsdkoms.v2 import ListTasksRequest, OmsClient

from tests.e2e.site import REGIONS
from tests.vendor.clients import Vendor, by_token
from tests.vendor.conftest import World


@pytest.fixture
def iam(world: World) -> Any:
    """The IAM client, signing for the account; it finds the account's id by itself."""
    credentials = GlobalCredentials(world.access_key, world.secret_key).with_iam_endpoint(world.address)
    region = Region(REGIONS[1], world.address)
    return IamClient.new_builder().with_credentials(credentials).with_region(region).build()


def login(iam: Any, world: World, scope: AuthScope) -> Any:
    """A token by password."""
    known = world.known
    user = PwdPasswordUser(
        domain=PwdPasswordUserDomain(name=known["domain_name"]),
        name=known["user_name"],
        password=known["password"],
    )
    identity = PwdIdentity(methods=["password"], password=PwdPassword(user=user))
    body = KeystoneCreateUserTokenByPasswordRequestBody(auth=PwdAuth(identity=identity, scope=scope))
    return iam.keystone_create_user_token_by_password(KeystoneCreateUserTokenByPasswordRequest(body=body))


@pytest.mark.check(89)
def test_the_iam_client_gets_a_token_that_works_at_once_and_can_be_voided(iam: Any, world: World) -> None:
    answer = login(iam, world, AuthScope(project=AuthScopeProject(id=world.project_id)))
    token = answer.x_subject_token
    assert (answer.token.project.id, answer.token.user.name) == (world.project_id, world.known["user_name"])
    vendor = Vendor(world.address, by_token(token, world.project_id))
    assert vendor.call("list_tasks").count >= 0
    shown = iam.keystone_validate_token(KeystoneValidateTokenRequest(x_subject_token=token))
    assert shown.token.expires_at == answer.token.expires_at
    request = urllib.request.Request(
        f"{world.address}/v3/auth/tokens",
        method="DELETE",
        headers={"X-Auth-Token": token, "X-Subject-Token": token},
    )
    with urllib.request.urlopen(request) as voided:
        assert voided.status == 204
    with pytest.raises(ClientRequestException) as refused:
        vendor.call("list_tasks")
    assert (refused.value.status_code, refused.value.error_code) == (401, "OMS.0068")
    with pytest.raises(urllib.error.HTTPError) as unknown:
        urllib.request.urlopen(
            urllib.request.Request(
                f"{world.address}/v3/auth/tokens",
                method="DELETE",
                headers={"X-Auth-Token": world.token, "X-Subject-Token": token},
            )
        )
    assert unknown.value.code == 404


def test_the_iam_client_finds_projects_and_accounts(iam: Any, world: World) -> None:
    named = iam.keystone_list_projects(KeystoneListProjectsRequest(name=REGIONS[1])).projects
    assert [project.id for project in named] == [world.project_id]
    mine = iam.keystone_list_auth_projects(KeystoneListAuthProjectsRequest()).projects
    assert world.project_id in [project.id for project in mine]
    domains = iam.keystone_list_auth_domains(KeystoneListAuthDomainsRequest()).domains
    assert [domain.id for domain in domains] == [world.known["domain_id"]]
    scope = AuthScope(domain=AuthScopeDomain(id=world.known["domain_id"]))
    assert login(iam, world, scope).token.domain.id == world.known["domain_id"]


@pytest.mark.check(88)
def test_a_client_without_a_project_id_finds_it_by_the_region(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("HUAWEICLOUD_SDK")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HUAWEICLOUD_SDK_IAM_ENDPOINT", world.address)
    credentials = BasicCredentials(world.access_key, world.secret_key)
    region = Region(REGIONS[1], world.address)
    client: Any = OmsClient.new_builder().with_credentials(credentials).with_region(region).build()
    assert client.list_tasks(ListTasksRequest()).count >= 0
    assert credentials.project_id == world.project_id


@pytest.mark.check(86)
def test_a_temporary_key_works_with_its_token_signed_and_not_without(world: World) -> None:
    issued = dict(
        line.split(" ", 1) for line in world.admin("keys", "issue", "admin", "--hours", "1").splitlines()
    )
    assert set(issued) == {"access_key", "secret_key", "security_token", "expires_at"}
    keys = (issued["access_key"], issued["secret_key"], world.project_id)
    good = BasicCredentials(*keys).with_security_token(issued["security_token"])
    assert Vendor(world.address, good).call("list_tasks").count >= 0
    for bad in (BasicCredentials(*keys), BasicCredentials(*keys).with_security_token("another")):
        with pytest.raises(ClientRequestException) as refused:
            Vendor(world.address, bad).call("list_tasks")
        assert refused.value.status_code == 401
