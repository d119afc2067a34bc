"""Lists of URLs from the list file to the records: real web server, real store, real ledger (oms-behaviour 1.2)."""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from connectors.endpoints import parse_endpoints
from engine.spec import (
    CloudType,
    ConsistencyCheck,
    DestinationNode,
    ListFile,
    OverwriteMode,
    SourceNode,
    TaskSpec,
    TaskType,
)
from tests.transfer.world import Ended, World
from tests.website import Page, Site, running_site

MIB = 1 << 20
SPEC = TaskSpec(
    TaskType.URL_LIST,
    SourceNode(CloudType.URL_SOURCE, list_file=ListFile("into", "lists/urls.txt")),
    DestinationNode("into", "cn-north-4"),
)
TEXT = {"content-type": "text/plain"}
Migrate = Callable[..., Any]


@pytest.fixture
def site() -> Iterator[Site]:
    """A web site that tests script."""
    with running_site() as found:
        yield found


@pytest.fixture
def migrate(world: World, site: Site) -> Migrate:
    """Run one task over lines; the site's host is one that the operator has named."""
    world.stores.endpoints = parse_endpoints(
        f"- {{cloud_type: URLSource, region: '*', endpoint: '{site.url}'}}\n"
        f"- {{cloud_type: HEC, region: '*', endpoint: '{world.destination.url}'}}\n"
    )

    async def run(*lines: str, **more: Any) -> Ended:
        world.destination.put(
            "into", b"lists/urls.txt", "\n".join(lines).encode(), headers={"content-type": "text/plain"}
        )
        return await world.migrate(replace(SPEC, **more))

    return run


def landed(world: World) -> dict[bytes, bytes]:
    """What the task has written."""
    keys = [key for key in world.data_keys() if not key.startswith(b"lists/")]
    return {key: world.destination.get("into", key) for key in keys}


def failures(ended: Ended) -> dict[bytes, tuple[str, str]]:
    """Code and words by key."""
    return {one.key: (one.code, one.detail) for one in ended.outcomes if one.code}


@pytest.mark.check(9)
async def test_a_line_is_stored_under_prefix_and_decoded_key(
    world: World, site: Site, migrate: Migrate
) -> None:
    url = site.put("/a%20b/%E4%BD%A0?x=%2F", b"hello")
    ended = await migrate(
        f"{url}\tdir/%E4%BD%A0%20+.txt", destination=DestinationNode("into", "cn-north-4", "got/")
    )
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0))
    assert landed(world) == {"got/dir/你 +.txt".encode(): b"hello"}
    assert site.methods("/a%20b/%E4%BD%A0?x=%2F") == ["HEAD", "GET"]


@pytest.mark.check(10)
async def test_a_first_line_without_a_tab_fails_the_task(world: World, site: Site, migrate: Migrate) -> None:
    ended = await migrate(f"{site.url}/a", f"{site.put('/b', b'b')}\tb")
    assert (ended.status, ended.code) == (4, "TRF.0016")
    assert landed(world) == {}


async def test_a_later_line_without_a_tab_fails_alone(world: World, site: Site, migrate: Migrate) -> None:
    ended = await migrate(f"{site.put('/b', b'b')}\tb", f"{site.url}/a", "ftp://x/\tc", f"{site.url}/\t")
    assert (ended.status, ended.code, ended.tally()) == (4, "TRF.0004", (4, 1, 0, 3))
    assert landed(world) == {b"b": b"b"}
    assert {line.split(b"\t")[0] for line in world.records("failed")} == {b"URL_LIST_FORMAT_ERROR"}


@pytest.mark.check(11)
@pytest.mark.parametrize(
    ("mode", "kept"),
    [
        (OverwriteMode.NO_OVERWRITE, b"first"),
        (OverwriteMode.FULL_OVERWRITE, b"third!"),
        # The second is of the size of the first and not newer than its copy; the third is of another size.
        (OverwriteMode.SIZE_LAST_MODIFIED, b"third!"),
    ],
)
async def test_lines_with_one_key_follow_the_overwrite_mode(
    world: World, site: Site, migrate: Migrate, mode: OverwriteMode, kept: bytes
) -> None:
    bodies = {"/1": b"first", "/2": b"twice", "/3": b"third!"}
    ended = await migrate(*(f"{site.put(at, body)}\tsame" for at, body in bodies.items()), overwrite=mode)
    assert ended.status == 5
    assert landed(world) == {b"same": kept}
    ok = {OverwriteMode.NO_OVERWRITE: 1, OverwriteMode.FULL_OVERWRITE: 1}.get(mode, 2)
    assert ended.tally() == (3, ok, 3 - ok, 0)


