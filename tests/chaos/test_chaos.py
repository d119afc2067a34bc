"""Two minutes of faults on real processes, and a checker that is seen to fail."""

import time
from pathlib import Path
from random import Random
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config

from tests.chaos.checker import Checker
from tests.chaos.faults import KINDS
from tests.chaos.findings import Findings
from tests.chaos.installation import AK, SK, Installation, installed
from tests.chaos.running import run
from tests.chaos.schedule import ROUND_SECONDS, schedule
from tests.chaos.workload import Workload

SHORT_SECONDS = 120.0
SEED = 20_240


def test_in_ten_minutes_each_kind_of_fault_is_drawn_three_times() -> None:
    for seed in range(50):
        draws = schedule(list(KINDS), 600, seed)
        assert {kind: sum(draw.kind == kind for draw in draws) for kind in KINDS} == dict.fromkeys(KINDS, 3)
        assert [draw.at for draw in draws] == sorted(draw.at for draw in draws)
        assert draws[-1].at < 600
    assert schedule(list(KINDS), ROUND_SECONDS, 1) == schedule(list(KINDS), ROUND_SECONDS, 1)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_minutes_of_faults_lose_nothing_and_count_nothing_twice() -> None:
    report = run(SHORT_SECONDS, SEED)
    print(report.text())
    assert report.unsafe() == []
    assert set(report.drawn) | {"disk full"} == set(KINDS)
    assert report.findings.objects > 500
    assert report.looks > SHORT_SECONDS / 4


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_checker_names_what_is_lost_wrong_doubled_and_left_open(tmp_path: Path) -> None:
    with installed(tmp_path, 1) as site:
        workload = Workload(site, 1)
        workload.fill()
        for kind in ("prefix", "list", "large"):
            workload.create(kind)
        assert workload.finish(120) == []
        clean = checked(site, workload)
        assert (clean.problems, clean.tasks) == ([], 3)
        assert clean.objects > 300
        lost, flipped = plant(site, workload)
        found = checked(site, workload)
        assert [line for line in found.lost if repr(lost) in line] != []
        assert [line for line in found.wrong if repr(flipped) in line] != []
        assert (len(found.lost), len(found.wrong)) == (1, 1)
        assert ["2 lines" in line for line in found.doubled] == [False]
        assert "counters differ from the journal" in found.miscounted[0]
        assert ["recorded nowhere" in line for line in found.orphans] == [True]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_checker_names_what_groups_and_events_have_lost(tmp_path: Path) -> None:
    with installed(tmp_path, 1) as site:
        workload = Workload(site, 1)
        workload.fill()
        workload.groups.create()
        workload.syncs.turn()
        assert workload.finish(120) == []
        workload.groups.look()
        clean = checked(site, workload)
        assert (clean.problems, clean.groups) == ([], 1)
        assert clean.tasks >= 5, "several tasks of the group, two that synchronise"
        assert clean.events > 5
        missing, old, unsent = plant_events(site, workload)
        member = plant_group(site, workload)
        found = checked(site, workload)
        assert [line for line in found.lost if repr(missing) in line and "is not there" in line] != []
        assert [line for line in found.wrong if repr(old) in line and "last bytes" in line] != []
        assert [line for line in found.lost if repr(unsent) in line and "in no list" in line] != []
        assert [line for line in found.miscounted if "REQUEST" in line and "accepted" in line] != []
        assert len([line for line in found.lost if "belongs to no task" in line]) == member["total_num"]
        assert [line for line in found.miscounted if f"total_num {member['of']}, recounted" in line] != []


def checked(site: Installation, workload: Workload) -> Findings:
    return Checker(site.source, site.destination, site.database_url, workload.plan).check()


def plant(site: Installation, workload: Workload) -> tuple[bytes, bytes]:
    """An object less, a byte changed, one counted twice, an upload left open; the first two keys."""
    asked = workload.plan.tasks[0]
    keys = [asked.save_prefix.encode() + bytes.fromhex(key) for key in asked.keys]
    lost, flipped = Random(1).sample([key for key in keys if site.destination.get("into", key)], 2)
    site.destination.ask("POST", f"delete?bucket=into&key={quote(lost, safe='')}")
    body = bytearray(site.destination.get("into", flipped))
    body[len(body) // 2] ^= 1
    site.destination.put("into", flipped, bytes(body))
    with site.connect() as connection:
        connection.execute(
            "UPDATE counter SET ok = ok + 1, listed = listed + 1 WHERE task_id = %s AND shard = 0",
            [workload.plan.tasks[1].id],
        )
    store = boto3.client(
        "s3", endpoint_url=site.destination_server.url, aws_access_key_id=AK, aws_secret_access_key=SK,
        region_name="cn-north-4", config=Config(s3={"addressing_style": "path"}),
    )  # fmt: skip
    store.create_multipart_upload(Bucket="into", Key="left-open")
    return lost, flipped


def plant_events(site: Installation, workload: Workload) -> tuple[bytes, bytes, bytes]:
    """An object that is not there, one with the bytes of before, an event that was never accepted; the three keys."""
    asked = workload.plan.syncs[0]
    there = [key for key in map(bytes.fromhex, asked.reported) if workload.plan.events.get(key.hex())]
    missing, old = there[:2]
    site.destination.ask("POST", f"delete?bucket=synced&key={quote(missing, safe='')}")
    site.destination.put("synced", old, b"the bytes of before")
    asked.reported[b"unsent".hex()] = time.time()
    asked.requests += 1
    return missing, old, b"unsent"


def plant_group(site: Installation, workload: Workload) -> dict[str, int]:
    """One of a group's tasks is gone: how many objects it had, and how many its group."""
    group = workload.plan.groups[0]
    member = group.members[0]
    with site.connect() as connection:
        connection.execute("DELETE FROM task WHERE id = %s", [member["id"]])
    return {"total_num": member["total_num"], "of": group.shown["total_num"]}
