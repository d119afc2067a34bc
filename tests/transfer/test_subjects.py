"""An object on its way, as a value."""

from dataclasses import fields, replace

from connectors.objects import ABSENT
from engine.manifest import Entry
from workers.transfer.subjects import Subject


def test_what_is_bound_to_a_condition_is_otherwise_the_same() -> None:
    told = {one.name: f"its own {one.name}" for one in fields(Subject)} | {"listed": Entry(b"k", 1, 2, "e")}
    subject = Subject(**told)
    assert subject.bound(ABSENT) == replace(subject, condition=ABSENT)