async def test_many_lines_with_one_key_are_done_in_their_order(
    world: World, site: Site, migrate: Migrate
) -> None:
    lines = [f"{site.put(f'/{n}', b'x' * n)}\tsame" for n in range(1, 41)]
    ended = await migrate(*lines, f"{site.put('/other', b'o')}\tother")
    assert (ended.status, ended.tally()) == (5, (41, 41, 0, 0))
    assert landed(world) == {b"same": b"x" * 40, b"other": b"o"}


@pytest.mark.check(12)
@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://localhost:{port}/x", "URL_LIST_DOMAIN_FORBIDDEN"),
        ("http://metadata.google.internal/x", "URL_LIST_DOMAIN_FORBIDDEN"),
        ("http://2130706433:{port}/x", None),
        ("http://127.0.0.2:{port}/x", "URL_LIST_IP_FORBIDDEN"),
        ("http://169.254.169.254/latest", "URL_LIST_IP_FORBIDDEN"),
        ("http://[::1]:{port}/x", "URL_LIST_IP_FORBIDDEN"),
        ("http://10.0.0.1/x", "URL_LIST_IP_FORBIDDEN"),
    ],
)
async def test_a_host_on_the_deny_list_fails_its_line(
    world: World, site: Site, migrate: Migrate, url: str, code: str | None
) -> None:
    site.put("/x", b"secret")
    ended = await migrate(f"{url.format(port=site.port)}\tinner", f"{site.put('/ok', b'fine')}\tok")
    if code is None:
        # Another spelling of the very host that the operator has named.
        assert ended.status == 5
        return
    assert (ended.status, ended.code, ended.tally()) == (4, "TRF.0004", (2, 1, 0, 1))
    assert landed(world) == {b"ok": b"fine"}
    assert [line.split(b"\t")[0].decode() for line in world.records("failed")] == [code]
    assert site.methods("/x") == []


@pytest.mark.check(13)
@pytest.mark.parametrize(
    ("prefix", "key"), [("", "k" * 1025), ("p" * 25, "k" * 1000), ("", "%E4%BD%A0" * 342)]
)
async def test_a_key_that_is_too_long_fails_its_line(
    world: World, site: Site, migrate: Migrate, prefix: str, key: str
) -> None:
    ended = await migrate(
        f"{site.put('/a', b'a')}\t{key}", destination=DestinationNode("into", "cn-north-4", prefix)
    )
    assert (ended.status, ended.tally()) == (4, (1, 0, 0, 1))
    assert world.records("failed")[0].startswith(b"URL_LIST_OBJECT_KEY_TOO_LONG\t")
    assert site.visits == []


@pytest.mark.check(34)
@pytest.mark.parametrize("framing", ["chunked", "close"])
@pytest.mark.parametrize("size", [0, 5, 16 * MIB, 33 * MIB])
async def test_no_check_takes_an_unknown_length_and_overwrites(
    world: World, site: Site, migrate: Migrate, framing: str, size: int
) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    url = site.put("/a", body, framing=framing, head_length=False, ranges=False, etag="")
    world.destination.put("into", b"a", b"stood there before")
    ended = await migrate(f"{url}\ta", consistency=ConsistencyCheck.NO_CHECK)
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0))
    assert hashlib.md5(landed(world)[b"a"]).digest() == hashlib.md5(body).digest()
    assert ended.counts["ok_bytes"] == size
    assert world.destination.uploads("into") == []
    # Nothing tells a body that only the connection ended from a cut one.
    assert (b"consistent (weak)" in world.records("success")[0]) is (framing == "close")


async def test_an_unknown_length_cannot_be_compared(world: World, site: Site, migrate: Migrate) -> None:
    url = site.put("/a", b"a", framing="chunked", head_length=False, ranges=False)
    ended = await migrate(f"{url}\ta")
    assert (ended.status, ended.tally()) == (4, (1, 0, 0, 1))
    assert failures(ended)[b"a"][0] == "COMPARE_SRC_AND_DST_SIZE_FAILURE"
    assert landed(world) == {}


