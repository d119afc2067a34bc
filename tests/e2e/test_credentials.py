"""No key outlives its task, in whatever way the task ends."""

from collections.abc import Iterator

import pytest

from tests.e2e.site import AK, SK, Site, opened, until

SLOW = {"latency_ms": 100}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One installation for all ends: what an earlier task left behind would be found as well."""
    debug = {"OMS_LOG_LEVEL": "DEBUG"}
    with opened(tmp_path_factory.mktemp("ends"), source=SLOW, destination=SLOW, environment=debug) as site:
        for n in range(200):
            site.source.put("from", b"%04d" % n, b"x" * 1000)
        yield site


@pytest.fixture
def site(engine: Site) -> Iterator[Site]:
    yield engine
    engine.source.faults.clear()


@pytest.mark.check(53)
@pytest.mark.parametrize("end", ["paused", "failed", "succeeded", "deleted"])
def test_no_credential_outlives_its_task(site: Site, end: str) -> None:
    """Postgres, Redis, logs and answers are searched for the keys themselves."""
    if end == "failed":
        site.source.faults.add(op="get", status=403, code="AccessDenied")
    task_id = site.create(object_overwrite_mode="FULL_OVERWRITE")
    if end in ("paused", "deleted"):
        until(lambda: site.task(task_id), lambda task: task["status"] == 2, 10)
        site.engine.call("POST", f"/tasks/{task_id}/stop")
    answer = site.wait(task_id, 3, 4, 5)
    assert answer["status"] == {"paused": 3, "deleted": 3, "failed": 4, "succeeded": 5}[end]
    if end == "deleted":
        site.engine.call("DELETE", f"/tasks/{task_id}")
    assert site.rows("SELECT * FROM credential") == []
    places = {
        "answer": str(answer),
        "postgres": _dump(site),
        "redis": _redis(site),
        "logs": "".join(log.read_text(errors="replace") for log in (site.root / "data/logs").iterdir()),
    }
    for name, text in places.items():
        assert len(text) > 10, name
        assert [key for key in (AK, SK) if key in text] == [], name


def _dump(site: Site) -> str:
    """Every row of every table, as text."""
    tables = site.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return "\n".join(str(site.rows(f"SELECT x::text FROM {row['tablename']} x")) for row in tables)


def _redis(site: Site) -> str:
    import redis as client

    url = site.processes("worker")[0].environ()["OMS_REDIS_URL"]
    with client.Redis.from_url(url) as connection:
        found = [str(connection.info())]
        for key in connection.scan_iter():
            found += [str(key), str(connection.dump(key))]
    return "\n".join(found)
