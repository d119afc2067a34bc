"""Groups over a folder of lists: one task a list."""

import pytest

from tests.groups.world import GroupWorld, of_lists

TEXT = {"content-type": "text/plain"}


@pytest.mark.check(67)
async def test_each_list_of_the_folder_becomes_a_task(groups: GroupWorld) -> None:
    world = groups.world
    for key in (b"a", b"b", b"c", b"d"):
        world.source.put("from", key, b"body of " + key)
    world.destination.put("into", b"lists/", b"")
    world.destination.put("into", b"lists/1.txt", b"a\nb", headers=TEXT)
    # The lists of a group may be of any type (oms-behaviour 1.1).
    world.destination.put("into", b"lists/2.txt", b"c", headers={"content-type": "binary/octet-stream"})
    world.destination.put("into", b"lists/3.txt", b"d\n", headers=TEXT)
    world.destination.put("into", b"lists/below/4.txt", b"nothing", headers=TEXT)
    group = await groups.group(of_lists())
    assert await groups.run(group) == 6, await groups.row(group)
    members = await groups.members(group)
    assert sorted(one["spec"]["source"]["list_file"]["key"] for one in members) == [
        "lists/1.txt", "lists/2.txt", "lists/3.txt",
    ]  # fmt: skip
    assert {one["task_type"] for one in members} == {"list"}
    assert await groups.figures(group) == {"listed": 4, "created": 4, "ok": 4, "skip": 0, "fail": 0}
    assert await groups.states(group) == [0, 1, 2, 6]
    assert world.source.counters().requests("list") == 0


@pytest.mark.check(14)
@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["lists/"], "S3M.1042"),
        (["lists/a.txt", "lists/b.csv"], "S3M.1044"),
        ([f"lists/{n:04}.txt" for n in range(2_001)], "S3M.1045"),
    ],
)
async def test_a_folder_that_cannot_be_used_fails_the_creation(
    groups: GroupWorld, names: list[str], code: str
) -> None:
    for name in names:
        groups.world.destination.put("into", name.encode(), b"a", headers=TEXT)
    group = await groups.group(of_lists())
    assert await groups.run(group) == 4
    row = await groups.row(group)
    assert (row["error_code"], await groups.members(group)) == (code, [])
    assert await groups.states(group) == [0, 1, 4]


async def test_two_thousand_lists_become_two_thousand_tasks(groups: GroupWorld) -> None:
    groups.slots = 0
    for n in range(2_000):
        groups.world.destination.put("into", f"lists/{n:04}.txt".encode(), b"a", headers=TEXT)
    group = await groups.group(of_lists("lists"))
    await groups.world.pool.execute("UPDATE task SET status = 2 WHERE scanner")
    assert await groups.run(group, 2, 4) == 2, await groups.row(group)
    members = await groups.members(group)
    assert len({one["id"] for one in members}) == len({one["name"] for one in members}) == 2_000


async def test_a_list_that_is_no_good_fails_its_own_task_only(groups: GroupWorld) -> None:
    groups.world.source.put("from", b"a", b"x")
    groups.world.destination.put("into", b"lists/1.txt", b"a", headers=TEXT)
    groups.world.destination.put("into", b"lists/2.txt", b"", headers=TEXT)
    group = await groups.group(of_lists())
    assert await groups.run(group) == 5
    assert sorted(one["error_code"] or "" for one in await groups.members(group)) == ["", "TRF.0017"]
    assert (await groups.row(group))["error_code"] == "TRF.0017"
