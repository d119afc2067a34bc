"""Bodies of the task calls (OMS 5.2.3, 5.2.5, 5.2.7, 5.2.8). Unknown fields are ignored, as the vendor does."""

from typing import Annotated

from pydantic import BaseModel, Field, SecretStr, StringConstraints

from api.tasks.choices import CdnProtocol, CryptoType
from api.validation import Flag, Long, Text
from engine.cdn import CdnAuthentication
from engine.notices import Language, Trigger
from engine.spec import CloudType, ConsistencyCheck, OverwriteMode, Priority, StoragePolicy, TaskType
from engine.windows import MAX_RATE, MAX_WINDOWS, MIN_RATE

Secret = Annotated[SecretStr, Field(max_length=16_384)]
# Empty keys and rates out of range have codes of their own, so the bounds are documented here and checked later.
Key = Annotated[SecretStr, Field(max_length=100, json_schema_extra={"minLength": 1})]
Clock = Annotated[Text, Field(json_schema_extra={"pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"})]
Rate = Annotated[Long, Field(json_schema_extra={"minimum": MIN_RATE, "maximum": MAX_RATE})]
LongText = Annotated[Text, StringConstraints(max_length=1024)]
Region = Annotated[Text, StringConstraints(max_length=100)]
AuthFile = Annotated[SecretStr, Field(max_length=65_535)]


class ListFileBody(BaseModel):
    """Where the list of objects lies (table 5-41)."""

    list_file_key: Annotated[Text, StringConstraints(min_length=1, max_length=1024)]
    obs_bucket: LongText
    list_file_num: Annotated[Text, StringConstraints(max_length=65_535)] | None = None


class SourceBody(BaseModel):
    """The source (table 5-40)."""

    cloud_type: CloudType | None = CloudType.ALIYUN
    region: Region | None = None
    ak: Key | None = None
    sk: Key | None = None
    json_auth_file: AuthFile | None = None
    security_token: Secret | None = None
    connection_string: Secret | None = None
    app_id: Annotated[Text, StringConstraints(max_length=255)] | None = None
    bucket: LongText | None = None
    object_key: Annotated[list[LongText], Field(max_length=500)] | None = None
    list_file: ListFileBody | None = None
    crypto_type: CryptoType | None = None
    kms_key_id: Annotated[Text, StringConstraints(max_length=36)] | None = None


class DestinationBody(BaseModel):
    """The destination (table 5-42)."""

    ak: Key
    sk: Key
    security_token: Secret | None = None
    bucket: LongText
    save_prefix: LongText | None = None
    region: Region
    crypto_type: CryptoType | None = None
    kms_key_id: Annotated[Text, StringConstraints(max_length=36)] | None = None


class BandwidthBody(BaseModel):
    """A window of the day with its limit in bytes a second, 1,048,576 to 209,715,200 (table 5-43)."""

    start: Clock = Field(examples=["00:00"])
    end: Clock = Field(examples=["23:59"])
    max_bandwidth: Rate = Field(examples=[MIN_RATE])


Policy = Annotated[list[BandwidthBody], Field(json_schema_extra={"maxItems": MAX_WINDOWS})]


class CdnBody(BaseModel):
    """Reading through a CDN (table 5-44)."""

    domain: LongText
    protocol: CdnProtocol
    authentication_type: CdnAuthentication
    authentication_key: Annotated[SecretStr, Field(max_length=255)] | None = None
    crypto_type: CryptoType | None = None
    kms_key_id: Annotated[Text, StringConstraints(max_length=36)] | None = None


class SmnBody(BaseModel):
    """Whom to tell about the end (table 5-45)."""

    topic_urn: LongText
    trigger_conditions: Annotated[list[Trigger], Field(min_length=1, max_length=2)]
    language: Language | None = Language.EN_US
    message_template_name: LongText | None = None


class CreateTaskBody(BaseModel):
    """A new task (table 5-39)."""

    task_type: TaskType | None = TaskType.OBJECT
    src_node: SourceBody
    dst_node: DestinationBody
    enable_kms: Flag | None = False
    description: Annotated[Text, StringConstraints(max_length=255)] | None = None
    migrate_since: Long | None = 0
    bandwidth_policy: Policy | None = None
    source_cdn: CdnBody | None = None
    smn_config: SmnBody | None = None
    enable_metadata_migration: Flag | None = False
    enable_restore: Flag | None = False
    enable_failed_object_recording: Flag | None = True
    object_overwrite_mode: OverwriteMode | None = OverwriteMode.SIZE_LAST_MODIFIED
    dst_storage_policy: StoragePolicy | None = StoragePolicy.STANDARD
    consistency_check: ConsistencyCheck | None = ConsistencyCheck.SIZE_LAST_MODIFIED
    enable_requester_pays: Flag | None = False
    task_priority: Priority | None = Priority.MEDIUM


class StartTaskBody(BaseModel):
    """Keys for another start (table 5-54)."""

    src_ak: Key | None = None
    src_sk: Key | None = None
    json_auth_file: AuthFile | None = None
    src_security_token: Secret | None = None
    src_connection_string: Secret | None = None
    src_crypto_type: CryptoType | None = None
    src_kms_key_id: Annotated[Text, StringConstraints(max_length=36)] | None = None
    dst_ak: Key
    dst_sk: Key
    dst_security_token: Secret | None = None
    dst_crypto_type: CryptoType | None = None
    dst_kms_key_id: Annotated[Text, StringConstraints(max_length=36)] | None = None
    source_cdn_authentication_key: Annotated[SecretStr, Field(max_length=255)] | None = None
    migrate_failed_object: Flag | None = False


class BandwidthPolicyBody(BaseModel):
    """New limits; an empty list lifts them (table 5-62)."""

    bandwidth_policy: Policy


class BatchUpdateBody(BaseModel):
    """New limits and perhaps a new priority for a group or for up to 20 tasks (table 5-67)."""

    group_id: Annotated[Text, StringConstraints(min_length=1, max_length=36)] | None = None
    ids: Annotated[list[Long], Field(max_length=20)] | None = None
    bandwidth_policy: Policy
    task_priority: Priority | None = None
