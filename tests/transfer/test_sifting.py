"""What a page leaves: each object in one unit or in the one segment of its kind."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.memory import MemoryStore
from connectors.objects import ObjectInfo
from engine.digest import Digest, Digested
from engine.listfile import Line
from engine.march import Absent, Present, Sight, Unseen
from engine.outcomes import Outcome, OutcomeKind, decode
from engine.spec import CloudType, DestinationNode, SourceNode, TaskSpec, TaskType
from engine.urllist import read_url_line
from workers.transfer.sifting import Sifter
from workers.transfer.url_lists import ListedUrl, UrlSifter
from workers.transfer.verifying import VerifySifter

NOW = 1_700_000_000_000
SINCE = 1000
OLD, NEW = 1_000, 2_000_000


def _context(**settings: Any) -> Any:
    spec = TaskSpec(
        TaskType.PREFIX,
        SourceNode(CloudType.AWS, "us-east-1", "from", object_keys=("",)),
        DestinationNode("into", "cn-north-4"),
    )
    facts = SimpleNamespace(spec=replace(spec, **settings), reread=False)
    pair = SimpleNamespace(source=MemoryStore("here/a@x"), destination=MemoryStore("there/b@x"))
    clock = SimpleNamespace(now_ms=lambda: NOW)
    return SimpleNamespace(facts=facts, pair=pair, clock=clock)


def _one(key: bytes, modified_ms: int = NEW, size: int = 5, etag: str = "0" * 32) -> ObjectInfo:
    return ObjectInfo(key, size, modified_ms, etag)


def _sifted(sifter: Sifter, objects: list[ObjectInfo], sights: list[Sight[ObjectInfo]]) -> list[Outcome]:
    listed = Digested([(one.key, one.size, one.etag) for one in objects])
    sifted = sifter.sift(objects, sights, listed)
    kinds = [segment.kind for segment in sifted.segments]
    assert len(set(kinds)) == len(kinds), "the ledger takes one segment of a kind from a page"
    outcomes = [one for segment in sifted.segments for one in decode(segment.payload)]
    for segment in sifted.segments:
        ones = [one for one in outcomes if one.kind is segment.kind]
        assert (segment.n, segment.bytes) == (len(ones), sum(one.size for one in ones))
        assert segment.digest == Digest.of((one.key, one.size, one.etag) for one in ones).to_bytes()
    assert {one.finished_ms for one in outcomes} <= {NOW}
    return outcomes


@pytest.mark.parametrize("sifter", [Sifter, VerifySifter])
def test_old_equal_and_repeated_objects_are_in_one_segment(sifter: type[Sifter]) -> None:
    a, b = _one(b"a", OLD), _one(b"b")
    outcomes = _sifted(
        sifter(_context(migrate_since_s=SINCE)), [a, b, b], [Present(a), Present(b), Present(b)]
    )
    equal = "etag" if sifter is VerifySifter else "size_last_modified"
    assert [(one.idx, one.key, one.evidence) for one in outcomes] == [
        (0, b"a", "migrate_since"),
        (1, b"b", equal),
        (2, b"b", "duplicate line"),
    ]
    assert {one.kind for one in outcomes} == {OutcomeKind.SKIP}


def test_a_verification_tells_failures_beside_what_is_equal() -> None:
    a, b, c = _one(b"a"), _one(b"b"), _one(b"c", etag="1" * 32)
    outcomes = _sifted(
        VerifySifter(_context()), [a, b, c], [Absent(), Present(b), Present(_one(b"c", size=6))]
    )
    assert [(one.key, one.kind.value, one.evidence, one.code) for one in outcomes] == [
        (b"b", "skip", "etag", ""),
        (b"a", "fail", "", "DST_OBJ_MISSING"),
        (b"c", "fail", "", "SIZE_DIFFERS"),
    ]


def test_what_was_never_known_counts_as_nothing() -> None:
    lost = ObjectInfo(b"a", -1, -1, "")
    (left,) = _sifted(Sifter(_context()), [lost, lost], [Unseen(), Unseen()])
    assert (left.key, left.size, left.etag) == (b"a", 0, "")


def test_lines_of_a_list_of_urls_tell_when_they_were_refused() -> None:
    line = read_url_line(Line(1, b"no url at all", b"k"))
    (refused,) = _sifted(UrlSifter(_context()), [ListedUrl(b"k", -1, -1, "", line=line)], [Unseen()])
    assert (refused.kind, refused.finished_ms) == (OutcomeKind.FAIL, NOW)
