"""Bodies of the bucket calls, and their answers (OMS 5.5). Unknown fields are ignored, as the vendor does."""

from typing import Annotated

from pydantic import BaseModel, Field, SecretStr, StringConstraints

from api.tasks.schemas import AuthFile, CdnBody, Key, LongText, Region, Secret
from api.validation import Long, Text
from engine.spec import CloudType

ConnectionString = Annotated[SecretStr, Field(max_length=2048)]
BucketName = Annotated[Text, StringConstraints(max_length=100)]
MAX_PAGE = 100


class AccountBody(BaseModel):
    """Whose buckets (table 5-194); which of the keys are needed depends on the cloud."""

    cloud_type: CloudType
    ak: Key | None = None
    sk: Key | None = None
    json_auth_file: AuthFile | None = None
    connection_string: ConnectionString | None = None
    app_id: Annotated[Text, StringConstraints(max_length=255)] | None = None
    security_token: Secret | None = None


class BucketRegionBody(AccountBody):
    """Where is this bucket (table 5-199)?"""

    bucket_name: BucketName


class PrefixBody(BucketRegionBody):
    """Has this bucket objects under a prefix (table 5-204)?"""

    file_name: LongText
    data_center: Region


class ObjectsBody(BucketRegionBody):
    """One page of one level of a bucket (table 5-180)."""

    file_path: Annotated[Text, StringConstraints(max_length=1023)]
    data_center: Region
    page_size: Annotated[Long, Field(le=MAX_PAGE, json_schema_extra={"minimum": 0, "maximum": MAX_PAGE})]
    behind_filename: LongText


class PrefixKeysBody(BaseModel):
    """Which objects to check; each key may also be a prefix (table 5-187)."""

    keys: Annotated[list[Annotated[Text, StringConstraints(max_length=2048)]], Field(max_length=100)]


class CdnInfoBody(AccountBody):
    """A bucket and the CDN before it (table 5-186)."""

    region: Region
    bucket: BucketName
    prefix: PrefixKeysBody | None = None
    source_cdn: CdnBody


class UrlListBody(BaseModel):
    """Where a list of URLs lies (oms-behaviour 8.2)."""

    obs_bucket: LongText
    list_file_key: Annotated[Text, StringConstraints(min_length=1, max_length=1024)]
    ak: Key
    sk: Key
    region: Region


class BucketRegion(BaseModel):
    """A bucket's region (table 5-200)."""

    id: str
    name: str
    support: bool


class PrefixFound(BaseModel):
    """Whether there are such objects (table 5-205)."""

    exist: bool


class BucketRecord(BaseModel):
    """An object, or a folder with the size `--` (table 5-182)."""

    name: str
    size: str


class BucketPage(BaseModel):
    """One page (table 5-181)."""

    next_page: bool
    next_marker: str | None
    records: list[BucketRecord]


class CheckedKey(BaseModel):
    """One object of the bucket, seen through the CDN (table 5-190)."""

    key: str
    is_etag_matching: bool
    is_object_existing: bool


class CdnInfo(BaseModel):
    """What can be had through the CDN (table 5-189)."""

    is_same_cloud_type: bool
    is_download_available: bool
    checked_keys: list[CheckedKey]
