"""What an S3-compatible vendor may do differently: the words in which dialects are written (clouds.md B, C)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from connectors.objects import Availability, StorageClass
from connectors.traits import Traits


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
    QS = "qs"
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


@dataclass(frozen=True, slots=True)
class Dialect:
    """One vendor. `classes` are the words that are written; STANDARD is the header left out (clouds.md B0 row 7).

    `hosts` are the ends of the vendor's own host names; of these, only `service_host` tells of all buckets.
    `host_region` finds the region in such a name, for vendors that answer in the wrong place with a host only.
    `plus_is_blank` is how encoded listings write a blank. `folds_slashes`: `//` in a path is sent and signed as
    `/%2F`. `sends_crc64`: a CRC64 in a write is checked. `app_id_in_bucket`: a bucket's name ends with the number of
    its account. `restore_element` holds the tier in a restore's body, "" where headers ask for it. `class_header` names
    the storage class, `tag_count_header` the number of tags, "" for the usual name. `md5_headers` tell the whole
    object's MD5, the first that is there counts.
    `file_systems`: a bucket may be a parallel file system. `qetag`: ETags may be Qiniu's, which prove the bytes of a
    whole read.
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
    tag_count_header: str = ""
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
    qetag: bool = False
    traits: Traits = field(default_factory=Traits)

    @property
    def gateway(self) -> bool:
        """True when this is the vendor's S3 interface, and not a native one that has another beside it."""
        return self.prefix == "x-amz-"

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
