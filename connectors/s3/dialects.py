"""What S3-compatible vendors do differently, as data (clouds.md B0, B1, C)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from connectors.objects import Availability, StorageClass
from connectors.traits import Traits


class Signature(StrEnum):
    """How requests are signed; OBS is V2 with the vendor's own prefix and tag."""

    V4 = "v4"
    V2 = "v2"
    OBS = "obs"


class Addressing(StrEnum):
    """Where the bucket stands: before the host, or first in the path."""

    VIRTUAL = "virtual"
    PATH = "path"


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
    """One vendor. `classes` are the words that are written; STANDARD is the header left out (clouds.md B0 row 7)."""

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
    crc64_header: str = ""
    conditional_write: bool = True
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
        if 'ongoing-request="true"' in restore:
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
    conditional_write=False,
    traits=Traits(
        conditional_put=False,
        conditional_complete=False,
        min_part=100 << 10,
        window_start=64,
    ),
)

DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (AWS, S3, OBS)}