@pytest.mark.check(34)
@pytest.mark.parametrize("fault", [{"cut": 100}, {"claim": 400}, {"framing": "chunked", "cut": 100}])
async def test_a_short_body_is_never_stored(
    world: World, site: Site, migrate: Migrate, fault: dict[str, Any]
) -> None:
    url = site.put("/a", b"x" * 300, **fault)
    ended = await migrate(f"{url}\ta", consistency=ConsistencyCheck.NO_CHECK)
    assert (ended.status, ended.tally()) == (4, (1, 0, 0, 1))
    assert landed(world) == {}


@pytest.mark.parametrize("cut", [1, 16 * MIB, 17 * MIB])
async def test_a_stream_that_breaks_goes_on_where_it_broke(
    world: World, site: Site, migrate: Migrate, cut: int
) -> None:
    body = random.Random(1).randbytes(18 * MIB)
    url = site.put("/a", body, framing="chunked", head_length=False, ranges=False, cut=cut, times=1)

    def resumes(page: Page) -> None:
        page.ranges = len(site.methods("/a")) > 3

    site.pages["/a"].on_get = resumes
    ended = await migrate(f"{url}\ta", consistency=ConsistencyCheck.NO_CHECK)
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0))
    assert landed(world) == {b"a": body}
    assert "if-range" in site.visits[-1].headers
    assert world.destination.uploads("into") == []


async def test_a_stream_without_an_etag_begins_anew(world: World, site: Site, migrate: Migrate) -> None:
    body = bytes(range(256)) * (20 * MIB // 256)
    url = site.put("/a", body, framing="close", head_length=False, etag="", ranges=False, claim=None)
    site.pages["/a"].framing = "chunked"
    site.pages["/a"].cut, site.pages["/a"].times = 17 * MIB, 1
    ended = await migrate(f"{url}\ta", consistency=ConsistencyCheck.NO_CHECK)
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0))
    assert landed(world) == {b"a": body}
    assert world.destination.uploads("into") == []


async def test_a_large_page_with_a_strong_etag_goes_in_ranges(
    world: World, site: Site, migrate: Migrate
) -> None:
    body = bytes(range(256)) * (33 * MIB // 256)
    ended = await migrate(f"{site.put('/a', body)}\ta")
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0))
    assert landed(world) == {b"a": body}
    ranged = [visit.headers.get("range") for visit in site.visits if visit.method == "GET"]
    assert len([one for one in ranged if one and one != "bytes=0-0"]) == 3


async def test_a_large_page_without_a_strong_etag_goes_in_one_piece(
    world: World, site: Site, migrate: Migrate
) -> None:
    body = bytes(range(256)) * (33 * MIB // 256)
    ended = await migrate(site.put("/a", body, etag='W/"x"') + "\ta")
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0))
    assert landed(world) == {b"a": body}
    assert [visit.headers.get("range") for visit in site.visits] == [None, "bytes=0-0", None]


async def test_a_page_that_changes_under_a_stream_is_one_version(
    world: World, site: Site, migrate: Migrate
) -> None:
    old, new = b"o" * (20 * MIB), b"n" * (20 * MIB)
    url = site.put("/a", old, framing="chunked", head_length=False, cut=18 * MIB, times=1, ranges=False)

    def replaced(page: Page) -> None:
        if len(site.methods("/a")) == 4:
            page.body, page.ranges = new, True

    site.pages["/a"].on_get = replaced
    ended = await migrate(f"{url}\ta", consistency=ConsistencyCheck.NO_CHECK)
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0))
    assert landed(world) == {b"a": new}


async def test_redirects_are_followed_to_their_end(world: World, site: Site, migrate: Migrate) -> None:
    site.put("/end", b"here")
    site.put("/2", status=307, location="end")
    ended = await migrate(f"{site.put('/1', status=302, location='/2')}\ta")
    assert ended.status == 5
    assert landed(world) == {b"a": b"here"}


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://169.254.169.254/latest/meta-data", "URL_LIST_IP_FORBIDDEN"),
        ("http://localhost/", "URL_LIST_DOMAIN_FORBIDDEN"),
        ("file:///etc/passwd", "URL_LIST_DOMAIN_FORBIDDEN"),
        ("/loop", "HEAD_SRC_OBJ_FAILURE"),
    ],
)
async def test_each_hop_is_checked(
    world: World, site: Site, migrate: Migrate, location: str, code: str
) -> None:
    ended = await migrate(f"{site.put('/loop', status=301, location=location)}\ta")
    assert (ended.status, ended.tally()) == (4, (1, 0, 0, 1))
    assert failures(ended)[b"a"][0] == code


