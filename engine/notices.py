"""What a notification says about the end of a task or group (OMS table 5-45, oms-behaviour 9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Final

from engine.sizes import shown_size

NOTHING: Final = "-"


class Language(StrEnum):
    """The language of a notification."""

    ZH_CN = "zh-cn"
    EN_US = "en-us"


class Trigger(StrEnum):
    """What a notification is sent for."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"


@dataclass(frozen=True, slots=True)
class Notice:
    """The end that is told. Instants and durations in ms, sizes in bytes; "" where there is nothing to name."""

    kind: str
    trigger: Trigger
    name: str
    started_ms: int
    running_ms: int
    moved: int
    source_bucket: str = ""
    destination_bucket: str = ""
    list_bucket: str = ""
    list_key: str = ""
    success_path: str = ""
    skip_path: str = ""
    failed_path: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice in words, and the variables that a message template takes."""

    subject: str
    text: str
    variables: Mapping[str, str]


_WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    Language.EN_US: {
        "task": "migration task", "group": "migration task group", "SUCCESS": "succeeded", "FAILURE": "failed",
        "Task_Status": "Task status", "Task_Name": "Task name", "Start_Time": "Started",
        "Total_Time_Used": "Time used", "Transferred_Data": "Data transferred", "Average_Speed": "Average speed",
        "Source_Bucket": "Source bucket", "Destination_Bucket": "Destination bucket",
        "List_File_Bucket": "Bucket of the list file", "List_File_Key": "List file",
        "Success_object_list_path": "Migrated objects are listed in",
        "Skip_object_list_path": "Skipped objects are listed in",
        "Failed_object_list_path": "Failed objects are listed in",
    },
    Language.ZH_CN: {
        "task": "迁移任务", "group": "迁移任务组", "SUCCESS": "成功", "FAILURE": "失败",
        "Task_Status": "任务状态", "Task_Name": "任务名称", "Start_Time": "开始时间", "Total_Time_Used": "总耗时",
        "Transferred_Data": "已迁移数据量", "Average_Speed": "平均速度", "Source_Bucket": "源桶",
        "Destination_Bucket": "目的桶", "List_File_Bucket": "列表文件所在桶", "List_File_Key": "列表文件",
        "Success_object_list_path": "成功对象列表路径", "Skip_object_list_path": "忽略对象列表路径",
        "Failed_object_list_path": "失败对象列表路径",
    },
}  # fmt: skip


def letter(notice: Notice, language: Language, zone: tzinfo = UTC) -> Letter:
    """The notice in the asked language; every variable of the reference's template is there and filled."""
    words = _WORDS[language]
    filled = variables(notice, words[notice.trigger], zone)
    subject = " ".join(("[OMS]", words[notice.kind], notice.name, words[notice.trigger]))
    return Letter(subject, "\n".join(f"{words[name]}: {value}" for name, value in filled.items()), filled)


def variables(notice: Notice, status: str, zone: tzinfo) -> dict[str, str]:
    """The thirteen variables of a message template, in the reference's order."""
    values = {
        "Task_Status": status,
        "Task_Name": notice.name,
        "Start_Time": _instant(notice.started_ms, zone),
        "Total_Time_Used": duration(notice.running_ms),
        "Transferred_Data": shown_size(notice.moved),
        "Average_Speed": f"{shown_size(notice.moved * 1000 // max(notice.running_ms, 1))}/s",
        "Source_Bucket": notice.source_bucket,
        "Destination_Bucket": notice.destination_bucket,
        "List_File_Bucket": notice.list_bucket,
        "List_File_Key": notice.list_key,
        "Success_object_list_path": notice.success_path,
        "Skip_object_list_path": notice.skip_path,
        "Failed_object_list_path": notice.failed_path,
    }
    return {name: value or NOTHING for name, value in values.items()}


def duration(milliseconds: int) -> str:
    """`1h 2m 3s`; leading zeros are left out."""
    minutes, seconds = divmod(max(milliseconds, 0) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    parts = (f"{hours}h" if hours else "", f"{minutes}m" if hours or minutes else "", f"{seconds}s")
    return " ".join(part for part in parts if part)


def _instant(milliseconds: int, zone: tzinfo) -> str:
    if not milliseconds:
        return NOTHING
    return datetime.fromtimestamp(milliseconds / 1000, zone).strftime("%Y-%m-%d %H:%M:%S")
