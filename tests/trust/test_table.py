"""The table of promises is whole, its tests and changes exist, and docs/trust.md says what the last pass found."""

import ast
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tests.trust.page import PAGE, RESULT, filled, to_text, written
from tests.trust.promises import NUMBERS, PROMISES, ROOT, Promise
from tests.trust.trying import Verdict

ANEW = "run python -m tests.trust"
ONE = pytest.mark.parametrize("promise", PROMISES, ids=lambda one: one.number)


@cache
def named_in(file: Path) -> dict[str, bool]:
    """The tests of a file, and whether they have parameters."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        node.name: any("parametrize" in ast.unparse(one) for one in node.decorator_list)
        for node in ast.parse(file.read_text()).body
        if isinstance(node, functions) and node.name.startswith("test_")
    }


def test_every_promise_is_there_once_and_in_order() -> None:
    assert tuple(one.number for one in PROMISES) == NUMBERS


@ONE
def test_what_takes_a_mechanism_out_still_applies(promise: Promise) -> None:
    source = (ROOT / promise.path).read_text()
    mutated = promise.mutated(source)
    assert mutated != source
    if promise.path.endswith(".py"):
        ast.parse(mutated)


@ONE
def test_the_named_test_exists(promise: Promise) -> None:
    file, _, rest = promise.test.partition("::")
    name, _, parameter = rest.partition("[")
    found = named_in(ROOT / file)
    assert name in found
    assert found[name] or not parameter


def test_a_text_that_is_not_there_once_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 times"):
        replace(PROMISES[0], old="no such text").mutated("text")
    with pytest.raises(ValueError, match="2 times"):
        replace(PROMISES[0], old="a").mutated("aa")


def test_every_promise_was_tried_and_its_test_noticed() -> None:
    found = [one | {"notice": ""} for one in json.loads(RESULT.read_text())["promises"]]
    assert found == written([Verdict(one, "caught") for one in PROMISES], {})["promises"], ANEW


def test_the_page_says_what_the_last_pass_found() -> None:
    document = json.loads(RESULT.read_text())
    assert RESULT.read_text() == to_text(document)
    assert PAGE.read_text() == filled(PAGE.read_text(), document), ANEW
