"""Small versions of `make scale`: what they show must not depend on size."""

from pathlib import Path

from tests.scale.groups import grouped_keys
from tests.scale.keys import unchanged_keys
from tests.scale.large import large_object, shared_object
from tests.scale.ledger import planned
from tests.scale.pattern import PERIOD, Pattern
from tests.scale.place import Figure


def missed(figures: list[Figure]) -> list[str]:
    """The figures that miss their bar; all are printed."""
    print(*(figure.text() for figure in figures), sep="\n")
    return [figure.text() for figure in figures if figure.missed]


def test_the_pattern_repeats_beyond_parts_that_can_be_taken_for_each_other() -> None:
    pattern = Pattern(3 * PERIOD + 5)
    assert sum(map(len, pattern.segments())) == pattern.size
    md5s = [pattern.md5(number) for number in range(1, pattern.parts + 1)]
    assert len(set(md5s)) == pattern.parts
    assert pattern.etag().endswith(f"-{pattern.parts}")


def test_a_large_object_survives_three_kills_in_constant_memory(tmp_path: Path) -> None:
    assert missed(large_object(tmp_path, 512 << 20, kills=3)) == []


def test_an_object_that_two_workers_send_survives_the_death_of_the_one_that_helps(tmp_path: Path) -> None:
    assert missed(shared_object(tmp_path, 1280 << 20)) == []


def test_unchanged_keys_leave_a_small_ledger_and_lists_written_once(tmp_path: Path) -> None:
    assert missed(unchanged_keys(tmp_path, 120_000)) == []


def test_a_group_lists_each_key_once_and_hands_it_to_one_task(tmp_path: Path) -> None:
    assert missed(grouped_keys(tmp_path, 120_000)) == []


async def test_ten_thousand_parts_of_five_gib_are_planned_and_recorded(database_url: str) -> None:
    assert missed(await planned(database_url, at_once=20)) == []
