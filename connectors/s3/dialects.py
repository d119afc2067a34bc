"""What S3-compatible vendors do differently, as data (clouds.md B0-B10, C)."""

from collections.abc import Mapping

from connectors.objects import StorageClass
from connectors.s3.dialect import Addressing, Dialect, Signature
from connectors.traits import MIB, TIB, RestoreKind, Traits

__all__ = ["DIALECTS", "Addressing", "Dialect", "Signature"]

_OBS_CLASSES = {
    StorageClass.IA: "WARM",
    StorageClass.ARCHIVE: "COLD",
    StorageClass.DEEP_ARCHIVE: "DEEP_ARCHIVE",
}

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
    tag_count_header="x-ms-tag-count",
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
    ),
)

# Answers in JSON and lists in the order of its storage: see connectors/qingstor. The ETag of an upload is whatever its
# writer said.
QINGSTOR = Dialect(
    name="qingstor",
    prefix="x-qs-",
    signature=Signature.QS,
    signatures=frozenset({Signature.QS}),
    addressing=Addressing.VIRTUAL,
    list_version=1,
    encode_listing=False,
    classes={StorageClass.IA: "STANDARD_IA"},
    archived_classes=frozenset(),
    kms_word="",
    restore_element="",
    conditional_write=False,
    hosts=(".qingstor.com",),
    service_host="qingstor.com",
    traits=Traits(
        tags=False,
        ordered=False,
        conditional_put=False,
        conditional_complete=False,
        etag_is_md5=False,
        min_part=4 << 20,
        max_key_bytes=1023,
        window_max=64,
    ),
)

# The S3 gateway of Qiniu's Kodo. It does not encode listings (clouds.md B8 row 3), so a key with a control character
# ends a listing as an error. Nothing is known of conditional writes and Content-MD5.
KODO = Dialect(
    name="kodo",
    signatures=frozenset({Signature.V4}),
    encode_listing=False,
    classes={
        StorageClass.IA: "LINE",
        StorageClass.ARCHIVE: "GLACIER",
        StorageClass.DEEP_ARCHIVE: "DEEP_ARCHIVE",
    },
    kms_word="",
    conditional_write=False,
    qetag=True,
    hosts=(".qiniucs.com",),
    traits=Traits(
        tags=False,
        start_after=False,
        conditional_put=False,
        conditional_complete=False,
        md5_enforced=False,
        etag_is_md5=False,
        min_part=1 << 20,
        max_part=1 << 30,
        max_key_bytes=750,
        window_max=64,
    ),
)

# The S3 gateway of UCloud's US3. It checks no Content-MD5, has an ETag of its own, stores STANDARD_IA as STANDARD, and
# takes parts of exactly 8 MiB (clouds.md B10). Its markers are not to be trusted: a listing goes on after its last key.
US3 = Dialect(
    name="us3",
    signatures=frozenset({Signature.V4}),
    list_version=1,
    classes={
        StorageClass.IA: "ONEZONE_IA",
        StorageClass.ARCHIVE: "GLACIER",
        StorageClass.DEEP_ARCHIVE: "DEEP_ARCHIVE",
    },
    archived_classes=frozenset({"GLACIER", "DEEP_ARCHIVE", "ARCHIVE"}),
    kms_word="",
    conditional_write=False,
    hosts=(".ufileos.com",),
    traits=Traits(
        tags=False,
        start_after=False,
        conditional_put=False,
        conditional_complete=False,
        md5_enforced=False,
        etag_is_md5=False,
        max_put=1 << 30,
        min_part=8 << 20,
        max_part=8 << 20,
        window_start=8,
        window_max=32,
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
    dialect.name: dialect
    for dialect in (AWS, S3, OBS, OSS, COS, KS3, BOS, AZURE, QINGSTOR, KODO, US3, GOOGLE)
}
