"""What the vendors' services do differently from each other, as data (clouds.md B0-B5, C2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tests.storeserver.etags import qetag, ufile_etag

_CLASSES = (
    "STANDARD REDUCED_REDUNDANCY STANDARD_IA ONEZONE_IA INTELLIGENT_TIERING GLACIER_IR GLACIER DEEP_ARCHIVE"
)
_JOBS = ("Days", "Tier", "GlacierJobParameters", "Type", "Description")


@dataclass(frozen=True, slots=True, eq=False)
class Flavor:
    """One vendor. `classes` gives the vendor's word for each storage class of S3 that it has.

    `encoding` is how names stand in an encoded listing: form (blank is `+`), percent, or all (`/` as %2F too).
    `tells_endpoint` is what a request at another region's host gets: a status and a code. `query_names` and `codes`
    are the vendor's words for those of S3. `etag_rule` makes an ETag of the blocks of 4 MiB, where it is no MD5. A
    gateway that does not encode a listing writes U+FFFD for what XML cannot hold. `aliases` are classes that are stored
    as others, `part_size` is that of all parts but the last, and a `wrong_marker` leads back to the page's first key.
    `own_composite`: the ETag of an upload is not made of the MD5s of its parts as S3 does.
    """

    name: str
    prefix: str
    namespace: bytes = b""
    classes: Mapping[str, str] = field(default_factory=lambda: {name: name for name in _CLASSES.split()})
    class_always_shown: bool = False
    kms: str = "kms"
    kms_key: str = "server-side-encryption-kms-key-id"
    crc_header: str = ""
    encoding: str = "percent"
    upper_etag: bool = False
    opaque_etag: bool = False
    whole_seconds: bool = True
    next_marker: bool = True
    merges_slashes: bool = False
    head_bucket: bool = True
    restore_elements: tuple[str, ...] = ("Days", "JobParameters")
    restore_refusal: tuple[int, str] = (403, "InvalidObjectState")
    wrong_token: tuple[int, str] = (403, "InvalidSecurityToken")
    tells_endpoint: tuple[int, str] | None = None
    json: bool = False
    query_names: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)
    first_part: int = 1
    etag_rule: Callable[[Iterable[bytes]], str] | None = None
    encodes_listing: bool = True
    hides_leading_slash: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)
    wrong_marker: bool = False
    part_size: int = 0
    own_composite: bool = False

    def class_name(self, storage_class: str) -> str:
        """A storage class as the vendor calls it."""
        return self.classes.get(storage_class, storage_class)

    def class_of(self, word: str) -> str | None:
        """The S3 name of a vendor's word, None for a word that the vendor does not know."""
        word = self.aliases.get(word, word)
        return next((ours for ours, theirs in self.classes.items() if word in (theirs, ours)), None)

    def etag(self, etag: str) -> str:
        """An ETag as the vendor writes it."""
        if self.opaque_etag:
            return f"0x8D{etag[:13].upper()}"
        return etag.upper() if self.upper_etag else etag


S3 = Flavor(
    "s3",
    "x-amz-",
    namespace=b' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"',
    kms="aws:kms",
    kms_key="server-side-encryption-aws-kms-key-id",
    crc_header="x-amz-checksum-crc64ecma",
    encoding="form",
    whole_seconds=False,
    next_marker=False,
    restore_elements=_JOBS,
    wrong_token=(400, "InvalidToken"),
)
OBS = Flavor(
    "obs",
    "x-obs-",
    namespace=b' xmlns="http://obs.myhwclouds.com/doc/2015-06-30/"',
    classes={**S3.classes, "STANDARD_IA": "WARM", "GLACIER": "COLD"},
    crc_header="x-obs-checksum-crc64ecma",
    encoding="form",
    whole_seconds=False,
    restore_elements=(*_JOBS, "RestoreJob"),
    wrong_token=(400, "InvalidToken"),
)
OSS = Flavor(
    "oss",
    "x-oss-",
    classes={
        "STANDARD": "Standard",
        "STANDARD_IA": "IA",
        "GLACIER": "Archive",
        "DEEP_ARCHIVE": "ColdArchive",
        "DEEP_COLD_ARCHIVE": "DeepColdArchive",
    },
    class_always_shown=True,
    kms="KMS",
    kms_key="server-side-encryption-key-id",
    crc_header="x-oss-hash-crc64ecma",
    encoding="all",
    upper_etag=True,
    own_composite=True,
    head_bucket=False,
    restore_refusal=(400, "OperationNotSupported"),
    tells_endpoint=(403, "AccessDenied"),
)
COS = Flavor(
    "cos",
    "x-cos-",
    classes={
        "STANDARD": "STANDARD",
        "STANDARD_IA": "STANDARD_IA",
        "INTELLIGENT_TIERING": "INTELLIGENT_TIERING",
        "GLACIER": "ARCHIVE",
        "DEEP_ARCHIVE": "DEEP_ARCHIVE",
    },
    kms="cos/kms",
    kms_key="server-side-encryption-cos-kms-key-id",
    crc_header="x-cos-hash-crc64ecma",
    restore_elements=("Days", "CASJobParameters"),
    wrong_token=(403, "ExpiredToken"),
)
KS3 = Flavor(
    "ks3",
    "x-kss-",
    classes={
        "STANDARD": "STANDARD",
        "STANDARD_IA": "STANDARD_IA",
        "ONEZONE_IA": "DEEP_IA",
        "GLACIER": "ARCHIVE",
        "DEEP_ARCHIVE": "COLD_ARCHIVE",
        "DEEP_COLD_ARCHIVE": "DEEP_COLD_ARCHIVE",
    },
    kms="",
    crc_header="x-kss-checksum-crc64ecma",
    next_marker=False,
    merges_slashes=True,
    wrong_token=(403, "ExpiredToken"),
    tells_endpoint=(307, "TemporaryRedirect"),
)
BOS = Flavor(
    "bos",
    "x-bce-",
    classes={
        "STANDARD": "STANDARD",
        "STANDARD_IA": "STANDARD_IA",
        "ONEZONE_IA": "COLD",
        "GLACIER": "ARCHIVE",
    },
    kms="",
    crc_header="x-bce-content-crc64ecma",
    json=True,
)
# Answers, errors and routes of its own: see azure.py.
AZURE = Flavor(
    "azure",
    "x-ms-",
    classes={
        "STANDARD": "Hot",
        "STANDARD_IA": "Cool",
        "ONEZONE_IA": "Cold",
        "GLACIER": "Archive",
    },
    kms="",
    crc_header="",
    opaque_etag=True,
)

