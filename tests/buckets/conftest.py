"""One store, one CDN and one API for all tests here."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkoms.v2 import OmsClient

from cli.embedded.postgres import Postgres
from tests.api.service import Account, Service, running_service, write_key_file
from tests.buckets.cdn_server import ACCESS_KEY, BUCKET, SECRET_KEY, Cdn, open_to_all, running_cdn
from tests.google_accounts import public_pem
from tests.servers import copied_database
from tests.storeserver import Account as Key
from tests.storeserver import ServerProcess, StoreConfig
from tests.storeserver.config import BucketFlags, Denial

TOKEN = "a-token"


@pytest.fixture(scope="session")
def shop() -> Iterator[ServerProcess]:
    """The store whose buckets are looked into."""
    config = StoreConfig(
        keys={ACCESS_KEY: Key(SECRET_KEY), "temporary": Key("secret", TOKEN), "denied": Key("secret")},
        buckets=[BUCKET, "lists", "empty", "abroad"],
        bucket_flags={"abroad": BucketFlags(region="eu-west-1"), "lists": BucketFlags(region="cn-north-4")},
        policies={"denied": [Denial("list"), Denial("read")]},
        request_log=True,
    )
    with ServerProcess(config) as server:
        for key in ("a.txt", "b/1.txt", "b/2.txt", "b/c/3.txt", "d e/ä.txt", "z.bin"):
            server.put(BUCKET, key.encode(), key.encode() * 300)
        server.put(BUCKET, b"b/", b"")
        server.put("lists", b"urls.txt", b"https://a.example/b\tc\n", headers={"content-type": "text/plain"})
        yield server


@pytest.fixture(scope="session")
def drive() -> Iterator[ServerProcess]:
    """A store that speaks Google's dialect."""
    accounts = {"reader": Key(public_pem("right"))}
    with ServerProcess(
        StoreConfig(keys=accounts, dialect="google", buckets=[BUCKET, "empty"], region="europe-west4")
    ) as server:
        for key in ("a.txt", "b/1.txt", "b/c/3.txt"):
            server.put(BUCKET, key.encode(), key.encode() * 300)
        yield server


@pytest.fixture(scope="session")
def session_cdn() -> Iterator[Cdn]:
    """The CDN of the session."""
    with running_cdn() as server:
        yield server


@pytest.fixture
def cdn(session_cdn: Cdn) -> Cdn:
    """The CDN, empty and open to all."""
    session_cdn.objects.clear()
    session_cdn.asked.clear()
    session_cdn.headers.clear()
    session_cdn.gate, session_cdn.knows_ranges = open_to_all, True
    return session_cdn


# Sources that have a server of their own: the API's word, the dialect and the region.
VENDORS = {"QingCloud": ("qingstor", "pek3a"), "Qiniu": ("kodo", "cn-east-1"), "UCloud": ("us3", "cn-bj")}


@pytest.fixture(scope="session")
def vendors() -> Iterator[dict[str, ServerProcess]]:
    """A store of each, with the same objects."""
    with ExitStack() as stack:
        servers = {}
        for cloud, (dialect, region) in VENDORS.items():
            config = StoreConfig(
                keys={ACCESS_KEY: Key(SECRET_KEY)}, buckets=[BUCKET, "empty"], dialect=dialect, region=region
            )
            servers[cloud] = stack.enter_context(ServerProcess(config))
            for key in ("a.txt", "b/1.txt", "b/c/3.txt", "d e/ä.txt"):
                servers[cloud].put(BUCKET, key.encode(), key.encode() * 300)
        yield servers


@pytest.fixture(scope="session")
def endpoints(
    shop: ServerProcess,
    vendors: dict[str, ServerProcess],
    drive: ServerProcess,
    session_cdn: Cdn,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """What the operator allows."""
    file = tmp_path_factory.mktemp("endpoints") / "endpoints.yaml"
    lines = [
        f'- {{cloud_type: {cloud}, region: "*", endpoint: "{vendors[cloud].url}", dialect: {dialect}}}\n'
        for cloud, (dialect, _) in VENDORS.items()
    ]
    file.write_text(
        "".join(lines)
        + f"""
- {{cloud_type: AWS, region: us-east-1, endpoint: "{shop.url}"}}
- {{cloud_type: HuaweiCloud, region: "*", endpoint: "{shop.url}", dialect: obs, addressing: path}}
- {{cloud_type: HEC, region: my-region, endpoint: "{shop.url}", dialect: obs, addressing: path}}
- {{cloud_type: Google, region: "*", endpoint: "{drive.url}", dialect: google}}
- {{cloud_type: CDN, region: "*", endpoint: "http://127.0.0.1:{session_cdn.port}"}}
"""
    )
    return file


@pytest.fixture(scope="session")
def api(
    postgres_server: Postgres, endpoints: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The running API."""
    key_file = write_key_file(tmp_path_factory.mktemp("keys") / "master.key")
    with (
        copied_database(postgres_server) as url,
        running_service(url, key_file, OMS_ENDPOINTS=str(endpoints)) as service,
    ):
        yield service


@pytest.fixture
def ann(api: Service) -> Account:
    """A user of an account that nobody else uses."""
    return api.account()


@pytest.fixture
def client(api: Service, ann: Account) -> Any:
    """The vendor's client, signing with an access key."""
    credentials = BasicCredentials(ann.access_key, ann.secret_key, ann.project_id)
    return OmsClient.new_builder().with_credentials(credentials).with_endpoint(api.address).build()
