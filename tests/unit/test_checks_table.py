"""The page docs/checks.md says which tests show which behaviour of the specification, and is right."""

import ast

import pytest

from tests.checks import BEHAVIOURS, ROOT, WANTED, marked, marks_of, table


def test_each_behaviour_has_a_test() -> None:
    assert sorted(WANTED - set(marked())) == []


def test_no_mark_carries_an_unknown_number() -> None:
    assert sorted(set(marked()) - set(BEHAVIOURS)) == []


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
