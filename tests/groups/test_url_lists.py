"""A folder of lists of URLs becomes a group with a task for each list (oms-behaviour 1.2, 1.3)."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from connectors.endpoints import parse_endpoints
from engine.spec import CloudType, ListFile, SourceNode, TaskType
from tests.groups.world import GroupWorld
from tests.transfer.world import SPEC
from tests.website import Site, running_site


@pytest.fixture
def site() -> Iterator[Site]:
    """A web site."""
    with running_site() as found:
        yield found


async def test_each_list_of_urls_is_a_task(groups: GroupWorld, site: Site) -> None:
    world = groups.world
    world.stores.endpoints = parse_endpoints(
        f"- {{cloud_type: URLSource, region: '*', endpoint: '{site.url}'}}\n"
        f"- {{cloud_type: HEC, region: '*', endpoint: '{world.destination.url}'}}\n"
    )
    for name in ("one", "two", "three"):
        lines = "".join(f"{site.put(f'/{name}/{n}', f'{name} {n}'.encode())}\t{name}/{n}\n" for n in range(5))
        # As the vendor's own test leaves them: lists of groups may be of any type.
        world.destination.put("into", f"lists/{name}.txt".encode(), lines.encode())
    world.destination.put("into", b"lists/bad.txt", b"no URL at all\n")
    source = SourceNode(CloudType.URL_SOURCE, list_file=ListFile("into", "lists/"))
    group = await groups.group(replace(SPEC, task_type=TaskType.URL_LIST, source=source))
    assert await groups.run(group) == 5
    members = await groups.members(group)
    lists = {one["spec"]["source"]["list_file"]["key"]: (one["status"], one["error_code"]) for one in members}
    assert lists == {
        "lists/bad.txt": (4, "TRF.0016"),
        **{f"lists/{name}.txt": (5, None) for name in ("one", "two", "three")},
    }
    assert {one["task_type"] for one in members} == {"url_list"}
    data = [key for key in world.data_keys() if not key.startswith(b"lists/")]
    assert {key: world.destination.get("into", key) for key in data} == {
        f"{name}/{n}".encode(): f"{name} {n}".encode() for name in ("one", "two", "three") for n in range(5)
    }
    assert (await groups.figures(group))["ok"] == 15
