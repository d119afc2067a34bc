"""From the ledger's rows to what the API shows of a synchronisation task."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Any

from api.sync.answers import (
    StatisticAnswer,
    StatisticPoint,
    StatisticSeries,
    SyncTaskAnswer,
    SyncTaskInfo,
)
from api.tasks.views import cdn_answer
from engine.sync_time import Interval
from ledger.sync_statistics import Figures
from ledger.sync_tasks import SyncTask


class StatisticType(StrEnum):
    """The kinds of figures of OMS 5.3.5."""

    REQUEST = "REQUEST"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    SKIP = "SKIP"
    SIZE = "SIZE"

    def of(self, figures: Figures) -> int:
        """This kind's figure."""
        column = "bytes" if self is StatisticType.SIZE else self.value.lower()
        return int(asdict(figures)[column])


def listed(task: SyncTask) -> SyncTaskInfo:
    """An entry of the list (OMS 5.3.2)."""
    return SyncTaskInfo(**_fields(task), source_cdn=cdn_answer(task.spec.cdn))


def shown(task: SyncTask, month: Figures) -> SyncTaskAnswer:
    """One task with its figures of a month (OMS 5.3.4)."""
    return SyncTaskAnswer(
        **_fields(task),
        monthly_acceptance_request=month.request,
        monthly_success_object=month.success,
        monthly_failure_object=month.failure,
        monthly_skip_object=month.skip,
        monthly_size=month.bytes,
    )


def statistics(
    task: SyncTask,
    interval: Interval,
    kinds: Sequence[StatisticType],
    buckets: Sequence[tuple[int, Figures]],
) -> StatisticAnswer:
    """One series for each kind, in the order asked for, without empty buckets (OMS 5.3.5)."""
    return StatisticAnswer(
        sync_task_id=task.id,
        statistic_time_type=interval,
        statistic_datas=[
            StatisticSeries(data_type=kind.value, data=_points(kind, buckets)) for kind in kinds
        ],
    )


def _points(kind: StatisticType, buckets: Sequence[tuple[int, Figures]]) -> list[StatisticPoint]:
    found = ((stamp, kind.of(figures)) for stamp, figures in buckets)
    return [StatisticPoint(time_stamp=stamp, statistic_num=number) for stamp, number in found if number]


def _fields(task: SyncTask) -> dict[str, Any]:
    spec = task.spec
    return {
        "sync_task_id": task.id,
        "src_cloud_type": spec.source.cloud_type.value,
        "src_region": spec.source.region,
        "src_bucket": spec.source.bucket,
        "create_time": _ms(task.created_at),
        "last_start_time": _ms(task.last_started_at),
        "dst_bucket": spec.destination.bucket,
        "dst_region": spec.destination.region,
        "description": spec.description,
        "status": task.status,
        "enable_kms": spec.enable_kms,
        "enable_metadata_migration": spec.enable_metadata_migration,
        "enable_restore": spec.enable_restore,
        "app_id": spec.source.app_id or None,
        "object_overwrite_mode": spec.overwrite.value,
        "dst_storage_policy": spec.storage_policy.value,
        "consistency_check": spec.consistency.value,
    }


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
