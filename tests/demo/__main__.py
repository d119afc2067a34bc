"""The demo from beginning to end; its last line says what was shown."""

import sys
import time
from pathlib import Path
from typing import Any

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from tests.demo.comparing import Bucket, Comparison, compare
from tests.demo.filling import fill
from tests.running import Engine
from tests.storeserver.config import Account, StoreConfig
from tests.storeserver.process import ServerProcess

ROOT = Path(".demo").absolute()
AK, SK = "demo-access-key", "demo-secret-key"
SOURCE_REGION, DESTINATION_REGION = "us-east-1", "cn-north-4"
POLL = 0.2
ENDED = (4, 5)


def main() -> int:
    """0 when every object is there, byte for byte."""
    with (
        _store("source", "demo-from", SOURCE_REGION) as source,
        _store("destination", "demo-into", DESTINATION_REGION) as destination,
    ):
        print(f"source:      {source.url}/demo-from holds {fill(source, 'demo-from')} objects")
        print(f"destination: {destination.url}/demo-into")
        source.reset_counters()
        destination.reset_counters()
        task = _migrate(source, destination)
        _show_requests(source, destination)
        found = compare(_bucket(source, "demo-from", SOURCE_REGION),
                        _bucket(destination, "demo-into", DESTINATION_REGION), ignored=b"oms/")  # fmt: skip
    return _report(task, found)


def _store(name: str, bucket: str, region: str) -> ServerProcess:
    keys = {AK: Account(SK)}
    return ServerProcess(StoreConfig(root=ROOT / name, keys=keys, buckets=[bucket], region=region))


def _bucket(server: ServerProcess, name: str, region: str) -> Bucket:
    return Bucket(f"{server.host}:{server.port}", name, AK, SK, region)


def _migrate(source: ServerProcess, destination: ServerProcess) -> dict[str, Any]:
    endpoints = ROOT / "endpoints.yaml"
    endpoints.write_text(
        f"- {{cloud_type: AWS, region: {SOURCE_REGION}, endpoint: '{source.url}'}}\n"
        f"- {{cloud_type: HEC, region: {DESTINATION_REGION}, endpoint: '{destination.url}'}}\n"
    )
    with Engine(ROOT / "engine", endpoints) as engine:
        created = engine.call("POST", "/tasks", _request())
        print(f"task:        {created['task_name']}")
        return _watch(engine, created["id"])


def _request() -> dict[str, Any]:
    return {
        "task_type": "prefix",
        "src_node": {
            "cloud_type": "AWS", "region": SOURCE_REGION, "ak": AK, "sk": SK, "bucket": "demo-from", "object_key": [""],
        },
        "dst_node": {"region": DESTINATION_REGION, "ak": AK, "sk": SK, "bucket": "demo-into"},
        "enable_metadata_migration": True,
    }  # fmt: skip


def _watch(engine: Engine, task_id: int) -> dict[str, Any]:
    columns = (TextColumn("{task.fields[objects]:>6} objects"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns) as progress:
        bar = progress.add_task("migration", total=None, objects=0)
        while True:
            task: dict[str, Any] = engine.call("GET", f"/tasks/{task_id}")
            done = task["successful_num"] + task["failed_num"] + task["skipped_num"]
            progress.update(
                bar, total=task["total_size"] or None, completed=task["complete_size"], objects=done
            )
            if task["status"] in ENDED:
                return task
            time.sleep(POLL)


def _show_requests(source: ServerProcess, destination: ServerProcess) -> None:
    asked, written = source.counters(), destination.counters()
    gets = asked.requests("get|head") + written.requests("get|head", prefix="")
    puts = written.requests("put|upload_part|initiate|complete", prefix="")
    print(f"requests:    {asked.requests('list') + written.requests('list')} listings, {gets} reads, "
          f"{puts} writes outside oms/")  # fmt: skip


def _report(task: dict[str, Any], found: Comparison) -> int:
    for key in found.failed[:20]:
        print(f"differs: {key!r}")
    if task["status"] != 5:
        print(f"the task failed: {task['error_reason']}")
    print(
        f"demo: migrated {task['successful_num']} objects ({task['real_size']} bytes), "
        f"verified {found.verified}, failed {len(found.failed) + task['failed_num']}"
    )
    return 0 if task["status"] == 5 and not found.failed else 1


if __name__ == "__main__":
    sys.exit(main())
