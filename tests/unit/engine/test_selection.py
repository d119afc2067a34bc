"""Which keys a task takes (oms-behaviour 3.4, 3.5; checks 38, 41)."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.selection import Scope, after_for, is_recent, just_after, scopes, successor
from engine.spec import CloudType, DestinationNode, SourceNode, TaskSpec, TaskType

NAMES = st.text(alphabet="ab/é", max_size=5)
KEYS = st.lists(st.text(alphabet="ab/cé\0\U0010ffff", min_size=1, max_size=6).map(str.encode), max_size=30)


def spec(task_type, *entries):
    return TaskSpec(task_type, SourceNode(CloudType.AWS, object_keys=entries), DestinationNode("b", "r"))


def naively(task_type, entries, key):
    def takes(entry):
        if task_type is TaskType.PREFIX or entry == "" or entry.endswith("/"):
            return key.startswith(entry.encode())
        return key == entry.encode()

    return any(map(takes, entries or [""]))


@given(st.sampled_from([TaskType.OBJECT, TaskType.PREFIX]), st.lists(NAMES, max_size=6), KEYS)
@example(TaskType.OBJECT, ["a", "a/", "a/b", "a/b/"], [b"a", b"a/", b"a/b", b"a/b/c", b"ab"])
@example(TaskType.PREFIX, ["a", "ab", ""], [b"x"])
def test_scopes_take_what_the_entries_say_and_no_key_twice(task_type, entries, keys):
    found = scopes(spec(task_type, *entries))
    for key in keys:
        assert sum(key in scope for scope in found) == naively(task_type, entries, key)


@given(st.sampled_from([TaskType.OBJECT, TaskType.PREFIX]), st.lists(NAMES, max_size=6))
def test_scopes_are_sorted_disjoint_pieces_under_their_prefix(task_type, entries):
    found = scopes(spec(task_type, *entries))
    assert found
    for left, right in pairwise(found):
        assert left.hi is not None
        assert left.hi <= right.lo
    for scope in found:
        assert scope.lo == scope.prefix
        assert scope.exact == (scope.hi == scope.lo + b"\0")


@pytest.mark.check(38)
def test_a_folder_a_name_and_the_whole_bucket():
    assert scopes(spec(TaskType.OBJECT, "d/", "f")) == (
        Scope(b"d/", b"d0", b"d/", exact=False),
        Scope(b"f", b"f\0", b"f", exact=True),
    )
    whole = (Scope(b"", None, b"", exact=False),)
    assert scopes(spec(TaskType.OBJECT, "")) == scopes(spec(TaskType.PREFIX)) == whole
    assert scopes(spec(TaskType.OBJECT, "x", "", "y/")) == whole


@pytest.mark.parametrize("task_type", [TaskType.LIST, TaskType.URL_LIST])
def test_a_list_task_has_no_scopes(task_type):
    with pytest.raises(ValueError, match="no scopes"):
        scopes(spec(task_type))


@pytest.mark.parametrize(
    ("prefix", "above"),
    [(b"", None), (b"\xff\xff", None), (b"a", b"b"), (b"a/", b"a0"), (b"a\xff", b"b"), (b"a\0", b"a\x01")],
)
def test_the_successor_is_right_above_the_prefix(prefix, above):
    assert successor(prefix) == above


@given(st.binary(max_size=4), st.binary(max_size=6))
def test_exactly_what_begins_with_a_prefix_is_below_its_successor(prefix, key):
    above = successor(prefix)
    assert key.startswith(prefix) == (prefix <= key and (above is None or key < above))


@given(st.binary(max_size=5), st.binary(max_size=6))
def test_nothing_lies_between_a_key_and_just_after(key, other):
    assert not key < other < just_after(key)


@pytest.mark.parametrize(
    ("lo", "prefix", "after"),
    [
        (b"", b"", b""),
        (b"a/", b"a/", b""),
        (b"a\0", b"a\0", b""),
        (b"a/k\0", b"a/", b"a/k"),
        (b"k\0\0", b"", b"k\0"),
        ("aé".encode(), b"", b"a"),
    ],
)
def test_a_lister_begins_at_the_inclusive_lo(lo, prefix, after):
    assert after_for(lo, prefix) == after


@given(st.text(max_size=4).map(str.encode), st.text(max_size=5).map(str.encode), st.text(max_size=6))
def test_after_skips_nothing_and_can_be_sent(prefix, tail, key):
    lo = prefix + tail
    after = after_for(lo, prefix)
    after.decode()
    wanted = key.encode()
    if wanted.startswith(prefix) and wanted >= lo and wanted:
        assert wanted > after


@given(st.text(max_size=5).map(str.encode), st.text(max_size=6).map(str.encode))
def test_after_shows_nothing_below_a_cut(done, key):
    if key > after_for(just_after(done), b""):
        assert key >= just_after(done)


@pytest.mark.check(41)
@pytest.mark.parametrize(
    ("modified_ms", "since_s", "recent"),
    [(0, 0, True), (1_000_000, 1000, False), (1_000_001, 1000, True), (999_999, 1000, False)],
)
def test_only_objects_strictly_later_than_migrate_since_are_recent(modified_ms, since_s, recent):
    assert is_recent(modified_ms, since_s) is recent
