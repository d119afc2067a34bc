"""The page docs/checks.md says which tests show which behaviour of the specification, and is right."""

import ast

import pytest

from tests.checks import BEHAVIOURS, ROOT, marked, marks_of, table

# What the first release has to show, as the specification numbers it.
WANTED = {*range(1, 9), *range(15, 22), *range(23, 31), *range(32, 37), *range(38, 42), 44, 45}


def test_each_behaviour_has_a_test() -> None:
    assert sorted(WANTED - set(marked())) == []


def test_the_page_names_each_behaviour_once() -> None:
    assert set(BEHAVIOURS) == WANTED
    assert set(marked()) <= WANTED


def test_the_page_names_exactly_the_marked_tests() -> None:
    written = (ROOT / "docs/checks.md").read_text()
    assert written == table(), "write it anew: python -m tests.checks > docs/checks.md"


def test_marks_are_found_on_plain_and_async_tests() -> None:
    source = """
@pytest.mark.check(1, 2)
def test_a(): ...

class TestB:
    @pytest.mark.slow
    @pytest.mark.check(2)
    async def test_b(self): ...
"""
    assert list(marks_of(ast.parse(source), "x.py")) == [
        (1, "x.py::test_a"),
        (2, "x.py::test_a"),
        (2, "x.py::test_b"),
    ]


@pytest.mark.parametrize("arguments", ["", "'1'", "True", "N", "*range(3)", "1, number=2"])
def test_a_mark_without_plain_numbers_is_an_error(arguments: str) -> None:
    source = f"@pytest.mark.check({arguments})\ndef test_a(): ...\n"
    with pytest.raises(ValueError, match="plain numbers"):
        list(marks_of(ast.parse(source), "x.py"))
