"""What an object is called at the destination, and which names are the engine's own."""

from typing import Final

from engine.failures import Meaning
from engine.spec import CloudType, TaskSpec

MAX_KEY_BYTES: Final = 1024
WORKSPACE: Final = b"oms/"
_HUAWEI: Final = frozenset({CloudType.HUAWEI_CLOUD, CloudType.HEC})


def destination_key(save_prefix: str, key: bytes) -> bytes:
    """`save_prefix` goes before the key as it is; nothing is inserted (oms-behaviour 3.4)."""
    return save_prefix.encode() + key


def key_problem(key: bytes, max_bytes: int = MAX_KEY_BYTES) -> Meaning | None:
    """BAD_KEY for an empty key or one above `max_bytes`, the prefix included (OMS 5.2.3 DstNodeReq)."""
    return None if 0 < len(key) <= max_bytes else Meaning.BAD_KEY


def file_system_problem(key: bytes, size: int) -> str:
    """Why a parallel file system would not keep this object under this name, "" when it would (clouds.md B0)."""
    if b"//" in key:
        return "a parallel file system has no names with //"
    if key.endswith(b"/") and size > 0:
        return "a directory of a parallel file system is empty"
    return ""


def is_workspace(key: bytes) -> bool:
    """Whether a key of the destination belongs to the service (oms-behaviour 2.1)."""
    return key.startswith(WORKSPACE)


def is_own_output(key: bytes, save_prefix: str, *, same_bucket: bool) -> bool:
    """Whether a source key is something that this task writes itself: it reads where it writes."""
    return same_bucket and (is_workspace(key) or (save_prefix != "" and key.startswith(save_prefix.encode())))


def same_bucket(spec: TaskSpec) -> bool:
    """Whether both ends are one bucket of Huawei's cloud; other stores are told apart by their addresses."""
    source, destination = spec.source, spec.destination
    return (
        source.cloud_type in _HUAWEI
        and source.bucket == destination.bucket
        and source.region == destination.region
    )


def same_bucket_refusal(spec: TaskSpec, *, same_store: bool = False) -> bool:
    """Whether a task must be refused: it would read what it writes, under the same names.

    `same_store`: the caller knows that both regions lead to one store, where the bucket's name decides.
    """
    shared = same_bucket(spec) or (same_store and spec.source.bucket == spec.destination.bucket)
    return shared and not spec.destination.save_prefix
