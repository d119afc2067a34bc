"""Answers of the task calls (OMS tables 5-14 to 5-35, 5-46). Every field is always there; what is unknown is null."""

from typing import Annotated

from pydantic import BaseModel, Field

Count = Annotated[int, Field(ge=0)]


class BandwidthAnswer(BaseModel):
    """A traffic limit (table 5-28)."""

    start: str
    end: str
    max_bandwidth: int


class DestinationAnswer(BaseModel):
    """The destination, without keys (table 5-29)."""

    bucket: str
    region: str
    save_prefix: str


class ListFileAnswer(BaseModel):
    """The list of objects (table 5-33)."""

    list_file_key: str
    obs_bucket: str
    list_file_num: str


class SourceAnswer(BaseModel):
    """The source, without keys (table 5-32)."""

    bucket: str
    cloud_type: str
    region: str
    app_id: str
    object_key: list[str]
    list_file: ListFileAnswer | None


class ErrorReasonAnswer(BaseModel):
    """Why a task failed (table 5-30)."""

    error_code: str
    error_msg: str


class FailedRecordAnswer(BaseModel):
    """Where the failed objects are listed (table 5-31); all null when nothing was recorded."""

    result: bool | None
    list_file_key: str | None
    error_code: str | None


class SmnAnswer(BaseModel):
    """How the notification fared (table 5-34)."""

    notify_result: bool
    notify_error_message: str
    topic_name: str


class CdnAnswer(BaseModel):
    """The CDN, without its key (table 5-35)."""

    domain: str
    protocol: str
    authentication_type: str


class TaskAnswer(BaseModel):
    """A task (tables 5-15 and 5-27). Sizes in bytes, durations and instants in ms."""

    bandwidth_policy: list[BandwidthAnswer]
    complete_size: Count
    description: str
    dst_node: DestinationAnswer
    enable_failed_object_recording: bool
    enable_kms: bool
    enable_metadata_migration: bool
    enable_restore: bool
    error_reason: ErrorReasonAnswer | None
    failed_num: Count
    failed_object_record: FailedRecordAnswer
    group_id: str
    id: Count
    is_query_over: bool
    left_time: Count
    migrate_since: Count
    migrate_speed: Count
    name: str
    progress: Annotated[float, Field(ge=0, le=1)]
    real_size: Count
    skipped_num: Count
    src_node: SourceAnswer
    start_time: Count
    status: Annotated[int, Field(ge=1, le=7)]
    successful_num: Count
    task_type: str
    group_type: str
    total_num: Count
    total_size: Count
    total_time: Count
    smn_info: SmnAnswer | None
    source_cdn: CdnAnswer | None
    success_record_error_reason: str
    skip_record_error_reason: str
    object_overwrite_mode: str
    dst_storage_policy: str
    consistency_check: str
    enable_requester_pays: bool
    task_priority: str
    obs_system: str


class TaskList(BaseModel):
    """A page of tasks (table 5-14)."""

    tasks: list[TaskAnswer]
    count: Count


class CreatedTask(BaseModel):
    """What creating a task answers (table 5-46)."""

    id: Count
    task_name: str
