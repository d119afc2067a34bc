"""From a group's row to what the API shows of it (oms-behaviour 5.3)."""

from dataclasses import asdict
from datetime import datetime

from api.groups.answers import GroupAnswer
from api.settings import SinceUnit
from api.tasks.answers import (
    BandwidthAnswer,
    DestinationAnswer,
    ErrorReasonAnswer,
    FailedRecordAnswer,
    ListFileAnswer,
    SmnAnswer,
    SourceAnswer,
)
from api.tasks.views import cdn_answer
from engine import codes
from engine.group_states import GroupStatus
from ledger.groups import GroupRow
from ledger.notifications import Told

_MESSAGE_LIMIT = 1024
_FAILED = (GroupStatus.CREATION_FAILED, GroupStatus.FAILED)
_ENDED = (*_FAILED, GroupStatus.COMPLETE)
_RUNNING = (GroupStatus.CREATING, GroupStatus.MONITORING, GroupStatus.PAUSING)


def moved(row: GroupRow) -> int:
    """Bytes that are where they belong: copied, or there before."""
    return row.sums.outcomes.ok_bytes + row.sums.outcomes.skip_bytes


def running(row: GroupRow) -> bool:
    """Whether anything may move in it."""
    return row.status in _RUNNING


def group_answer(row: GroupRow, speed: int, told: Told | None, since: SinceUnit) -> GroupAnswer:
    """The whole answer (OMS 5.4.3)."""
    spec, members, sums = row.spec, row.members, row.sums
    return GroupAnswer(
        group_id=row.id,
        status=row.status.value,
        error_reason=_error_reason(row),
        src_node=_source(row),
        description=spec.description,
        dst_node=DestinationAnswer(**asdict(spec.destination)),
        enable_metadata_migration=spec.enable_metadata_migration,
        enable_failed_object_recording=spec.record_failures,
        enable_restore=spec.enable_restore,
        enable_kms=spec.enable_kms,
        task_type=row.group_type.value,
        bandwidth_policy=[BandwidthAnswer(**window) for window in row.bandwidth],
        smn_config=_told(row, told),
        source_cdn=cdn_answer(spec.cdn),
        migrate_since=spec.migrate_since_s * (1000 if since is SinceUnit.MILLISECONDS else 1),
        migrate_speed=speed,
        total_time=row.running_ms,
        start_time=_ms(row.first_started_at or row.created_at),
        total_task_num=members.created,
        create_task_num=members.created,
        failed_task_num=members.failed,
        complete_task_num=members.complete,
        paused_task_num=members.paused,
        executing_task_num=members.executing,
        waiting_task_num=members.waiting,
        total_num=sums.listed,
        create_complete_num=sums.created,
        success_num=sums.outcomes.ok,
        fail_num=sums.outcomes.fail,
        skip_num=sums.outcomes.skip,
        total_size=sums.listed_bytes,
        create_complete_size=sums.created_bytes,
        complete_size=moved(row),
        failed_object_record=_failed_record(row),
        object_overwrite_mode=spec.overwrite.value,
        dst_storage_policy=spec.storage_policy.value,
        consistency_check=spec.consistency.value,
        enable_requester_pays=spec.requester_pays,
        obs_system="BUCKET",
    )


def _source(row: GroupRow) -> SourceAnswer:
    source = row.spec.source
    listed, shown = source.list_file, None
    if listed is not None:
        counted = str(row.members.created) if row.members.created else listed.count
        shown = ListFileAnswer(list_file_key=listed.key, obs_bucket=listed.bucket, list_file_num=counted)
    return SourceAnswer(
        bucket=source.bucket,
        cloud_type=source.cloud_type.value.upper(),
        region=source.region,
        app_id=source.app_id,
        object_key=list(source.object_keys),
        list_file=shown,
    )


def _error_reason(row: GroupRow) -> ErrorReasonAnswer | None:
    if row.status not in _FAILED:
        return None
    code = row.error_code or "TRF.0001"
    text = row.error_message or (codes.message(code) if codes.known(code) else code)
    return ErrorReasonAnswer(error_code=code, error_msg=text[:_MESSAGE_LIMIT])


def _told(row: GroupRow, told: Told | None) -> SmnAnswer | None:
    if told is None or row.status not in _ENDED:
        return None
    return SmnAnswer(notify_result=told.sent, notify_error_message=told.code, topic_name=told.topic)


def _failed_record(row: GroupRow) -> FailedRecordAnswer:
    if row.failed_record_error:
        return FailedRecordAnswer(result=False, list_file_key=None, error_code=row.failed_record_error)
    if row.failures_listed:
        folder = f"oms/task_group/{row.id}/failed_object_lists/"
        return FailedRecordAnswer(result=True, list_file_key=folder, error_code=None)
    return FailedRecordAnswer(result=None, list_file_key=None, error_code=None)


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
