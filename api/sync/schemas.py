"""Bodies of the synchronisation calls (OMS 5.3.1, 5.3.3, 5.3.8). Unknown fields are ignored, as the vendor does."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from api.tasks.choices import CryptoType
from api.tasks.schemas import CdnBody, Key, LongText, Region
from api.validation import Flag, Text
from engine.spec import CloudType, ConsistencyCheck, StoragePolicy

LONGEST_KEY = 16_384
MOST_KEYS = 100


class SyncCheck(StrEnum):
    """The checks of table 5-85; `transmission` is what answers call `no_check` (oms-behaviour 12, 13)."""

    SIZE_LAST_MODIFIED = "size_last_modified"
    CRC64 = "crc64"
    TRANSMISSION = "transmission"
    NO_CHECK = "no_check"

    @property
    def consistency(self) -> ConsistencyCheck:
        """As the engine knows it."""
        return ConsistencyCheck.NO_CHECK if self is SyncCheck.TRANSMISSION else ConsistencyCheck(self.value)


class CreateSyncTaskBody(BaseModel):
    """A new synchronisation task (table 5-85)."""

    src_cloud_type: CloudType | None = CloudType.ALIYUN
    src_region: Region
    src_bucket: LongText
    src_ak: Key
    src_sk: Key
    src_crypto_type: CryptoType | None = None
    dst_ak: Key
    dst_sk: Key
    dst_crypto_type: CryptoType | None = None
    dst_region: Region
    dst_bucket: LongText
    description: Annotated[Text, StringConstraints(max_length=255)] | None = None
    enable_metadata_migration: Flag | None = False
    enable_kms: Flag | None = False
    enable_restore: Flag | None = False
    dst_storage_policy: StoragePolicy | None = StoragePolicy.STANDARD
    app_id: Annotated[Text, StringConstraints(max_length=255)] | None = None
    source_cdn: CdnBody | None = None
    consistency_check: SyncCheck | None = SyncCheck.SIZE_LAST_MODIFIED


class StartSyncTaskBody(BaseModel):
    """Keys for another start (table 5-111)."""

    src_ak: Key
    src_sk: Key
    dst_ak: Key
    dst_sk: Key
    src_crypto_type: CryptoType | None = None
    dst_crypto_type: CryptoType | None = None
    source_cdn_authentication_key: Annotated[Key, Field(max_length=255)] | None = None


EventKey = Annotated[Text, StringConstraints(min_length=1, max_length=LONGEST_KEY)]


class SyncEventBody(BaseModel):
    """Which objects have changed, percent-encoded (table 5-72)."""

    # How many there may be is the operator's choice, so it is checked later.
    object_keys: Annotated[list[EventKey], Field(json_schema_extra={"minItems": 1, "maxItems": MOST_KEYS})]
