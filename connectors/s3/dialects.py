"""What S3-compatible vendors do differently, as data (clouds.md B0-B5, C)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from connectors.objects import Availability, StorageClass
from connectors.traits import MIB, TIB, RestoreKind, Traits


class Signature(StrEnum):
    """How requests are signed; OBS and KSS are V2 with the vendor's own prefix and tag."""

    V4 = "v4"
    V2 = "v2"
    OBS = "obs"
    KSS = "kss"
    OSS4 = "oss4"
    COS = "cos"
    BCE1 = "bce1"
    SHARED_KEY = "shared_key"
    BEARER = "bearer"


class Addressing(StrEnum):
    """Where the bucket stands: before the host, first in the path, or nowhere, as the host is a domain bound to it."""

    VIRTUAL = "virtual"
    PATH = "path"
    DOMAIN = "domain"


_S3_CLASSES = {
    StorageClass.IA: "STANDARD_IA",
    StorageClass.ARCHIVE: "GLACIER",
    StorageClass.DEEP_ARCHIVE: "DEEP_ARCHIVE",
}
_OBS_CLASSES = {
    StorageClass.IA: "WARM",
    StorageClass.ARCHIVE: "COLD",
    StorageClass.DEEP_ARCHIVE: "DEEP_ARCHIVE",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """One vendor. `classes` are the words that are written; STANDARD is the header left out (clouds.md B0 row 7).

    `hosts` are the ends of the vendor's own host names; of these, only `service_host` tells of all buckets.
    `host_region` finds the region in such a name, for vendors that answer in the wrong place with a host only.
    `plus_is_blank` is how encoded listings write a blank. `folds_slashes`: `//` in a path is sent and signed as
    `/%2F`. `sends_crc64`: a CRC64 in a write is checked. `app_id_in_bucket`: a bucket's name ends with the number of
    its account. `restore_element` holds the tier in a restore's body, "" where headers ask for it. `class_header` names
    the storage class, "" for the usual name. `md5_headers` tell the whole object's MD5, the first that is there counts.
    `file_systems`: a bucket may be a parallel file system.
    """

    name: str
    prefix: str = "x-amz-"
    signature: Signature = Signature.V4
    signatures: frozenset[Signature] = frozenset({Signature.V4, Signature.V2})
    addressing: Addressing = Addressing.PATH
    list_version: int = 2
    encode_listing: bool = True
    list_headers: tuple[tuple[str, str], ...] = ()
    classes: Mapping[StorageClass, str] = field(default_factory=lambda: _S3_CLASSES)
    archived_classes: frozenset[str] = frozenset({"GLACIER", "DEEP_ARCHIVE"})
    kms_word: str = "aws:kms"
    class_header: str = ""
    md5_headers: tuple[str, ...] = ()
    crc64_header: str = ""
    sends_crc64: bool = False
    plus_is_blank: bool = True
    folds_slashes: bool = False
    range_headers: tuple[tuple[str, str], ...] = ()
    head_bucket: bool = True
    restore_element: str = "GlacierJobParameters"
    buckets_query: tuple[tuple[str, str], ...] = ()
    hosts: tuple[str, ...] = ()
    service_host: str = ""
    app_id_in_bucket: bool = False
    host_region: str = ""
    conditional_write: bool = True
    file_systems: bool = False
    traits: Traits = field(default_factory=Traits)

    @property
    def meta_prefix(self) -> str:
        """Prefix of user metadata headers."""
        return f"{self.prefix}meta-"

    @property
    def restore_header(self) -> str:
        """Where HEAD shows the state of a restore."""
        return f"{self.prefix}restore"

    def availability(self, storage_class: str, restore: str = "", archive_status: str = "") -> Availability:
        """Whether an object of this class, with these header values, can be read now (clouds.md C2)."""
        if 'ongoing-request="true"' in restore or archive_status.startswith("rehydrate-pending"):
            return Availability.RESTORING
        if 'ongoing-request="false"' in restore:
            return Availability.READABLE
        if storage_class in self.archived_classes or archive_status:
            return Availability.ARCHIVED
        return Availability.READABLE


AWS = Dialect(
    name="aws",
    signatures=frozenset({Signature.V4}),
    addressing=Addressing.VIRTUAL,
    list_headers=(("x-amz-optional-object-attributes", "RestoreStatus"),),
    traits=Traits(window_start=64),
)

S3 = Dialect(name="s3")

# V1 listing works on object buckets and parallel file systems alike. Whether If-None-Match holds on a write is not
# documented, so it is not relied on.
OBS = Dialect(
    name="obs",
    prefix="x-obs-",
    signature=Signature.OBS,
    signatures=frozenset({Signature.OBS}),
    addressing=Addressing.VIRTUAL,
    list_version=1,
    classes=_OBS_CLASSES,
    archived_classes=frozenset({"COLD", "DEEP_ARCHIVE", "GLACIER"}),
    kms_word="kms",
    crc64_header="x-obs-checksum-crc64ecma",
    sends_crc64=True,
    restore_element="RestoreJob",
    file_systems=True,
    conditional_write=False,
    traits=Traits(
        conditional_put=False,
        conditional_complete=False,
        min_part=100 << 10,
        window_start=64,
    ),
)

# A range that cannot be met would be answered with the whole object; the vendor has no HEAD of a bucket. Objects that
# grow, or were posted by a form, have an ETag that is no MD5 (clouds.md B2 row 4).
OSS = Dialect(
    name="oss",
    prefix="x-oss-",
    signature=Signature.OSS4,
    signatures=frozenset({Signature.OSS4}),
    addressing=Addressing.VIRTUAL,
    classes={
        StorageClass.IA: "IA",
        StorageClass.ARCHIVE: "Archive",
        StorageClass.DEEP_ARCHIVE: "ColdArchive",
    },
    archived_classes=frozenset({"Archive", "ColdArchive", "DeepColdArchive"}),
    kms_word="KMS",
    crc64_header="x-oss-hash-crc64ecma",
    plus_is_blank=False,
    range_headers=(("x-oss-range-behavior", "standard"),),
    head_bucket=False,
    buckets_query=(("max-keys", "1000"),),
    restore_element="JobParameters",
    conditional_write=False,
    hosts=(".aliyuncs.com",),
    host_region=r"(?:^|\.)oss-([a-z0-9-]+?)(?:-internal)?\.",
    traits=Traits(
        conditional_put=False,
        conditional_complete=False,
        etag_is_md5=False,
        min_part=100 << 10,
        max_key_bytes=1023,
        window_start=64,
        window_max=256,
    ),
)

COS = Dialect(
    name="cos",
    prefix="x-cos-",
    signature=Signature.COS,
    signatures=frozenset({Signature.COS}),
    addressing=Addressing.VIRTUAL,
    list_version=1,
    classes={
        StorageClass.IA: "STANDARD_IA",
        StorageClass.ARCHIVE: "ARCHIVE",
        StorageClass.DEEP_ARCHIVE: "DEEP_ARCHIVE",
    },
    archived_classes=frozenset({"ARCHIVE", "DEEP_ARCHIVE", "MAZ_ARCHIVE"}),
    kms_word="cos/kms",
    crc64_header="x-cos-hash-crc64ecma",
    plus_is_blank=False,
    restore_element="CASJobParameters",
    app_id_in_bucket=True,
    conditional_write=False,
    hosts=(".myqcloud.com", ".tencentcos.cn"),
    service_host="service.cos.myqcloud.com",
    traits=Traits(
        conditional_put=False,
        conditional_complete=False,
        min_part=1 << 20,
        max_key_bytes=850,
        window_start=64,
        window_max=256,
    ),
)

# Encryption with a key of the customer is not documented, nor is the smallest part (clouds.md B4).
KS3 = Dialect(
    name="ks3",
    prefix="x-kss-",
    signature=Signature.KSS,
    signatures=frozenset({Signature.KSS}),
    addressing=Addressing.VIRTUAL,
    list_version=1,
    classes={
        StorageClass.IA: "STANDARD_IA",
        StorageClass.ARCHIVE: "ARCHIVE",
        StorageClass.DEEP_ARCHIVE: "COLD_ARCHIVE",
    },
    archived_classes=frozenset({"ARCHIVE", "COLD_ARCHIVE", "DEEP_COLD_ARCHIVE"}),
    kms_word="",
    crc64_header="x-kss-checksum-crc64ecma",
    plus_is_blank=False,
    folds_slashes=True,
    restore_element="JobParameters",
    conditional_write=False,
    hosts=(".ksyuncs.com", ".ksyun.com"),
    traits=Traits(
        conditional_put=False,
        conditional_complete=False,
        window_max=64,
        tags=False,
    ),
)

# Answers in JSON: see connectors/bos.
BOS = Dialect(
    name="bos",
    prefix="x-bce-",
    signature=Signature.BCE1,
    signatures=frozenset({Signature.BCE1}),
    addressing=Addressing.VIRTUAL,
    list_version=1,
    encode_listing=False,
    classes={
        StorageClass.IA: "STANDARD_IA",
        StorageClass.ARCHIVE: "ARCHIVE",
        StorageClass.DEEP_ARCHIVE: "ARCHIVE",
    },
    archived_classes=frozenset({"ARCHIVE"}),
    kms_word="",
    crc64_header="x-bce-content-crc64ecma",
    restore_element="",
    conditional_write=False,
    hosts=(".bcebos.com",),
    traits=Traits(
        conditional_put=False,
        conditional_complete=False,
        min_part=100 << 10,
        window_start=32,
        window_max=128,
        tags=False,
    ),
)

# What differs from S3 beyond these words is in connectors/azure. An archived blob that is asked back changes its tier
# for good.
AZURE = Dialect(
    name="azure",
    prefix="x-ms-",
    signature=Signature.SHARED_KEY,
    signatures=frozenset({Signature.SHARED_KEY}),
    addressing=Addressing.VIRTUAL,
    classes={
        StorageClass.IA: "Cool",
        StorageClass.ARCHIVE: "Archive",
        StorageClass.DEEP_ARCHIVE: "Archive",
    },
    archived_classes=frozenset({"Archive"}),
    kms_word="",
    class_header="x-ms-access-tier",
    md5_headers=("x-ms-blob-content-md5", "content-md5"),
    hosts=(".core.windows.net", ".core.chinacloudapi.cn", ".core.usgovcloudapi.net"),
    traits=Traits(
        start_after=False,
        etag_is_md5=False,
        max_put=5000 * MIB,
        min_part=1,
        max_part=4000 * MIB,
        max_parts=49_999,
        max_object=190 * TIB,
        window_start=64,
        restore=RestoreKind.PERMANENT,
        tags=False,
    ),
)

# Lists, looks and writes in JSON, reads and uploads parts as S3 does: see connectors/google (clouds.md B6).
GOOGLE = Dialect(
    name="google",
    prefix="x-goog-",
    signature=Signature.BEARER,
    signatures=frozenset({Signature.BEARER}),
    list_version=1,
    classes={
        StorageClass.IA: "NEARLINE",
        StorageClass.ARCHIVE: "ARCHIVE",
        StorageClass.DEEP_ARCHIVE: "ARCHIVE",
    },
    archived_classes=frozenset(),
    kms_word="",
    plus_is_blank=False,
    conditional_write=False,
    hosts=(".googleapis.com",),
    traits=Traits(
        conditional_complete=False,
        composite_etag=False,
        max_object=5 * TIB,
        window_start=64,
        restore=RestoreKind.NONE,
        tags=False,
    ),
)

DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect for dialect in (AWS, S3, OBS, OSS, COS, KS3, BOS, AZURE, GOOGLE)
}
