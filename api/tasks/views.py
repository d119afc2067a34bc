"""From a task's row to what the API shows of it."""

from dataclasses import asdict
from datetime import datetime

from api.settings import SinceUnit
from api.tasks.answers import (
    BandwidthAnswer,
    CdnAnswer,
    DestinationAnswer,
    ErrorReasonAnswer,
    FailedRecordAnswer,
    ListFileAnswer,
    SmnAnswer,
    SourceAnswer,
    TaskAnswer,
)
from engine import codes
from engine.outcomes import Tally
from engine.progress import Figures, Progress, figures
from engine.spec import CdnNode, Priority, TaskType
from engine.states import TaskStatus
from ledger.tasks import TaskRow

_PRIORITIES = (Priority.HIGH, Priority.MEDIUM, Priority.LOW)
_MESSAGE_LIMIT = 1024


def figures_of(row: TaskRow, speed: int) -> Figures:
    """The figures of a task; `speed` is the measured one of the last seconds."""
    counts = row.figures.outcomes
    return figures(
        Progress(
            status=row.status,
            task_type=_shown_type(row),
            listed=row.figures.listed,
            listed_bytes=row.figures.listed_bytes,
            tally=Tally(**asdict(counts)),
            is_query_over=row.scanned,
            running_ms=row.running_ms,
            speed=speed,
        )
    )


def task_answer(row: TaskRow, shown: Figures, since: SinceUnit) -> TaskAnswer:
    """The whole answer (OMS 5.2.2)."""
    spec = row.spec
    return TaskAnswer(
        **asdict(shown),
        bandwidth_policy=[BandwidthAnswer(**window) for window in row.bandwidth],
        description=spec.description,
        dst_node=DestinationAnswer(**asdict(spec.destination)),
        enable_failed_object_recording=spec.record_failures,
        enable_kms=spec.enable_kms,
        enable_metadata_migration=spec.enable_metadata_migration,
        enable_restore=spec.enable_restore,
        error_reason=_error_reason(row),
        failed_object_record=_failed_record(row),
        group_id=row.group_id or "",
        id=row.id,
        is_query_over=row.scanned,
        migrate_since=spec.migrate_since_s * (1000 if since is SinceUnit.MILLISECONDS else 1),
        name=row.name,
        src_node=_source(row),
        start_time=_ms(row.first_started_at or row.created_at),
        status=row.status.value,
        task_type=_shown_type(row).value,
        group_type="GROUP_TASK" if row.group_id else "NORMAL_TASK",
        smn_info=_told(row),
        source_cdn=cdn_answer(spec.cdn),
        success_record_error_reason=row.records.success_error,
        skip_record_error_reason=row.records.skip_error,
        object_overwrite_mode=spec.overwrite.value,
        dst_storage_policy=spec.storage_policy.value,
        consistency_check=spec.consistency.value,
        enable_requester_pays=spec.requester_pays,
        task_priority=_PRIORITIES[row.priority].value,
        obs_system="BUCKET",
    )


def cdn_answer(cdn: CdnNode | None) -> CdnAnswer | None:
    """The CDN without its key."""
    if cdn is None:
        return None
    return CdnAnswer(domain=cdn.domain, protocol=cdn.protocol, authentication_type=cdn.authentication.value)


def _shown_type(row: TaskRow) -> TaskType:
    # What a group's listing gives to one of its tasks is a list, though none was written (oms-behaviour 5.1).
    shared = row.group_id is not None and row.spec.task_type is TaskType.PREFIX
    return TaskType.LIST if shared else row.spec.task_type


def _source(row: TaskRow) -> SourceAnswer:
    source = row.spec.source
    listed = source.list_file
    shown = None
    if listed is not None:
        shown = ListFileAnswer(list_file_key=listed.key, obs_bucket=listed.bucket, list_file_num=listed.count)
    return SourceAnswer(
        bucket=source.bucket,
        cloud_type=source.cloud_type.value,
        region=source.region,
        app_id=source.app_id,
        object_key=list(source.object_keys),
        list_file=shown,
    )


def _error_reason(row: TaskRow) -> ErrorReasonAnswer | None:
    if row.status is not TaskStatus.FAILED:
        return None
    code = row.error_code or "TRF.0001"
    text = row.error_message or (codes.message(code) if codes.known(code) else code)
    return ErrorReasonAnswer(error_code=code, error_msg=text[:_MESSAGE_LIMIT])


def _told(row: TaskRow) -> SmnAnswer | None:
    if row.told is None or row.status not in (TaskStatus.FAILED, TaskStatus.SUCCEEDED):
        return None
    return SmnAnswer(
        notify_result=row.told.sent, notify_error_message=row.told.code, topic_name=row.told.topic
    )


def _failed_record(row: TaskRow) -> FailedRecordAnswer:
    if row.records.failed_error:
        return FailedRecordAnswer(result=False, list_file_key=None, error_code=row.records.failed_error)
    if row.records.failed_list_key and row.ended:
        return FailedRecordAnswer(result=True, list_file_key=row.records.failed_list_key, error_code=None)
    return FailedRecordAnswer(result=None, list_file_key=None, error_code=None)


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
