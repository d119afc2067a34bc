"""What an object costs in the ledger: while it waits, when it is copied, and when the run has ended."""

import random
from collections.abc import Sequence

from engine import manifest, outcomes
from engine.digest import Digest
from engine.manifest import Entry
from engine.outcomes import Outcome, OutcomeKind
from ledger.postgres import PostgresLedger
from ledger.values import ListedPage, NewSegment, NewUnit
from tests.ledger.world import World

UNITS = 20
OBJECTS = 1000

# Whole rows, with what is stored out of line.
STORED = """
SELECT (SELECT coalesce(sum(pg_column_size(u.*)), 0) FROM unit u)
     + (SELECT coalesce(sum(pg_column_size(s.*)), 0) FROM segment s)
     + (SELECT coalesce(sum(pg_column_size(r.*)), 0) FROM record r)"""


def entries_of(chance: random.Random, unit: int) -> list[Entry]:
    """Objects as stores have them: nested names, any size, MD5 as ETag."""
    return [
        Entry(
            key=f"photos/2024/{unit:02}/img-{number:06}.jpg".encode(),
            size=chance.randrange(1_000_000),
            modified_ms=1_700_000_000_000 + chance.randrange(10**9),
            etag=chance.randbytes(16).hex(),
            storage_class="STANDARD",
            decision="absent",
        )
        for number in range(OBJECTS)
    ]


def copied(entries: Sequence[Entry]) -> NewSegment:
    """All of them copied by single PUTs."""
    found = [
        Outcome(
            index,
            OutcomeKind.OK,
            entry.key,
            entry.size,
            entry.etag,
            "md5",
            "strong",
            "",
            "",
            index,
            entry.etag,
        )
        for index, entry in enumerate(entries)
    ]
    size = sum(entry.size for entry in entries)
    return NewSegment("ok", len(found), size, digest_of(entries), outcomes.encode(found))


def digest_of(entries: Sequence[Entry]) -> bytes:
    """Their coverage digest."""
    return Digest.of((entry.key, entry.size, entry.etag) for entry in entries).to_bytes()


async def test_an_object_costs_little_more_than_its_key(world: World, ledger: PostgresLedger) -> None:
    chance = random.Random(1)
    units = [entries_of(chance, unit) for unit in range(UNITS)]
    every = [entry for unit in units for entry in unit]
    size = sum(entry.size for entry in every)
    task = await world.planned()
    page = ListedPage(
        page_no=0, cursor=b"z", listed=len(every), listed_bytes=size, digest=digest_of(every),
        units=tuple(
            NewUnit(manifest.encode(unit), len(unit), sum(entry.size for entry in unit), large=False)
            for unit in units
        ),
        segments=(), last=True,
    )  # fmt: skip
    assert (await ledger.save_page(await world.range_claim(task), page)).alive
    waiting = await stored(world, every)
    for unit in units:
        claim = await world.unit_claim(task)
        assert (await ledger.checkpoint(claim, 0, range(OBJECTS), [copied(unit)])).closed
    done = await stored(world, every)
    finish = await ledger.claim_finish(task, "f")
    assert finish is not None
    while record := await ledger.claim_record(task, "f", 1, finish=finish):
        assert await ledger.record_written(record, b"s" * 32)
    found = await ledger.end_run(finish)
    assert found is not None
    assert found.problems == ()
    ended = await stored(world, every)
    keys = sum(len(entry.key) for entry in every) / len(every)
    print(
        f"ledger bytes an object (key {keys:.0f}): waiting {waiting:.1f}, copied {done:.1f}, ended {ended:.2f}"
    )
    assert waiting < keys + 16
    assert done < keys + 16
    assert ended < 1


async def stored(world: World, entries: Sequence[Entry]) -> float:
    """Bytes an object in units, segments and records."""
    return float(await world.value(STORED)) / len(entries)
