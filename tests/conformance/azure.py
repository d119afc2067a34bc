"""Azure Blob Storage: on Azurite, which verifies Shared Key, and on the in-repo server, which follows fault scripts."""

import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from azure.storage.blob import BlobServiceClient

from connectors.capabilities import DestinationStore
from connectors.wire import Wire
from tests.conformance.harness import AK, SK, Gaps, Harness, for_each, free_port, running
from tests.emulators import azurite
from tests.storeserver import Account, ServerProcess, StoreConfig

AZURITE = "Azure Azurite"
AZURE = ("Azure path", "Azure virtual")
# What tests of Azure alone go over: all, the one that verifies a SAS, those that follow fault scripts.
ON_AZURE = {"on_azure": (*AZURE, AZURITE), "on_azurite": (AZURITE,), "scripted": AZURE}
_DOMAIN = "blob.core.windows.test"


def account_key(secret: str) -> str:
    """A secret as accounts of Azure have it."""
    return b64encode(secret.encode()).decode()


KEY = account_key(SK)

_OF_THE_SERVICE: Gaps = {
    ("test_a_plain_etag_is_the_md5", ""): "an ETag is opaque here; the MD5 is told beside it",
    ("test_metadata_arrives_exactly", ""): "names of metadata are identifiers, without hyphens",
    (
        "test_a_name_that_no_header_takes_is_rejected",
        "",
    ): "names of metadata are identifiers, with underscores",
    ("test_content_headers_arrive", ""): "blobs have no Expires",
    ("test_kms_is_asked_for_and_told", ""): "encryption is the account's, not the object's",
    ("test_an_aborted_upload_leaves_nothing", ""): "blocks that nobody commits go after a week, not before",
    ("test_open_uploads_are_listed", ""): "the id of an upload carries its headers, which no list tells",
    ("test_a_small_part_before_the_last_completes_nothing", ""): "a block has no smallest size",
}
_NO_TOKEN = "accounts have no session tokens; a SAS is tried on Azurite"
_OF_THE_SCRIPTS: Gaps = {
    ("test_a_wrong_token_is_fatal", ""): _NO_TOKEN,
    ("test_a_temporary_key_works_with_its_token", ""): _NO_TOKEN,
    ("test_a_requester_says_that_he_pays", ""): "the owner of the account always pays",
    ("test_a_restore_of_what_is_not_archived_is_refused", ""): "what was asked back is archived no more",
    ("test_an_unknown_tier_or_period_is_refused", ""): "what was asked back stays, so there are no days",
    ("test_the_crc64_of_the_whole_object_is_told", ""): "its CRC64 has another polynomial",
}
_KEY = "test_a_key_arrives_under_its_exact_bytes"
_MD5 = "it tells a wrong Content-MD5 by the code InvalidOperation"
_OF_AZURITE: Gaps = {
    **for_each(_KEY, "x01 control", "it fails to list names that XML cannot hold"),
    (_KEY, "back-slash"): "like the service it stores a backslash as a slash",
    ("test_a_key_over_1024_bytes_is_rejected", ""): "it takes keys of any length",
    ("test_a_wrong_md5_is_refused_and_stores_nothing", ""): _MD5,
    ("test_a_wrong_md5_refuses_the_part", ""): _MD5,
    ("test_read_of_nothing_is_not_found", ""): "it judges the condition before it looks for the blob",
    **for_each("test_a_storage_class_is_stored", "ARCHIVE DEEP_ARCHIVE", "it hands out archived blobs"),
}


@dataclass(slots=True)
class AzureHarness(Harness):
    """A harness whose secrets become account keys."""

    def open(
        self,
        wire: Wire,
        bucket: str,
        keys: tuple[str, str, str] = (AK, SK, ""),
        *,
        requester_pays: bool = False,
    ) -> DestinationStore:
        """The connector on `bucket`."""
        name, secret, token = keys
        key = account_key(secret) if secret else ""
        return Harness.open(self, wire, bucket, (name, key, token), requester_pays=requester_pays)


@contextmanager
def azurite_server() -> Iterator[AzureHarness]:
    """Azurite, with the account that all tests use."""
    with azurite_url() as url:
        yield AzureHarness(
            AZURITE,
            "Azure",
            lambda name: _create(url, name),
            f'endpoint: "{url}", dialect: azure',
            gaps=_OF_THE_SERVICE | _OF_AZURITE,
        )


@contextmanager
def azurite_url() -> Iterator[str]:
    """Where Azurite listens; its one account is `AK` with `KEY`."""
    port = free_port()
    command = [*azurite(), "--inMemoryPersistence", "--skipApiVersionCheck", "--silent"]
    command += ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
    with running(command, port, {**os.environ, "AZURITE_ACCOUNTS": f"{AK}:{KEY}"}):
        yield f"http://127.0.0.1:{port}"


def sdk_client(url: str, account: str = AK, key: str = KEY) -> BlobServiceClient:
    """The vendor's SDK at a server that has the account in its paths; it repeats nothing."""
    return BlobServiceClient(
        f"{url}/{account}", credential={"account_name": account, "account_key": key}, retry_total=0,
        use_env_settings=False,
    )  # fmt: skip


def _create(url: str, name: str) -> None:
    with sdk_client(url) as client:
        client.create_container(name)


@contextmanager
def azure_servers() -> Iterator[list[Harness]]:
    """All of them, running."""
    with ExitStack() as stack:
        server = stack.enter_context(ServerProcess(azure_config()))
        connect = f'connect: "127.0.0.1:{server.port}"'
        by_name = f'endpoint: "http://{_DOMAIN}:{server.port}", dialect: azure, {connect}'
        forms = zip(AZURE, (f'endpoint: "{server.url}", dialect: azure', by_name), strict=True)
        yield [
            *(
                AzureHarness(
                    name, "Azure", server.create_bucket, endpoint, server, _OF_THE_SERVICE | _OF_THE_SCRIPTS
                )
                for name, endpoint in forms
            ),
            stack.enter_context(azurite_server()),
        ]


def azure_config() -> StoreConfig:
    """The in-repo server as an account of Azure."""
    return StoreConfig(
        keys={AK: Account(KEY)},
        dialect="azure",
        base_domain=_DOMAIN,
        max_key_bytes=1024,
        max_meta_bytes=8 << 10,
    )
