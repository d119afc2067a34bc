"""Secrets open in their own row only, and the first user is made once."""

import asyncio
import base64
import os
import stat
from pathlib import Path

import psycopg
import pytest
from argon2 import PasswordHasher
from pydantic import SecretStr

from connectors.locations import Credentials
from engine.failures import Side
from ledger import credentials
from ledger.bootstrap import ensure_first_user
from ledger.pool import Pool
from ledger.seal import KeyRing, Place, Sealed, SealError, access_key_place
from ledger.sessions import create_engine
from ledger.settings import MASTER_KEY_FILE, SettingsError
from tests.ledger.world import World

HERE = Place("credential", "1:source", "p1")
KEYS = {
    Side.SOURCE: Credentials("AK1", SecretStr("canary-source"), SecretStr("token")),
    Side.DESTINATION: Credentials("AK2", SecretStr("canary-destination")),
}


def ring_of(*numbers: int) -> KeyRing:
    """A ring of recognisable keys."""
    return KeyRing([bytes([number]) * 32 for number in numbers])


def test_what_is_sealed_opens_in_its_place_only() -> None:
    ring = ring_of(1)
    sealed = ring.seal(HERE, b"secret")
    assert ring.open_sealed(HERE, sealed) == b"secret"
    assert b"secret" not in sealed.content
    assert ring.seal(HERE, b"secret") != sealed
    for place in (
        Place("credential", "2:source", "p1"),
        Place("credential", "1:source", "p2"),
        Place("access_key", "1:source", "p1"),
        Place("credential", "1:source|p1", ""),
    ):
        with pytest.raises(SealError):
            ring.open_sealed(place, sealed)


@pytest.mark.parametrize("at", [0, 12, -1])
def test_a_flipped_bit_does_not_open(at: int) -> None:
    ring = ring_of(1)
    content = bytearray(ring.seal(HERE, b"secret").content)
    content[at] ^= 1
    with pytest.raises(SealError):
        ring.open_sealed(HERE, Sealed(bytes(content), 1))


def test_a_new_key_seals_and_the_old_ones_open() -> None:
    old = ring_of(1).seal(HERE, b"old")
    ring = ring_of(1, 2)
    assert ring.open_sealed(HERE, old) == b"old"
    new = ring.seal(HERE, b"new")
    assert new.key_version == 2
    with pytest.raises(SealError):
        ring_of(1).open_sealed(HERE, new)
    with pytest.raises(SealError):
        ring_of(2).open_sealed(HERE, old)
    with pytest.raises(SealError):
        ring.open_sealed(HERE, Sealed(new.content, 1))


@pytest.mark.parametrize("content", [b"", b"short", b"c2hvcnQ=", b"\xff\xfe"])
def test_an_unusable_key_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(SealError):
        KeyRing.read(path)
    with pytest.raises(SealError):
        KeyRing.read(tmp_path / "none")


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A master key file as the first start writes it, named in the environment."""
    path = tmp_path / "master.key"
    path.write_bytes(base64.b64encode(os.urandom(32)) + b"\n")
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    monkeypatch.setenv(MASTER_KEY_FILE, str(path))
    return path


async def test_credentials_of_a_task_come_back_and_are_wiped(
    world: World, pool: Pool, database_url: str, key_file: Path
) -> None:
    task = await world.task()
    engine = create_engine(database_url)
    for _ in range(2):
        async with engine.begin() as connection:
            await credentials.keep(connection, KeyRing.read(key_file), task, world.project, KEYS)
    await engine.dispose()
    assert await credentials.find(pool, task) == KEYS
    assert await credentials.find(pool, task, KeyRing.read(key_file)) == KEYS
    rows = await pool.fetch_all("SELECT sealed FROM credential")
    assert not any(b"canary" in row["sealed"] for row in rows)
    await credentials.wipe(pool, task)
    assert await credentials.find(pool, task) == {}


async def test_swapped_ciphertexts_do_not_open(
    world: World, pool: Pool, database_url: str, key_file: Path
) -> None:
    task = await world.task()
    engine = create_engine(database_url)
    async with engine.begin() as connection:
        await credentials.keep(connection, KeyRing.read(key_file), task, world.project, KEYS)
    await engine.dispose()
    await pool.execute(
        "UPDATE credential c SET sealed = o.sealed FROM credential o WHERE o.task_id = c.task_id AND o.side <> c.side"
    )
    with pytest.raises(SealError):
        await credentials.find(pool, task)


async def test_without_a_key_file_nothing_opens(
    world: World, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(MASTER_KEY_FILE, raising=False)
    with pytest.raises(SettingsError):
        await credentials.find(pool, await world.task())


async def test_the_first_user_is_made_once_even_by_two_starts(database_url: str, key_file: Path) -> None:
    made = await asyncio.gather(
        *(asyncio.to_thread(ensure_first_user, database_url, str(key_file)) for _ in range(3))
    )
    (shown,) = [one for one in made if one is not None]
    assert set(shown) == {
        "project_id", "project_name", "domain_id", "domain_name",
        "user_id", "user_name", "password", "access_key", "secret_key",
    }  # fmt: skip
    with psycopg.connect(database_url) as connection:
        hashed = connection.execute("SELECT password_hash FROM principal").fetchone()
        key = connection.execute("SELECT sealed_secret, key_version FROM access_key").fetchone()
    assert hashed is not None
    assert key is not None
    assert PasswordHasher().verify(hashed[0], shown["password"])
    sealed = Sealed(*key)
    opened = KeyRing.read(key_file).open_sealed(access_key_place(shown["access_key"]), sealed)
    assert opened.decode() == shown["secret_key"]
