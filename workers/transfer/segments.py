"""Outcomes, packed for the ledger: one segment a kind, with its counts and coverage digest beside it (design 3.5)."""

from collections.abc import Sequence

from engine.digest import NOTHING, Digested
from engine.outcomes import Left, Outcome, OutcomeKind, encode
from ledger.values import NewSegment


def segments(outcomes: Sequence[Outcome], listed: Digested = NOTHING) -> tuple[NewSegment, ...]:
    """At most one segment for each kind that occurs; the order of outcomes is kept.

    Of a page whose objects all met the same fate the digest is known already: `listed`.
    """
    by_kind = ((kind, [one for one in outcomes if one.kind is kind]) for kind in OutcomeKind)
    return tuple(_segment(kind, ones, listed) for kind, ones in by_kind if ones)


def left_segment(left: Left, finished_ms: int, listed: Digested = NOTHING) -> NewSegment:
    """The segment of what was left alone; see `segments`."""
    return NewSegment(
        kind=OutcomeKind.SKIP,
        n=len(left.keys),
        bytes=sum(left.sizes),
        digest=listed.again(list(zip(left.keys, left.sizes, left.etags, strict=True))).to_bytes(),
        payload=left.encode(finished_ms),
    )


def _segment(kind: OutcomeKind, outcomes: Sequence[Outcome], listed: Digested) -> NewSegment:
    digest = listed.again([(one.key, one.size, one.etag) for one in outcomes])
    return NewSegment(
        kind=kind,
        n=len(outcomes),
        bytes=sum(one.size for one in outcomes),
        digest=digest.to_bytes(),
        payload=encode(outcomes),
    )
