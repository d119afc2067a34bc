"""Google Cloud Storage: a store server that hands out tokens for signed assertions, and the emulator that does not."""

import json
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from connectors.google.accounts import credentials_of
from connectors.locations import Credentials
from engine.failures import Side
from tests.conformance.harness import AK, REGION, SK, Gaps, Harness, free_port, running
from tests.google_accounts import key_file, public_pem
from tests.storeserver import Account, ServerProcess, StoreConfig

GOOGLE, EMULATOR = "Google", "Google emulator"
_KEY = "test_a_key_arrives_under_its_exact_bytes"
_NAMES = "names hold no line ends, and are neither . nor .."
_READABLE = "objects of all classes can be read at once: nothing is archived and nothing restored"
_NO_CRC64 = "the store knows MD5 and CRC32C"
_NO_SESSION = "a service account has a key file and no session tokens"


def _every(reason: str, *checks: str) -> Gaps:
    return {(check, ""): reason for check in checks}


GAPS: Gaps = {
    **{
        (_KEY, key): _NAMES
        for key in ("dot", "dot-dot", "newline", "carriage-return", "control", "crlf-header")
    },
    **_every(
        _READABLE,
        "test_a_restored_object_can_be_read",
        "test_a_restore_may_be_asked_for_while_it_runs_and_after",
        "test_a_restore_of_nothing_is_not_found",
        "test_an_unknown_tier_or_period_is_refused",
        "test_an_archived_read_says_so",
    ),
    ("test_a_storage_class_is_stored", "ARCHIVE"): _READABLE,
    ("test_a_storage_class_is_stored", "DEEP_ARCHIVE"): _READABLE,
    **_every(_NO_CRC64, "test_the_crc64_of_the_whole_object_is_told"),
    **_every(_NO_SESSION, "test_a_wrong_token_is_fatal", "test_a_temporary_key_works_with_its_token"),
    **_every("there is no Expires among an object's properties", "test_content_headers_arrive"),
    **_every("encryption with KMS needs the name of a key", "test_kms_is_asked_for_and_told"),
    **_every(
        "gzip is asked for, so that stored gzip stays; what is packed on the way is refused",
        "test_gzip_on_the_way_is_never_asked_for",
    ),
}


_NO_PAGES = "it has no pages: one answer holds all names"
_TREE = "objects are files of a file system: no dot segments, empty segments or folder objects"
_NO_PARTS = "it has no uploads in parts"
_UNTOLD = "its answers to ranges tell neither hash nor generation"

EMULATOR_GAPS: Gaps = {
    **{("test_pages_of_a_level_join_to_the_whole", limit): _NO_PAGES for limit in ("1", "2", "3", "7")},
    **{("test_pages_join_to_the_whole", limit): _NO_PAGES for limit in ("1", "2", "3", "8")},
    ("test_a_level_holds_what_is_below_its_prefix", "b'b/'"): _NO_PAGES,
    ("test_keys_come_in_byte_order", ""): _NO_PAGES,
    ("test_a_prefix_lists_its_keys_only", "b'a'"): _NO_PAGES,
    ("test_a_prefix_lists_its_keys_only", "b'a/'"): _NO_PAGES,
    **{(_KEY, key): _TREE for key in ("a/../b", "../x", "dot-dot", "end/..")},
    **{("test_twins_stay_two_objects", twins): _TREE for twins in ("dots", "slashes", "object-and-folder")},
    ("test_a_key_over_1024_bytes_is_rejected", ""): "it takes keys of any length",
    **_every(
        _NO_PARTS,
        "test_parts_in_any_order_make_the_object",
        "test_stored_parts_are_listed_in_order",
        "test_a_part_that_is_sent_again_replaces_the_first",
        "test_an_aborted_upload_leaves_nothing",
        "test_open_uploads_are_listed",
        "test_a_second_complete_finds_no_upload",
        "test_a_missing_part_completes_nothing",
        "test_a_small_part_before_the_last_completes_nothing",
        "test_a_wrong_md5_refuses_the_part",
        "test_absent_holds_at_complete",
    ),
    **{("test_a_range_is_exact", length): _UNTOLD for length in ("1", "100", "1279")},
    ("test_another_version_is_changed", "ByteRange(start=5, length=5)"): _UNTOLD,
    **_every("its answers tell no Content-Encoding", "test_a_stored_gzip_stays_as_it_is"),
    **_every("it looks at no generation", "test_absent_holds_for_a_new_key_only"),
    **{
        gap: GAPS[gap]
        for gap in (
            ("test_content_headers_arrive", ""),
            ("test_a_storage_class_is_stored", "ARCHIVE"),
            ("test_a_storage_class_is_stored", "DEEP_ARCHIVE"),
            ("test_kms_is_asked_for_and_told", ""),
        )
    },
}


def _key_files(token_url: str) -> Callable[[tuple[str, str, str]], Credentials]:
    """Key files in place of access keys: one secret is the right private key, all others are not."""

    def of(keys: tuple[str, str, str]) -> Credentials:
        return credentials_of(key_file(keys[0], token_url, key="right" if keys[1] == SK else "wrong"))

    return of


@contextmanager
def google_servers() -> Iterator[list[Harness]]:
    """The in-repo server in Google's dialect, and the emulator, whose tokens the former hands out."""
    with _google_server() as harness, _emulator(harness) as other:
        yield [harness, other]


@contextmanager
def _emulator(tokens: Harness) -> Iterator[Harness]:
    """gcp-storage-emulator: another opinion on plain writes, reads and listings; it looks at no token."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--in-memory", "--quiet"]

    def make_bucket(name: str) -> None:
        body = json.dumps({"name": name}).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{address}/storage/v1/b?project=p", body, headers)
        with urllib.request.urlopen(request) as answer:
            answer.read()

    with running(command, port):
        yield Harness(
            EMULATOR,
            "Google",
            make_bucket,
            f'endpoint: "{address}", dialect: google',
            gaps=EMULATOR_GAPS,
            credentials=tokens.credentials,
            side=Side.DESTINATION,
            more_lines=f", {{cloud_type: Google, region: tokens, {tokens.endpoint}}}",
        )


@contextmanager
def _google_server() -> Iterator[Harness]:
    with ServerProcess(
        StoreConfig(keys={AK: Account(public_pem("right"))}, dialect="google", region=REGION)
    ) as server:
        yield Harness(
            GOOGLE,
            "Google",
            server.create_bucket,
            f'endpoint: "{server.url}", dialect: google',
            server,
            GAPS,
            credentials=_key_files(f"{server.url}/token"),
            side=Side.DESTINATION,
        )
