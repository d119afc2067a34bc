"""Lists of URLs and CDNs through the HTTP API, on processes as an operator runs them."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.buckets import cdn_server
from tests.buckets.cdn_server import SECRET, Cdn, running_cdn
from tests.e2e.site import AK, REGIONS, SK, Site, opened
from tests.transfer.test_migration import AWKWARD
from tests.website import Site as Website
from tests.website import running_site

MIB = 1 << 20
TEXT = {"content-type": "text/plain"}
NOWHERE = "http://169.254.169.254/latest/meta-data"


@pytest.fixture(scope="module")
def website() -> Iterator[Website]:
    """The one web site that the operator has named."""
    with running_site() as found:
        yield found


@pytest.fixture(scope="module")
def cdn() -> Iterator[Cdn]:
    """A CDN before the source bucket."""
    with running_cdn() as found:
        yield found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, website: Website, cdn: Cdn) -> Iterator[Site]:
    """One installation for all tests here."""
    named = (
        f"- {{cloud_type: URLSource, region: '*', endpoint: '{website.url}'}}\n"
        f"- {{cloud_type: CDN, region: '*', endpoint: 'http://127.0.0.1:{cdn.port}'}}\n"
    )
    root: Path = tmp_path_factory.mktemp("urls")
    with opened(root, workers=1, named=named) as found:
        yield found


def arrived(site: Site, prefix: str) -> dict[str, bytes]:
    """What a task has written below its prefix."""
    keys = [key for key in site.destination.keys("into") if key.startswith(prefix.encode())]
    return {key.decode().removeprefix(prefix): site.destination.get("into", key) for key in keys}


def of_urls(key: str, prefix: str, **more: Any) -> dict[str, Any]:
    """A list of URLs in the destination's bucket."""
    return {
        "task_type": "url_list",
        "src_node": {"cloud_type": "URLSource", "list_file": {"list_file_key": key, "obs_bucket": "into"}},
        "dst_node": {"region": REGIONS[1], "ak": AK, "sk": SK, "bucket": "into", "save_prefix": prefix},
        **more,
    }


