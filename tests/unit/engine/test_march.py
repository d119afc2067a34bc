"""Two sorted listings side by side."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.march import Absent, DestinationWindow, OutOfOrder, Present, Unseen, march

KEYS = st.binary(min_size=1, max_size=3)


def same(key):
    return key


@given(st.lists(KEYS), st.sets(KEYS))
def test_each_source_object_meets_the_object_of_its_key(source, destination):
    pairs = list(march(sorted(source), sorted(destination), source_key=same, destination_key=same))
    assert pairs == [(key, key if key in destination else None) for key in sorted(source)]


def test_the_save_prefix_counts():
    pairs = march([b"a", b"b"], [b"p/b"], source_key=lambda key: b"p/" + key, destination_key=same)
    assert list(pairs) == [(b"a", None), (b"b", b"p/b")]


def read(window, page, after):
    return window.extended(page, [key.decode() for key in page], after)


def test_nothing_is_known_before_the_first_page():
    window = DestinationWindow.opened(b"")
    assert window.look(b"a") == Unseen()
    assert window.after(b"") == b""


def test_a_page_tells_present_absent_and_what_lies_beyond_it():
    window = read(DestinationWindow.opened(b"b"), [b"b", b"d"], b"d")
    assert window.look(b"b") == Present("b")
    assert window.look(b"c") == Absent()
    assert window.look(b"d") == Present("d")
    assert window.look(b"d\0") == Unseen()
    assert window.look(b"a") == Unseen()
    assert window.after(b"") == b"d"


def test_after_the_last_page_everything_else_is_absent():
    window = read(read(DestinationWindow.opened(b""), [b"b"], b"b"), [b"c"], None)
    assert window.look(b"zzz") == Absent()
    with pytest.raises(ValueError, match="read to its end"):
        window.after(b"")


def test_an_empty_page_with_a_marker_moves_the_end():
    window = read(DestinationWindow.opened(b""), [], b"m")
    assert (window.look(b"m"), window.look(b"n")) == (Absent(), Unseen())


@pytest.mark.parametrize(
    ("page", "after"),
    [
        ([b"e", b"d"], None),
        ([b"d", b"d"], None),
        ([b"d"], b"b"),
        ([b"d"], b"c"),
        ([b"d"], b"a"),
        ([], b"c"),
        ([], b"a"),
    ],
)
def test_a_page_that_is_not_in_order_is_refused(page, after):
    window = read(DestinationWindow.opened(b""), [b"c"], b"c")
    with pytest.raises(OutOfOrder):
        read(window, page, after)


def test_a_page_after_the_end_is_refused():
    window = read(DestinationWindow.opened(b""), [], None)
    with pytest.raises(OutOfOrder):
        read(window, [b"a"], None)


def test_moving_forgets_what_lies_below_and_jumps_beyond_what_was_read():
    window = read(DestinationWindow.opened(b""), [b"b", b"d"], b"d")
    inside = window.moved_to(b"c")
    assert (inside.look(b"b"), inside.look(b"d"), inside.keys) == (Unseen(), Present("d"), (b"d",))
    assert window.moved_to(b"a").look(b"b") == Present("b")
    beyond = window.moved_to(b"x\0")
    assert (beyond.look(b"x"), beyond.after(b"")) == (Unseen(), b"x")


@given(st.sets(KEYS), st.integers(1, 4), KEYS, KEYS)
def test_a_window_never_lies(keys, size, start, wanted):
    bucket = sorted(key for key in keys if key >= start)
    window = DestinationWindow.opened(start)
    while window.end is not None:
        page = [key for key in bucket if key >= window.end][:size]
        more = bool(page) and page[-1] != bucket[-1]
        window = window.extended(page, page, page[-1] if more else None)
        sight = window.look(wanted)
        assert isinstance(sight, Unseen) != window.covers(wanted)
        if not isinstance(sight, Unseen):
            assert sight == (Present(wanted) if wanted in keys else Absent())
        several = sorted({max(wanted, start), start, *bucket})
        one_by_one = [window.look(key) for key in several]
        assert window.looks(several) == one_by_one[: sum(window.covers(key) for key in several)]
