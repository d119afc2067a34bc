"""What a task is to do, as a value: the request of OMS 5.2.3 without credentials and without scheduling."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from engine.cdn import CdnAuthentication


class TaskType(StrEnum):
    """How the objects of a task are chosen."""

    OBJECT = "object"
    PREFIX = "prefix"
    LIST = "list"
    URL_LIST = "url_list"


class OverwriteMode(StrEnum):
    """What happens to an object that the destination already has (oms-behaviour 3.2)."""

    NO_OVERWRITE = "NO_OVERWRITE"
    SIZE_LAST_MODIFIED = "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE"
    CRC64 = "CRC64_COMPARISON_OVERWRITE"
    FULL_OVERWRITE = "FULL_OVERWRITE"


class StoragePolicy(StrEnum):
    """The class that a written object gets (oms-behaviour 3.6)."""

    STANDARD = "STANDARD"
    IA = "IA"
    ARCHIVE = "ARCHIVE"
    DEEP_ARCHIVE = "DEEP_ARCHIVE"
    SRC_STORAGE_MAPPING = "SRC_STORAGE_MAPPING"


class ConsistencyCheck(StrEnum):
    """How a written object is compared with its source (oms-behaviour 3.3)."""

    SIZE_LAST_MODIFIED = "size_last_modified"
    CRC64 = "crc64"
    NO_CHECK = "no_check"


class Priority(StrEnum):
    """The order in which waiting tasks get a slot."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"

    @property
    def rank(self) -> int:
        """0 goes first."""
        return (Priority.HIGH, Priority.MEDIUM, Priority.LOW).index(self)


class CloudType(StrEnum):
    """Where a bucket lives; HEC: OBS as a destination. Any case is understood (oms-behaviour 4.8)."""

    AWS = "AWS"
    AZURE = "Azure"
    ALIYUN = "Aliyun"
    TENCENT = "Tencent"
    HUAWEI_CLOUD = "HuaweiCloud"
    QING_CLOUD = "QingCloud"
    KINGSOFT_CLOUD = "KingsoftCloud"
    BAIDU = "Baidu"
    GOOGLE = "Google"
    QINIU = "Qiniu"
    UCLOUD = "UCloud"
    URL_SOURCE = "URLSource"
    HEC = "HEC"

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        return next((member for member in cls if member.value.lower() == value.lower()), None)


SOURCES = tuple(cloud for cloud in CloudType if cloud is not CloudType.HEC)


@dataclass(frozen=True, slots=True)
class ListFile:
    """A list of objects or URLs in a bucket of the destination's region. `count` is echoed as it came."""

    bucket: str
    key: str
    count: str = ""


@dataclass(frozen=True, slots=True)
class SourceNode:
    """Where a task reads, and what."""

    cloud_type: CloudType
    region: str = ""
    bucket: str = ""
    app_id: str = ""
    object_keys: tuple[str, ...] = ()
    list_file: ListFile | None = None


@dataclass(frozen=True, slots=True)
class DestinationNode:
    """Where a task writes; `save_prefix` goes before each key as it is."""

    bucket: str
    region: str
    save_prefix: str = ""


@dataclass(frozen=True, slots=True)
class CdnNode:
    """The CDN that gives the bytes of a bucket; its key is kept with the source's keys."""

    domain: str
    protocol: str
    authentication: CdnAuthentication


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """The owner's orthogonal choices; defaults are those of OMS 5.2.3. `migrate_since_s` 0 means always."""

    task_type: TaskType
    source: SourceNode
    destination: DestinationNode
    enable_kms: bool = False
    migrate_since_s: int = 0
    enable_metadata_migration: bool = False
    enable_restore: bool = False
    record_failures: bool = True
    overwrite: OverwriteMode = OverwriteMode.SIZE_LAST_MODIFIED
    storage_policy: StoragePolicy = StoragePolicy.STANDARD
    consistency: ConsistencyCheck = ConsistencyCheck.SIZE_LAST_MODIFIED
    requester_pays: bool = False
    description: str = ""
    cdn: CdnNode | None = None


def to_json(spec: TaskSpec) -> dict[str, Any]:
    """A JSON object that `from_json` reads back exactly."""
    found = asdict(spec)
    found["source"]["object_keys"] = list(spec.source.object_keys)
    return found


def from_json(stored: Mapping[str, Any]) -> TaskSpec:
    """The spec that `to_json` wrote. Raises KeyError, TypeError or ValueError for anything else."""
    rest = {name: value for name, value in stored.items() if name not in _TYPED}
    return TaskSpec(
        task_type=TaskType(stored["task_type"]),
        source=_source(stored["source"]),
        destination=DestinationNode(**stored["destination"]),
        overwrite=OverwriteMode(stored["overwrite"]),
        storage_policy=StoragePolicy(stored["storage_policy"]),
        consistency=ConsistencyCheck(stored["consistency"]),
        cdn=_cdn(stored.get("cdn")),
        **rest,
    )


_TYPED = frozenset(
    {"task_type", "source", "destination", "overwrite", "storage_policy", "consistency", "cdn"}
)


def _cdn(stored: Mapping[str, Any] | None) -> CdnNode | None:
    if stored is None:
        return None
    return CdnNode(stored["domain"], stored["protocol"], CdnAuthentication(stored["authentication"]))


def _source(stored: Mapping[str, Any]) -> SourceNode:
    listed = stored["list_file"]
    return SourceNode(
        cloud_type=CloudType(stored["cloud_type"]),
        region=stored["region"],
        bucket=stored["bucket"],
        app_id=stored["app_id"],
        object_keys=tuple(stored["object_keys"]),
        list_file=None if listed is None else ListFile(**listed),
    )
