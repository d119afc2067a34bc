"""Which keys a task takes: names, folders and prefixes as disjoint pieces of the key space (OMS 5.2.3)."""

from dataclasses import dataclass

from engine.spec import TaskSpec, TaskType


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """The keys in [lo, hi), `hi` None being an open end. All begin with `prefix`; `exact` means one name."""

    lo: bytes
    hi: bytes | None
    prefix: bytes
    exact: bool

    def __contains__(self, key: bytes) -> bool:
        """Whether `key` is in the piece."""
        return self.lo <= key and (self.hi is None or key < self.hi)


def scopes(spec: TaskSpec) -> tuple[Scope, ...]:
    """The pieces of an object or prefix task, sorted and disjoint; `[""]` and nothing mean the whole bucket.

    Raises ValueError for list tasks: their list says what they take.
    """
    if spec.task_type not in (TaskType.OBJECT, TaskType.PREFIX):
        raise ValueError(f"a {spec.task_type} task has no scopes")
    by_prefix = spec.task_type is TaskType.PREFIX
    entries = {entry.encode() for entry in spec.source.object_keys or ("",)}
    wide = _outermost({entry for entry in entries if by_prefix or entry == b"" or entry.endswith(b"/")})
    names = {entry for entry in entries - wide if not entry.startswith(tuple(wide))}
    return tuple(sorted([*map(_below, wide), *map(_named, names)], key=lambda scope: scope.lo))


def _outermost(prefixes: set[bytes]) -> set[bytes]:
    kept: list[bytes] = []
    for prefix in sorted(prefixes):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return set(kept)


def _below(prefix: bytes) -> Scope:
    return Scope(prefix, successor(prefix), prefix, exact=False)


def _named(key: bytes) -> Scope:
    return Scope(key, just_after(key), key, exact=True)


def successor(prefix: bytes) -> bytes | None:
    """The smallest bytes above everything that begins with `prefix`; None when nothing is."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None


def just_after(key: bytes) -> bytes:
    """The very next key in byte order."""
    return key + b"\0"


def after_for(lo: bytes, prefix: bytes) -> bytes:
    r"""The exclusive `after` that lets a lister of `prefix` begin at the inclusive `lo`.

    b"" when the listing begins there anyway; `lo` without its last byte when it is some key's `just_after`.
    Any other `lo` has no key right before it: the answer is then valid UTF-8 somewhat below, and the lister
    may show keys below `lo`, which the caller drops.
    """
    if lo <= prefix:
        return b""
    if lo.endswith(b"\0"):
        return lo[:-1]
    return lo[:-1].decode(errors="ignore").encode()


def is_recent(modified_ms: int, migrate_since_s: int) -> bool:
    """Whether an object is newer than `migrate_since` (strictly; 0 means no limit) (oms-behaviour 3.5)."""
    return migrate_since_s == 0 or modified_ms > migrate_since_s * 1000
