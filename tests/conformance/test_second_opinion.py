"""What the connectors write, the vendors' own SDKs read, and the other way round."""

import asyncio
from typing import Any

import boto3
from botocore.config import Config
from obs import ObsClient

from connectors.capabilities import DestinationStore
from connectors.objects import ANY, Guard, Properties, WriteOptions
from tests.conformance.harness import AK, REGION, SK, block
from tests.conformance.test_keys import AWKWARD
from tests.storeserver import ServerProcess

OPTIONS = WriteOptions(
    Properties(content_type="a/b", cache_control="max-age=5", metadata=(("k-1", "v 100%41"),))
)


def _boto(server: ServerProcess) -> Any:
    config = Config(
        s3={"addressing_style": "path"},
        proxies={},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client(
        "s3",
        endpoint_url=server.url,
        aws_access_key_id=AK,
        aws_secret_access_key=SK,
        region_name=REGION,
        config=config,
    )


def _seen_by_boto(server: ServerProcess, bucket: str, keys: list[bytes]) -> list[tuple[Any, ...]]:
    client = _boto(server)
    listed = [entry["Key"].encode() for entry in client.list_objects_v2(Bucket=bucket).get("Contents", [])]
    assert listed == sorted(keys)
    seen = []
    for key in keys:
        answer = client.get_object(Bucket=bucket, Key=key.decode())
        seen.append(
            (answer["Body"].read(), answer["ContentType"], answer["CacheControl"], answer["Metadata"])
        )
    return seen


async def test_botocore_reads_what_was_written(
    common: str, store: DestinationStore, bucket: str, server: ServerProcess
) -> None:
    keys = list(AWKWARD.values())
    for key in keys:
        await store.put(key, block(b"of " + key), OPTIONS, ANY)
    seen = await asyncio.to_thread(_seen_by_boto, server, bucket, keys)
    assert seen == [(b"of " + key, "a/b", "max-age=5", {"k-1": "v 100%41"}) for key in keys]


async def test_what_botocore_wrote_is_read(
    common: str, store: DestinationStore, bucket: str, server: ServerProcess
) -> None:
    client = _boto(server)
    for key in AWKWARD.values():
        await asyncio.to_thread(
            client.put_object, Bucket=bucket, Key=key.decode(), Body=b"of " + key, Metadata={"k": "v"}
        )
    page = await store.list_page(b"", b"")
    assert [info.key for info in page.objects] == sorted(AWKWARD.values())
    for info in page.objects:
        answer = await store.read(info.key, Guard(info.etag, info.size))
        assert answer.data == b"of " + info.key
        assert answer.head.properties.metadata == (("k", "v"),)


def _seen_by_obs(server: ServerProcess, bucket: str, keys: list[bytes]) -> list[bytes]:
    client = ObsClient(AK, SK, server=server.url, max_retry_count=0, is_signature_negotiation=False)
    try:
        answers = [client.getObject(bucket, key.decode(), loadStreamInMemory=True) for key in keys]
    finally:
        client.close()
    return [bytes(answer.body.buffer) for answer in answers]


async def test_the_obs_sdk_reads_what_was_written(
    common: str, store: DestinationStore, bucket: str, server: ServerProcess
) -> None:
    keys = list(AWKWARD.values())
    for key in keys:
        await store.put(key, block(b"of " + key), OPTIONS, ANY)
    assert await asyncio.to_thread(_seen_by_obs, server, bucket, keys) == [b"of " + key for key in keys]