@pytest.mark.check(9, 12, 51)
def test_a_url_list_is_migrated_and_its_failures_are_done_again(site: Site, website: Website) -> None:
    large = bytes(range(256)) * (17 * MIB // 256)
    lines = [
        f"{website.put('/small', b'small')}\tsmall",
        f"{website.put('/large', large)}\tlarge%20one",
        f"{website.put('/hop', status=302, location='/small')}\thop",
        f"{website.put('/open', b'open', framing='chunked', head_length=False, ranges=False)}\topen",
        f"{website.url}/late\tlate",
        f"{NOWHERE}\tinner",
    ]
    site.destination.put("into", b"lists/urls.txt", "\n".join(lines).encode(), headers=TEXT)
    task_id = site.create(**of_urls("lists/urls.txt", "urls/", consistency_check="no_check"))
    ended = site.wait(task_id)
    assert (ended["status"], ended["error_reason"]["error_code"]) == (4, "TRF.0004")
    wanted = {"small": b"small", "large one": large, "hop": b"small", "open": b"open"}
    assert arrived(site, "urls/") == wanted
    assert (ended["successful_num"], ended["failed_num"], ended["total_num"]) == (4, 2, 6)
    assert ended["real_size"] == len(large) + 14
    listed = ended["failed_object_record"]["list_file_key"]
    columns = [line.split(b"\t") for line in site.destination.get("into", listed.encode()).splitlines()]
    assert {(one[0], one[2]) for one in columns} == {
        (b"URL_LIST_IP_FORBIDDEN", b"inner"),
        (b"SRC_OBJ_NOT_FOUND", b"late"),
    }
    site.assert_adds_up(task_id)
    website.put("/late", b"late")
    website.visits.clear()
    site.engine.call(
        "POST", f"/tasks/{task_id}/start", {"dst_ak": AK, "dst_sk": SK, "migrate_failed_object": True}
    )
    assert site.wait(task_id)["failed_num"] == 1
    assert arrived(site, "urls/") == {**wanted, "late": b"late"}
    assert {visit.target for visit in website.visits} == {"/late"}


def test_hundreds_of_urls_arrive_under_awkward_keys(site: Site, website: Website) -> None:
    sizes = [0, 1, 4095, 4096, MIB, 16 * MIB - 1, 16 * MIB, 16 * MIB + 1, 33 * MIB]
    bodies = {b"size/%d" % size: random.Random(size).randbytes(size) for size in sizes}
    bodies |= {b"awkward/" + key: b"body of " + key for key in AWKWARD if len(key) < 1000}
    bodies |= {b"many/%04d" % n: b"x" * n for n in range(310 - len(bodies))}
    lines = [
        f"{website.put(f'/wide/{number}', body)}\t{quote(key, safe='')}"
        for number, (key, body) in enumerate(bodies.items())
    ]
    site.destination.put("into", b"lists/wide.txt", "\n".join(lines).encode(), headers=TEXT)
    ended = site.wait(site.create(**of_urls("lists/wide.txt", "wide/")), seconds=120)
    assert (ended["status"], ended["total_num"], ended["successful_num"]) == (5, 310, 310), ended
    keys = [key for key in site.destination.keys("into") if key.startswith(b"wide/")]
    assert {key.removeprefix(b"wide/"): site.destination.get("into", key) for key in keys} == bodies


@pytest.mark.check(100, 101)
def test_a_bucket_is_read_through_its_cdn(site: Site, cdn: Cdn, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = {f"d e/{n}.txt": f"object {n}".encode() for n in range(20)} | {"large": b"x" * (17 * MIB)}
    for key, body in objects.items():
        site.source.put("from", key.encode(), body)
        cdn.hold(key, body)
    cdn.hold("d e/7.txt", b"stale")
    cdn.gate = cdn_server.type_a("auth_key")
    network = {"domain": f"127.0.0.1:{cdn.port}", "protocol": "http", "authentication_type": "ALIYUN_OSS_A"}
    node = {"region": REGIONS[1], "ak": AK, "sk": SK, "bucket": "into", "save_prefix": "cdn/"}
    site.source.reset_counters()
    task_id = site.create(source_cdn={**network, "authentication_key": SECRET}, dst_node=node)
    ended = site.wait(task_id)
    assert (ended["status"], ended["successful_num"], ended["failed_num"]) == (4, 20, 1)
    assert ended["source_cdn"] == network
    del objects["d e/7.txt"]
    assert arrived(site, "cdn/") == objects
    listed = site.destination.get("into", ended["failed_object_record"]["list_file_key"].encode())
    assert listed.startswith(b"COMPARE_SRC_AND_CDN_FAILURE\t")
    assert site.source.counters().requests("get") == 0
    site.assert_adds_up(task_id)
    cdn.hold("d e/7.txt", b"object 7")
    site.start(task_id, migrate_failed_object=True, source_cdn_authentication_key=SECRET)
    assert site.wait(task_id)["status"] == 5
    assert arrived(site, "cdn/")["d e/7.txt"] == b"object 7"


def test_a_stream_whose_worker_dies_is_read_anew(site: Site, website: Website) -> None:
    body = random.Random(4).randbytes(24 * MIB)
    url = website.put("/deadly", body, framing="chunked", head_length=False, ranges=False)
    killed: list[int] = []

    def kill(sent: int) -> None:
        # Its first part has been taken by then: the socket does not run so far ahead.
        if sent > 20 * MIB and not killed:
            killed.append(site.kill("worker"))

    website.pages["/deadly"].on_sent = kill
    site.destination.put("into", b"lists/deadly.txt", f"{url}\tone".encode(), headers=TEXT)
    task_id = site.create(**of_urls("lists/deadly.txt", "deadly/", consistency_check="no_check"))
    assert site.wait(task_id, seconds=90)["status"] == 5
    assert killed[0] > 0
    assert arrived(site, "deadly/") == {"one": body}
    site.assert_adds_up(task_id)
