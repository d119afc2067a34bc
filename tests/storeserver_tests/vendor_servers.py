"""A server that speaks one vendor's dialect, and what its client is asked to do.

Left out of the keys are those that an SDK folds, drops or refuses itself (clouds.md A1).
"""

from __future__ import annotations

from typing import Protocol

from tests.storeserver import Account, StoreConfig

AK, SK, TOKEN = "vendor-access-key", "vendor-secret-key", "vendor-token"
BUCKET = "own-1250000000"
REGION = "cn-test-4"
KEYS = ["plain", "a/b", "sp ace+plus%41", "uni-é中😀", "q?m#f", "tilde~!*'()", "end/", "x;y=z&w,:@$", "b\\s"]
DOMAINS = {
    "oss": f"oss-{REGION}.vendor.test",
    "cos": f"cos.{REGION}.vendor.test",
    "ks3": f"ks3-{REGION}.vendor.test",
    "bos": f"{REGION}.vendor.test",
    "qingstor": f"{REGION}.vendor.test",
    "kodo": f"s3.{REGION}.vendor.test",
    "us3": f"s3-{REGION}.vendor.test",
}
# What a vendor does not have.
NO_TOKENS = frozenset({"ks3", "qingstor"})
NO_ARCHIVE = frozenset({"qingstor"})
NO_CRC64 = frozenset({"qingstor", "kodo", "us3"})


class Client(Protocol):
    """What each SDK is asked to do."""

    refusal: type[Exception]
    more_keys: tuple[str, ...]

    def put(self, key: str, data: bytes, metadata: dict[str, str]) -> None: ...
    def get(self, key: str) -> tuple[bytes, dict[str, str], str]: ...
    def part_of(self, key: str, first: int, last: int) -> bytes: ...
    def keys(self, prefix: str, page: int) -> list[str]: ...
    def upload(self, key: str, parts: list[bytes]) -> list[int]: ...
    def put_archived(self, key: str, data: bytes) -> None: ...
    def restore(self, key: str) -> None: ...
    def restore_state(self, key: str) -> str: ...
    def delete(self, key: str) -> None: ...


def config(name: str) -> StoreConfig:
    """A server that speaks one vendor's dialect, with a bucket."""
    return StoreConfig(
        dialect=name,
        keys={AK: Account(SK), "temporary": Account(SK, TOKEN)},
        buckets=[BUCKET],
        base_domain=DOMAINS[name],
        app_id="1250000000" if name == "cos" else "",
        region=REGION,
        crc64=True,
        restore_seconds=0.2,
    )
