"""Which class an object gets: the source's, by how long a read waits (oms-behaviour 3.6, clouds.md C1)."""

from collections.abc import Mapping
from typing import Final

from engine.spec import CloudType, StoragePolicy

STANDARD: Final = "STANDARD"
IA: Final = "IA"
ARCHIVE: Final = "ARCHIVE"
DEEP_ARCHIVE: Final = "DEEP_ARCHIVE"

_HUAWEI: Final = {
    IA: "WARM STANDARD_IA",
    ARCHIVE: "COLD GLACIER",
    DEEP_ARCHIVE: "DEEP_ARCHIVE",
}

# Words in upper case; what is not named here is STANDARD.
_CLASSES: Final[Mapping[CloudType, Mapping[str, str]]] = {
    CloudType.HUAWEI_CLOUD: _HUAWEI,
    CloudType.HEC: _HUAWEI,
    CloudType.ALIYUN: {
        IA: "IA",
        ARCHIVE: "ARCHIVE",
        DEEP_ARCHIVE: "COLDARCHIVE DEEPCOLDARCHIVE",
    },
    CloudType.TENCENT: {
        IA: "STANDARD_IA MAZ_STANDARD_IA",
        ARCHIVE: "ARCHIVE MAZ_ARCHIVE",
        DEEP_ARCHIVE: "DEEP_ARCHIVE",
    },
    CloudType.AWS: {
        IA: "STANDARD_IA ONEZONE_IA GLACIER_IR AWS_BACKUP_WARM AWS_BACKUP_LOW_COST_WARM",
        ARCHIVE: "GLACIER",
        DEEP_ARCHIVE: "DEEP_ARCHIVE",
    },
    CloudType.AZURE: {IA: "COOL COLD", ARCHIVE: "ARCHIVE"},
    CloudType.GOOGLE: {IA: "NEARLINE COLDLINE", ARCHIVE: "ARCHIVE"},
    CloudType.BAIDU: {IA: "STANDARD_IA COLD MAZ_STANDARD_IA", ARCHIVE: "ARCHIVE"},
    CloudType.QINIU: {
        IA: "1 LINE 4 GLACIER_IR",
        ARCHIVE: "2 GLACIER",
        DEEP_ARCHIVE: "3 DEEP_ARCHIVE",
    },
    CloudType.KINGSOFT_CLOUD: {
        IA: "STANDARD_IA DEEP_IA",
        ARCHIVE: "ARCHIVE",
        DEEP_ARCHIVE: "DEEP_ARCHIVE COLD_ARCHIVE DEEP_COLD_ARCHIVE",
    },
    CloudType.UCLOUD: {IA: "IA ONEZONE_IA", ARCHIVE: "ARCHIVE GLACIER"},
    CloudType.QING_CLOUD: {IA: "STANDARD_IA"},
}

_MAPPING: Final = {
    (cloud, word): kept
    for cloud, classes in _CLASSES.items()
    for kept, words in classes.items()
    for word in words.split()
}


def destination_class(policy: StoragePolicy, cloud_type: CloudType, source_class: str) -> str:
    """STANDARD, IA, ARCHIVE or DEEP_ARCHIVE. A source class that nobody knows is STANDARD, never an error."""
    if policy is not StoragePolicy.SRC_STORAGE_MAPPING:
        return policy.value
    return _MAPPING.get((cloud_type, source_class.upper()), STANDARD)


def is_known_class(cloud_type: CloudType, source_class: str) -> bool:
    """Whether a source class has a row of its own: others are worth a log line."""
    return source_class == "" or (cloud_type, source_class.upper()) in _MAPPING or _plain(source_class)


def _plain(source_class: str) -> bool:
    return source_class.upper() in _STANDARD_WORDS


_STANDARD_WORDS: Final = frozenset(
    (
        *("STANDARD", "INTELLIGENT_TIERING", "MAZ_STANDARD", "MAZ_INTELLIGENT_TIERING", "REDUCED_REDUNDANCY"),
        *("EXPRESS_ONEZONE", "OUTPOSTS", "SNOW", "FSX_OPENZFS", "FSX_ONTAP", "HOT", "SMART"),
        *("MULTI_REGIONAL", "REGIONAL", "DURABLE_REDUCED_AVAILABILITY", "0"),
    )
)
