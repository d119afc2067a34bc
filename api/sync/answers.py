"""Answers of the synchronisation calls (OMS tables 5-79 to 5-99). Every field is always there, perhaps null."""

from pydantic import BaseModel

from api.tasks.answers import CdnAnswer, Count
from engine.sync_time import Interval
from ledger.sync_tasks import SyncStatus


class CreatedSyncTask(BaseModel):
    """What creating answers (table 5-87)."""

    sync_task_id: str


class SyncTaskFields(BaseModel):
    """What a list and a single answer have in common."""

    sync_task_id: str
    src_cloud_type: str
    src_region: str
    src_bucket: str
    create_time: Count
    last_start_time: Count
    dst_bucket: str
    dst_region: str
    description: str
    status: SyncStatus
    enable_kms: bool
    enable_metadata_migration: bool
    enable_restore: bool
    app_id: str | None
    object_overwrite_mode: str
    dst_storage_policy: str
    consistency_check: str


class SyncTaskInfo(SyncTaskFields):
    """An entry of the list (table 5-80)."""

    source_cdn: CdnAnswer | None


class SyncTaskList(BaseModel):
    """A page of synchronisation tasks (table 5-79)."""

    tasks: list[SyncTaskInfo]
    count: Count


class SyncTaskAnswer(SyncTaskFields):
    """One task with its figures of a month (table 5-92); `monthly_size` in bytes."""

    monthly_acceptance_request: Count
    monthly_success_object: Count
    monthly_failure_object: Count
    monthly_skip_object: Count
    monthly_size: Count


class StatisticPoint(BaseModel):
    """One bucket in which something happened (table 5-99)."""

    time_stamp: Count
    statistic_num: Count


class StatisticSeries(BaseModel):
    """The buckets of one kind of figure, ascending (table 5-98)."""

    data_type: str
    data: list[StatisticPoint]


class StatisticAnswer(BaseModel):
    """The statistics of a task (table 5-97)."""

    sync_task_id: str
    statistic_time_type: Interval
    statistic_datas: list[StatisticSeries]
