"""What a seed's world looks like before anything happens: keys, sizes, stores, wishes."""

from dataclasses import dataclass, field, replace
from random import Random
from urllib.parse import quote

from connectors.traits import Traits
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
from tests.sim.sizes import KEY_BYTES, SINGLE

SIZES = (0, 1, 7, SINGLE - 1, SINGLE, SINGLE + 1, 2 * SINGLE, 2 * SINGLE + 1, 3 * SINGLE + 3, 7 * SINGLE + 5)
NAMES = (
    "a", "a/b", "a/b/c", "b", "dir/", "dir/x1", "dir/x2", "dir/x3", "dir/y/1", "dir/y/2", "dir/z\n", "e e", "f%20",
    "log-01", "log-02", "log-03", "log-04", "log-05", "log-05/1", "log-11", "log-12", "n\u00fc", "n\u0075\u0308",
    "q//r", "z", "z/1", "~", "~ 1", "\U0001f600", "x" * (KEY_BYTES + 1),
)  # fmt: skip
KINDS = ("prefix", "prefix", "prefix", "prefix", "object", "list", "group", "list_group", "sync")
SMALL = Traits(
    min_part=1, max_part=1 << 20, max_parts=64, max_key_bytes=KEY_BYTES, window_start=2, window_max=6
)


@dataclass(slots=True)
class Plan:
    """One world."""

    kind: str
    spec: TaskSpec
    source: Traits
    destination: Traits
    opaque_source: bool
    opaque_destination: bool
    crc_source: bool
    crc_destination: bool
    workers: int
    storm: float
    lease_seconds: float
    limited: int
    # The share of the keys at which the destination has something before.
    filled: float = 0.25
    denied: frozenset[bytes] = frozenset()
    poison: frozenset[bytes] = frozenset()
    no_records: bool = False
    lists: dict[str, bytes] = field(default_factory=dict)
    keys: tuple[bytes, ...] = ()
    events: tuple[bytes, ...] = ()


def drawn(random: Random) -> Plan:
    """The world of a seed."""
    kind = random.choice(KINDS)
    names = random.sample(NAMES, random.choice((0, 1, 2, 4, 6, 8, 11, 16)))
    keys = tuple(sorted(name.encode() for name in names))
    opaque_source, opaque_destination = random.random() < 0.3, random.random() < 0.2
    ordered = random.random() < 0.85
    plan = Plan(
        kind=kind,
        spec=_spec(random, kind, names),
        source=replace(
            SMALL, etag_is_md5=not opaque_source, ordered=ordered, window_max=random.choice((3, 6, 6))
        ),
        destination=replace(
            SMALL,
            etag_is_md5=not opaque_destination,
            conditional_put=random.random() < 0.7,
            md5_enforced=opaque_destination or random.random() < 0.8,
            ordered=random.random() < 0.85,
            window_max=random.choice((3, 6, 6)),
        ),
        opaque_source=opaque_source,
        opaque_destination=opaque_destination,
        crc_source=random.random() < 0.5,
        crc_destination=random.random() < 0.5,
        workers=random.choice((1, 1, 2, 2, 3, 4)),
        storm=random.choice((4.0, 10.0, 20.0, 40.0)),
        lease_seconds=random.choice((3.0, 3.0, 8.0, 20.0)),
        limited=random.choice((0, 0, 0, 0, 30, 80)),
        filled=random.choice((0.25, 0.25, 0.25, 0.9)),
        keys=keys,
    )
    if keys and random.random() < 0.1:
        plan.denied = frozenset(random.sample(keys, 1))
    if keys and kind != "sync" and random.random() < 0.08:
        plan.poison = frozenset(random.sample(keys, 1))
    plan.no_records = random.random() < 0.04
    if kind in ("list", "list_group"):
        plan.lists = _lists(random, kind, names)
    if kind == "sync":
        plan.events = (*dict.fromkeys(random.choices(keys, k=len(keys))), b"missing")
    return plan


def _spec(random: Random, kind: str, names: list[str]) -> TaskSpec:
    prefix = random.choice(("", "", "", "into/", "p-"))
    task_type = {"list": TaskType.LIST, "list_group": TaskType.LIST, "object": TaskType.OBJECT}.get(
        kind, TaskType.PREFIX
    )
    chosen: tuple[str, ...] = ("",)
    if task_type is TaskType.OBJECT:
        chosen = tuple(random.sample(names, min(len(names), random.choice((1, 2, 5))))) or ("",)
    elif random.random() < 0.25:
        chosen = tuple(random.sample(("a", "dir/", "log-0", "log-", "n"), random.choice((1, 2))))
    listed = None
    if kind == "list":
        listed = ListFile("lists", "list.txt")
    elif kind == "list_group":
        listed = ListFile("lists", "folder/")
    return TaskSpec(
        task_type=task_type,
        source=SourceNode(
            CloudType.AWS, "r1", "from", object_keys=() if listed else chosen, list_file=listed
        ),
        destination=DestinationNode("into", "r2", prefix),
        migrate_since_s=random.choice((0, 0, 0, 0, 999_000)),
        enable_metadata_migration=random.random() < 0.3,
        record_failures=random.random() < 0.85,
        overwrite=random.choice(list(OverwriteMode)),
        consistency=random.choice(list(ConsistencyCheck)),
    )


def _lists(random: Random, kind: str, names: list[str]) -> dict[str, bytes]:
    """List files; some name a key twice or a key that is not there."""
    fit = [name for name in names if "\n" not in name]
    if kind == "list":
        return {"list.txt": _lines(random, [*fit, *random.choices(fit, k=2), "missing"] if fit else [])}
    return {f"folder/{n}.txt": _lines(random, part) for n, part in enumerate((fit[::2], fit[1::2])) if part}


def _lines(random: Random, names: list[str]) -> bytes:
    return b"".join(quote(name).encode() + b"\n" for name in names)
