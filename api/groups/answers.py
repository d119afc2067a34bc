"""Answers of the group calls (OMS tables 5-116 to 5-128, 5-138). Every field is always there."""

from typing import Annotated

from pydantic import BaseModel, Field

from api.tasks.answers import (
    BandwidthAnswer,
    CdnAnswer,
    Count,
    DestinationAnswer,
    ErrorReasonAnswer,
    FailedRecordAnswer,
    SmnAnswer,
    SourceAnswer,
)


class GroupAnswer(BaseModel):
    """A group (tables 5-117 and 5-144). Sizes in bytes, durations and instants in ms."""

    group_id: str
    status: Annotated[int, Field(ge=0, le=9)]
    error_reason: ErrorReasonAnswer | None
    src_node: SourceAnswer
    description: str
    dst_node: DestinationAnswer
    enable_metadata_migration: bool
    enable_failed_object_recording: bool
    enable_restore: bool
    enable_kms: bool
    task_type: str
    bandwidth_policy: list[BandwidthAnswer]
    smn_config: SmnAnswer | None
    source_cdn: CdnAnswer | None
    migrate_since: Count
    migrate_speed: Count
    total_time: Count
    start_time: Count
    total_task_num: Count
    create_task_num: Count
    failed_task_num: Count
    complete_task_num: Count
    paused_task_num: Count
    executing_task_num: Count
    waiting_task_num: Count
    total_num: Count
    create_complete_num: Count
    success_num: Count
    fail_num: Count
    skip_num: Count
    total_size: Count
    create_complete_size: Count
    complete_size: Count
    failed_object_record: FailedRecordAnswer
    object_overwrite_mode: str
    dst_storage_policy: str
    consistency_check: str
    enable_requester_pays: bool
    obs_system: str


class GroupList(BaseModel):
    """A page of groups (table 5-116)."""

    count: Count
    taskgroups: list[GroupAnswer]


class CreatedGroup(BaseModel):
    """What creating a group answers (table 5-138)."""

    group_id: str
