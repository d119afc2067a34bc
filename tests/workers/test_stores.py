"""Stores of a task: opened with its own keys, changed with the keys, forgotten."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest
from pydantic import SecretStr

from connectors.azure.connection import credentials_in
from connectors.cdn_source import CdnSource
from connectors.endpoints import parse_endpoints
from connectors.errors import Fatal
from connectors.locations import Credentials
from connectors.url import UrlStore
from connectors.wire import Wire
from engine.cdn import CdnAuthentication
from engine.failures import Meaning, Side, trf_code
from engine.spec import CdnNode, CloudType, DestinationNode, ListFile, SourceNode, TaskSpec, TaskType
from ledger.seal import SealError
from ledger.values import TaskFacts, TaskId
from workers.tasks.log import Secrets
from workers.tasks.stores import TaskStores

ENDPOINTS = parse_endpoints(
    """
- {cloud_type: AWS, region: us-east-1, endpoint: "http://127.0.0.1:9000"}
- {cloud_type: HEC, region: "*", endpoint: "http://127.0.0.1:9001"}
"""
)


def keys(secret: str = "source-secret") -> dict[Side, Credentials]:
    return {
        Side.SOURCE: Credentials("AK1", SecretStr(secret), SecretStr("source-token")),
        Side.DESTINATION: Credentials("AK2", SecretStr("destination-secret")),
    }


def facts(
    region: str = "us-east-1",
    bucket: str = "from",
    cloud: CloudType = CloudType.AWS,
    *,
    listed: bool = False,
    app_id: str = "",
) -> TaskFacts:
    found = ListFile("lists", "a.txt") if listed else None
    source = SourceNode(cloud, region, bucket, app_id=app_id, list_file=found)
    spec = TaskSpec(TaskType.OBJECT, source, DestinationNode("to", "cn-north-4"))
    return TaskFacts(TaskId(1), "p", "t", None, "cn-north-4", spec)


class Ring:
    """The ledger's credentials, counted."""

    def __init__(self) -> None:
        self.held: Mapping[Side, Credentials] = keys()
        self.asked = 0

    async def find(self, task_id: TaskId) -> Mapping[Side, Credentials]:
        self.asked += 1
        return self.held


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as found:
        yield found


async def test_each_side_is_opened_with_its_own_keys_and_its_list_with_the_destinations(wire: Wire) -> None:
    stores = TaskStores(wire, ENDPOINTS, Ring().find, Secrets(), lambda: 3)
    pair = await stores.open(facts(listed=True))
    assert pair.lists is not None
    assert pair.source.name.startswith("127.0.0.1:9000/from@")
    assert pair.destination.name.startswith("127.0.0.1:9001/to@")
    assert pair.lists.name.startswith("127.0.0.1:9001/lists@")
    assert pair.lists.name.partition("@")[2] == pair.destination.name.partition("@")[2]
    assert await stores.workers() == 3


async def test_secrets_are_hidden_until_the_last_stores_that_have_them_are_forgotten(wire: Wire) -> None:
    ring, secrets = Ring(), Secrets()
    stores = TaskStores(wire, ENDPOINTS, ring.find, secrets, lambda: 1)
    first = await stores.open(facts())
    assert secrets.blot("source-secret source-token destination-secret") == "[secret] [secret] [secret]"
    ring.held = keys("other-secret")
    second = await stores.open(facts())
    assert "secret" not in repr(second)
    assert secrets.blot("source-secret other-secret") == "[secret] [secret]"
    await stores.forget(first)
    assert secrets.blot("source-secret other-secret destination-secret") == "source-secret [secret] [secret]"
    await stores.forget(second)
    assert secrets.blot("other-secret destination-secret") == "other-secret destination-secret"


async def test_a_tencent_bucket_is_opened_with_its_accounts_number(wire: Wire) -> None:
    stores = TaskStores(wire, ENDPOINTS, Ring().find, Secrets(), lambda: 1)
    pair = await stores.open(facts("ap-beijing", cloud=CloudType.TENCENT, app_id="1250000000"))
    assert pair.source.name.startswith("cos.ap-beijing.myqcloud.com/from-1250000000@")


