"""Migrations run once however many start them, and the pool outlives what happens to the server."""

import asyncio
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from cli.embedded.postgres import Postgres
from ledger.pool import Pool, fetch_one
from ledger.schema import current, upgrade
from ledger.sessions import create_engine, create_sessions, driver_url
from tests.servers import running_postgres


def test_processes_that_start_at_once_migrate_once(postgres_server: Postgres) -> None:
    name = f"m_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = postgres_server.url(name)
    assert current(url) is None
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(upgrade, [url] * 4))
    assert current(url) == max(path.name[:4] for path in Path("migrations/versions").glob("[0-9]*.py"))
    upgrade(url)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM task").fetchone() == (0,)


def test_urls_of_sockets_and_of_hosts_are_understood() -> None:
    tcp = driver_url("postgresql://u:p%40@db.example:5433/oms?sslmode=require")
    assert (tcp.drivername, tcp.host, tcp.port, tcp.password) == (
        "postgresql+psycopg",
        "db.example",
        5433,
        "p@",
    )
    assert driver_url("postgresql://oms@/oms?host=/run/pg").query["host"] == "/run/pg"


async def test_sqlalchemy_reaches_the_same_database_through_the_socket(database_url: str) -> None:
    engine = create_engine(database_url, size=1)
    async with create_sessions(engine)() as session:
        assert (await session.connection()).dialect.name == "postgresql"
    await engine.dispose()


async def test_the_pool_never_holds_more_connections_than_it_may(database_url: str) -> None:
    pool = Pool(database_url, size=3)
    await asyncio.gather(*(pool.fetch_one("SELECT pg_sleep(0.01)") for _ in range(20)))
    row = await pool.fetch_one(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()"
    )
    assert row == {"n": 3}
    await pool.close()


async def test_sessions_are_bounded_in_time(database_url: str) -> None:
    pool = Pool(database_url)
    row = await pool.fetch_one(
        """SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock,
                  current_setting('idle_in_transaction_session_timeout') AS idle,
                  current_setting('synchronous_commit') AS commits"""
    )
    assert row == {"statement": "1min", "lock": "10s", "idle": "10s", "commits": "on"}
    await pool.close()


async def test_connections_that_the_server_cut_are_replaced(database_url: str) -> None:
    pool = Pool(database_url, size=4)
    await asyncio.gather(*(pool.fetch_one("SELECT pg_sleep(0.01)") for _ in range(4)))
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    rows = await asyncio.gather(*(pool.fetch_one("SELECT 1 AS one") for _ in range(8)))
    assert rows == [{"one": 1}] * 8
    await pool.close()


async def test_a_cancelled_statement_leaves_no_connection_in_a_transaction(database_url: str) -> None:
    pool = Pool(database_url, size=1)

    async def slow() -> None:
        async with pool.transaction() as connection:
            await connection.execute("SELECT pg_sleep(10)")

    task = asyncio.create_task(slow())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await pool.fetch_one("SELECT 1 AS one") == {"one": 1}
    await pool.close()


async def test_deadlocked_transactions_are_run_again(database_url: str) -> None:
    pool = Pool(database_url)
    await pool.execute("INSERT INTO domain VALUES ('a', '0'), ('b', '1')")
    both = asyncio.Barrier(2)
    runs = []

    async def swap(first: str, second: str) -> None:
        async def work(connection: object) -> None:
            runs.append(first)
            await fetch_one(connection, "SELECT FROM domain WHERE id = %s FOR UPDATE", [first])  # type: ignore[arg-type]
            if len(runs) == 2:
                await asyncio.sleep(0.2)
            elif len(runs) == 1:
                await asyncio.sleep(0.1)
            await fetch_one(connection, "SELECT FROM domain WHERE id = %s FOR UPDATE", [second])  # type: ignore[arg-type]

        await both.wait()
        await pool.in_transaction(work)

    await asyncio.gather(swap("a", "b"), swap("b", "a"))
    assert len(runs) == 3
    await pool.close()


async def test_a_mistake_is_not_tried_again(database_url: str) -> None:
    pool = Pool(database_url)
    began = time.monotonic()
    with pytest.raises(psycopg.errors.UndefinedTable):
        await pool.execute("SELECT FROM nowhere")
    assert time.monotonic() - began < 5
    await pool.close()


async def test_patience_ends() -> None:
    pool = Pool("postgresql://oms@/oms?host=/nowhere", patience=0.3)
    began = time.monotonic()
    with pytest.raises(psycopg.OperationalError):
        await pool.execute("SELECT 1")
    assert 0.1 < time.monotonic() - began < 5
    await pool.close()


async def test_callers_survive_an_immediate_restart_of_the_server() -> None:
    with running_postgres() as server:
        pool = Pool(server.url(), size=4)
        await pool.execute("CREATE TABLE t (id int PRIMARY KEY)")
        stopping = asyncio.Event()

        async def write(lane: int) -> int:
            count = 0
            while not stopping.is_set():
                await pool.execute(
                    "INSERT INTO t VALUES (%s) ON CONFLICT DO NOTHING", [lane * 1_000_000 + count]
                )
                count += 1
            return count

        writers = [asyncio.create_task(write(lane)) for lane in range(4)]
        await asyncio.sleep(0.3)
        assert server.process is not None
        await asyncio.to_thread(crash, server)
        await asyncio.sleep(0.5)
        stopping.set()
        written = await asyncio.gather(*writers)
        row = await pool.fetch_one("SELECT count(*) AS n FROM t")
        assert row == {"n": sum(written)}
        await pool.close()


def crash(server: Postgres) -> None:
    """What `pg_ctl restart -m immediate` does."""
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    server.process = None
    server.start()
