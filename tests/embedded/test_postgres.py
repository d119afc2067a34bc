"""The embedded Postgres by itself: identities, lock files of earlier lives, settings."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from cli.embedded.errors import EmbeddedError
from cli.embedded.identity import Identity, candidates, give
from cli.embedded.postgres import Postgres, working_identity
from cli.embedded.redis import Redis
from cli.embedded.wheels import postgres_program
from tests.servers import places

IDENTITIES = candidates()


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A directory with a short path."""
    with places() as where:
        yield where.sockets


def postgres(home: Path, sockets: Path, identity: Identity) -> Postgres:
    """A Postgres below a directory that only its owner may enter."""
    give(sockets, identity)
    return Postgres(home / "postgres", sockets, home / "postgres.log", {"fsync": "off"}, identity)


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda one: str(one.kind))
def test_it_works_below_a_directory_that_only_its_owner_enters(
    tmp_path: Path, sockets: Path, identity: Identity
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    for _ in range(2):
        server = postgres(home, sockets, identity)
        server.start()
        with psycopg.connect(server.url()) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS t (k bytea)")
        assert server.stop() == 0


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda one: str(one.kind))
def test_its_programs_may_lie_below_such_a_directory_too(
    tmp_path: Path, sockets: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    installed = Path(postgres_program("postgres")).parents[2]
    programs = home / installed.name / "pginstall18" / "bin"
    shutil.copytree(installed / "pginstall18", programs.parent)
    shutil.copytree(installed.with_name(f"{installed.name}.libs"), home / f"{installed.name}.libs")
    monkeypatch.setattr("cli.embedded.postgres.postgres_program", lambda name: str(programs / name))
    assert working_identity() == IDENTITIES[0]
    server = postgres(home, sockets, identity)
    server.start()
    assert server.stop() == 0


def test_a_cluster_of_one_identity_opens_under_the_next(tmp_path: Path, sockets: Path) -> None:
    for identity in (*IDENTITIES, *reversed(IDENTITIES)):
        server = postgres(tmp_path, sockets, identity)
        server.start()
        assert server.stop() == 0


def test_a_lock_file_that_names_an_innocent_process_does_not_block_the_start(
    tmp_path: Path, sockets: Path
) -> None:
    server = postgres(tmp_path, sockets, IDENTITIES[0])
    server.start()
    lock = server.home / "postmaster.pid"
    content = lock.read_text().splitlines()
    assert server.process is not None
    psutil.Process(server.process.pid).kill()
    server.stop()
    lock.write_text("\n".join([str(os.getpid()), *content[1:]]))
    server.start()
    assert server.stop() == 0


def test_a_postmaster_that_outlived_its_supervisor_is_ended_first(tmp_path: Path, sockets: Path) -> None:
    orphan = postgres(tmp_path, sockets, IDENTITIES[0])
    orphan.start()
    successor = postgres(tmp_path, sockets, IDENTITIES[0])
    successor.start()
    assert orphan.process is not None
    assert orphan.process.wait(5) is not None
    assert successor.stop() == 0


def test_an_initdb_that_was_cut_short_is_begun_again(tmp_path: Path, sockets: Path) -> None:
    server = postgres(tmp_path, sockets, IDENTITIES[0])
    draft = tmp_path / "postgres.new"
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n")
    server.start()
    assert server.stop() == 0
    assert not draft.exists()


def test_a_broken_cluster_is_told_with_the_servers_own_words(tmp_path: Path, sockets: Path) -> None:
    server = postgres(tmp_path, sockets, IDENTITIES[0])
    server.start()
    server.stop()
    (server.home / "global" / "pg_control").unlink()
    with pytest.raises(EmbeddedError, match="pg_control"):
        server.start()


def test_the_settings_are_durable_and_no_port_is_open(tmp_path: Path, sockets: Path) -> None:
    give(sockets, IDENTITIES[0])
    server = Postgres(tmp_path / "postgres", sockets, tmp_path / "log", identity=IDENTITIES[0])
    server.start()
    wanted = {
        "fsync": "on",
        "synchronous_commit": "on",
        "listen_addresses": "",
        "idle_in_transaction_session_timeout": "30s",
        "server_encoding": "UTF8",
        "lc_collate": "C",
        "dynamic_shared_memory_type": "mmap",
    }
    with psycopg.connect(server.url()) as connection:
        locale = "SELECT 'lc_collate', datcollate FROM pg_database WHERE datname = 'oms'"
        setting = "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s)"
        found = dict([*connection.execute(locale), *connection.execute(setting, [list(wanted)])])
    assert server.process is not None
    assert psutil.Process(server.process.pid).net_connections("inet") == []
    assert server.stop() == 0
    assert found == wanted


def test_redis_keeps_nothing_and_never_evicts(tmp_path: Path, sockets: Path) -> None:
    import redis

    server = Redis(tmp_path / "redis", sockets, tmp_path / "redis.log")
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("port") == {"port": "0"}
    assert server.stop() == 0
    assert [*(tmp_path / "redis").iterdir()] == []