@pytest.mark.parametrize(
    ("given", "meaning"),
    [
        (facts(region="no region!"), Meaning.WRONG_REGION),
        (facts(bucket="a/../b"), Meaning.NO_BUCKET),
    ],
)
async def test_a_store_that_cannot_be_named_is_fatal_and_leaves_no_secret_behind(
    wire: Wire, given: TaskFacts, meaning: Meaning
) -> None:
    secrets = Secrets()
    stores = TaskStores(wire, ENDPOINTS, Ring().find, secrets, lambda: 1)
    with pytest.raises(Fatal) as caught:
        await stores.open(given)
    assert caught.value.meaning is meaning
    assert secrets.blot("source-secret") == "source-secret"


async def test_a_connection_string_is_hidden_with_its_parts_and_a_broken_one_is_fatal(wire: Wire) -> None:
    ring, secrets, told = Ring(), Secrets(), facts("westeurope", "box", CloudType.AZURE)
    stores = TaskStores(wire, ENDPOINTS, ring.find, secrets, lambda: 1)
    ring.held = keys() | {Side.SOURCE: credentials_in("AccountName=acc;AccountKey=c2VjcmV0a2V5")}
    pair = await stores.open(told)
    assert pair.source.name.startswith("acc.blob.core.windows.net/box@")
    assert secrets.blot("key c2VjcmV0a2V5") == "key [secret]"
    ring.held = keys() | {Side.SOURCE: Credentials("acc", SecretStr("AccountName=acc;AccountKey=!"))}
    with pytest.raises(Fatal) as caught:
        await stores.open(told)
    assert trf_code(caught.value.meaning, Side.SOURCE, caught.value.operation) == "TRF.0161"


async def test_wiped_credentials_are_fatal_and_never_those_of_the_host(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "HOST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "host-secret")
    ring = Ring()
    ring.held = {}
    with pytest.raises(Fatal) as caught:
        await TaskStores(wire, ENDPOINTS, ring.find, Secrets(), lambda: 1).open(facts())
    assert caught.value.meaning is Meaning.BAD_CREDENTIALS


async def test_credentials_that_cannot_be_unsealed_are_fatal(wire: Wire) -> None:
    async def broken(_: TaskId) -> Mapping[Side, Credentials]:
        raise SealError("another key")

    with pytest.raises(Fatal) as caught:
        await TaskStores(wire, ENDPOINTS, broken, Secrets(), lambda: 1).open(facts())
    assert caught.value.meaning is Meaning.BAD_CREDENTIALS


async def test_urls_are_opened_without_any_keys_of_a_source(wire: Wire) -> None:
    ring = Ring()
    ring.held = {Side.DESTINATION: keys()[Side.DESTINATION]}
    stores = TaskStores(wire, ENDPOINTS, ring.find, Secrets(), lambda: 1)
    pair = await stores.open(facts(cloud=CloudType.URL_SOURCE, bucket="", listed=True))
    assert isinstance(pair.source, UrlStore)
    assert pair.lists is not None


async def test_a_bucket_is_opened_through_its_cdn_and_the_key_of_that_is_hidden(wire: Wire) -> None:
    ring, secrets = Ring(), Secrets()
    ring.held = {**keys(), Side.SOURCE: replace(keys()[Side.SOURCE], cdn_key=SecretStr("cdn-secret"))}
    stores = TaskStores(wire, ENDPOINTS, ring.find, secrets, lambda: 1)
    task = facts()
    through = replace(task.spec, cdn=CdnNode("cdn.example", "https", CdnAuthentication.ALIYUN_OSS_A))
    pair = await stores.open(replace(task, spec=through))
    assert isinstance(pair.source, CdnSource)
    assert pair.source.name.startswith("127.0.0.1:9000/from@")
    assert "cdn-secret" not in secrets.blot("the key is cdn-secret")


async def test_a_cdn_without_a_host_is_fatal(wire: Wire) -> None:
    stores = TaskStores(wire, ENDPOINTS, Ring().find, Secrets(), lambda: 1)
    task = facts()
    nowhere = replace(task.spec, cdn=CdnNode("no host", "https", CdnAuthentication.NONE))
    with pytest.raises(Fatal):
        await stores.open(replace(task, spec=nowhere))