async def test_the_source_vouches_for_its_bytes_where_it_can(
    world: World, site: Site, migrate: Migrate
) -> None:
    body = b"proven"
    told = {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}
    ended = await migrate(
        f"{site.put('/etag', body)}\tetag",
        f"{site.put('/none', body, etag='')}\tnone",
        site.put("/other", body, etag='"abc"') + "\tother",
        f"{site.put('/lie', body, etag='', headers=told)}\tlie",
    )
    assert ended.tally() == (4, 3, 0, 1)
    evidence = {line.split(b"\t")[1]: line.split(b"\t")[4] for line in world.records("success")}
    assert (evidence[b"etag"], evidence[b"none"], evidence[b"other"]) == (b"e2e", b"provider", b"provider")
    assert failures(ended)[b"lie"][0] == "GET_SRC_OBJ_FAILURE"


async def test_what_travels_along_is_what_the_answer_says(world: World, site: Site, migrate: Migrate) -> None:
    told = {
        "Content-Type": "image/x",
        "Content-Encoding": "br",
        "Content-Language": "de",
        "Cache-Control": "no-cache",
    }
    await migrate(f"{site.put('/a', b'a', headers=told)}\ta", enable_metadata_migration=True)
    stored = world.destination.info("into", b"a")["headers"]
    assert {name: stored.get(name) for name in map(str.lower, told)} == {
        name.lower(): value for name, value in told.items()
    }


async def test_failed_lines_alone_are_done_again(world: World, site: Site, migrate: Migrate) -> None:
    lines = [f"{site.put('/good', b'g')}\tgood", f"{site.url}/late\tlate", "nothing"]
    ended = await migrate(*lines)
    assert ended.tally() == (3, 1, 0, 2)
    site.put("/late", b"late")
    task_id = ended.row["id"]
    await world.pool.execute(
        "UPDATE task SET status = 2, run_no = 2, error_code = NULL WHERE id = %s",
        [task_id],
    )
    await world.pool.execute("INSERT INTO run (task_id, run_no, failed_only) VALUES (%s, 2, true)", [task_id])
    site.visits.clear()
    await world.run()
    again = await world.ended(task_id)
    assert landed(world) == {b"good": b"g", b"late": b"late"}
    assert site.methods("/good") == []
    assert (again.status, again.tally()) == (4, (2, 1, 0, 1))


async def test_an_existing_object_is_left_alone_like_any_other(
    world: World, site: Site, migrate: Migrate
) -> None:
    world.destination.put("into", b"a", b"same!")
    ended = await migrate(f"{site.put('/a', b'equal')}\ta")
    assert (ended.status, ended.tally()) == (5, (1, 0, 1, 0))
    assert site.methods("/a") == ["HEAD"]


@pytest.mark.check(37)
async def test_a_folder_marker_is_an_object_like_any_other(
    world: World, site: Site, migrate: Migrate
) -> None:
    ended = await migrate(f"{site.put('/dir/')}\tdir/", f"{site.put('/dir/a', b'a')}\tdir/a")
    assert (ended.status, ended.tally()) == (5, (2, 2, 0, 0))
    assert landed(world) == {b"dir/": b"", b"dir/a": b"a"}


async def test_many_lines_are_many_pages_and_all_of_them_arrive(
    world: World, site: Site, migrate: Migrate
) -> None:
    lines = [f"{site.put(f'/{n}', b'%d' % n)}\tk{n:04}" for n in range(1200)]
    random.Random(3).shuffle(lines)
    ended = await migrate(*lines)
    assert (ended.status, ended.tally()) == (5, (1200, 1200, 0, 0))
    assert landed(world) == {b"k%04d" % n: b"%d" % n for n in range(1200)}


@pytest.mark.parametrize("page", [{}, {"framing": "chunked", "head_length": False, "ranges": False}])
async def test_a_bandwidth_limit_counts_every_byte(
    world: World, site: Site, migrate: Migrate, page: dict[str, Any]
) -> None:
    body = bytes(range(256)) * (3 * MIB // 256)
    world.destination.put(
        "into", b"lists/urls.txt", f"{site.put('/a', body, **page)}\ta".encode(), headers=TEXT
    )
    limit = [{"start": "00:00", "end": "23:59", "max_bandwidth": MIB}]
    spec = replace(SPEC, consistency=ConsistencyCheck.NO_CHECK)
    task_id = await world.task(spec, bandwidth=limit)
    await world.run()
    assert (await world.ended(task_id)).status == 5
    assert landed(world) == {b"a": body}
    assert sum(n for bucket, _, n in world.throttle.taken if bucket == "read") == len(body)