QINGSTOR = Flavor(
    "qingstor",
    "x-qs-",
    classes={"STANDARD": "STANDARD", "STANDARD_IA": "STANDARD_IA"},
    class_always_shown=True,
    kms="",
    json=True,
    first_part=0,
    query_names={
        "upload_id": "uploadId",
        "part_number": "partNumber",
        "limit": "max-keys",
    },
    codes={
        "InvalidAccessKeyId": "invalid_access_key_id",
        "SignatureDoesNotMatch": "signature_not_matched",
        "RequestTimeTooSkewed": "request_expired",
        "AccessDenied": "permission_denied",
        "NoSuchBucket": "bucket_not_exists",
        "NoSuchKey": "object_not_exists",
        "NoSuchUpload": "object_not_exists",
        "BadDigest": "bad_digest",
        "InvalidDigest": "bad_digest",
        "PreconditionFailed": "precondition_failed",
        "InvalidRange": "invalid_range",
        "KeyTooLongError": "invalid_object_name",
        "EntityTooSmall": "entity_too_small",
        "EntityTooLarge": "entity_too_large",
        "InvalidPart": "invalid_argument",
        "InvalidPartOrder": "invalid_argument",
        "InvalidArgument": "invalid_argument",
        "InvalidStorageClass": "invalid_argument",
        "InternalError": "internal_error",
    },
)

# The S3 gateway of Qiniu's Kodo.
KODO = Flavor(
    "kodo",
    "x-amz-",
    namespace=S3.namespace,
    classes={
        "STANDARD": "STANDARD",
        "STANDARD_IA": "LINE",
        "GLACIER_IR": "GLACIER_IR",
        "GLACIER": "GLACIER",
        "DEEP_ARCHIVE": "DEEP_ARCHIVE",
    },
    kms="",
    next_marker=False,
    whole_seconds=False,
    restore_elements=_JOBS,
    wrong_token=(400, "InvalidToken"),
    etag_rule=qetag,
    encodes_listing=False,
    hides_leading_slash=True,
)

# The S3 gateway of UCloud's US3.
US3 = Flavor(
    "us3",
    "x-amz-",
    namespace=S3.namespace,
    classes={"STANDARD": "STANDARD", "ONEZONE_IA": "ONEZONE_IA", "GLACIER": "GLACIER"},
    aliases={
        "STANDARD_IA": "STANDARD",
        "INTELLIGENT_TIERING": "ONEZONE_IA",
        "REDUCED_REDUNDANCY": "ONEZONE_IA",
        "DEEP_ARCHIVE": "GLACIER",
    },
    kms="",
    restore_elements=_JOBS,
    wrong_token=(400, "InvalidToken"),
    etag_rule=ufile_etag,
    wrong_marker=True,
    part_size=8 << 20,
)

GOOGLE = Flavor(
    "google",
    "x-goog-",
    namespace=b' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"',
    # None of them keeps an object from being read.
    classes={
        "STANDARD": "STANDARD",
        "STANDARD_IA": "NEARLINE",
        "ONEZONE_IA": "COLDLINE",
        "GLACIER_IR": "ARCHIVE",
    },
    class_always_shown=True,
    kms="",
    whole_seconds=False,
    own_composite=True,
)

BY_PREFIX: Mapping[str, Flavor] = {
    one.prefix: one for one in (S3, OBS, OSS, COS, KS3, BOS, AZURE, QINGSTOR, GOOGLE)
}
# The dialects of which a server speaks one and nothing else.
VENDORS: Mapping[str, Flavor] = {
    one.name: one for one in (OSS, COS, KS3, BOS, AZURE, QINGSTOR, KODO, US3, GOOGLE)
}
