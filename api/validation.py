"""From what is wrong with a request to the one code that says so, in the order of oms-behaviour 4.8."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import orjson
from pydantic import BeforeValidator, Field, StrictBool, StrictInt, StrictStr

MAX_DEPTH = 32
MAX_LONG = 2**63 - 1

_MISSING = frozenset({"missing", "none_required"})
_TYPES = frozenset(
    {
        "string_type", "int_type", "int_parsing", "int_from_float", "bool_type", "bool_parsing", "list_type",
        "dict_type", "model_type", "model_attributes_type", "float_type", "int_parsing_size",
    }
)  # fmt: skip


class BodyFault(Exception):
    """A body that is no acceptable JSON; `code` says how."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing to complain about."""

    code: str
    detail: str


def first_fault(errors: Sequence[Any]) -> Fault:
    """The gravest of pydantic's complaints: missing before type before constraint."""
    ranked = sorted((_rank(error), index) for index, error in enumerate(errors))
    rank, index = ranked[0]
    error = errors[index]
    if error["loc"][:2] == ("path", "task_id"):
        return Fault("OMS.0054", _place(error))
    code = ("OMS.0067", "OMS.1004", "OMS.1002", "OMS.1003", "OMS.0001")[rank]
    return Fault(code, _place(error))


def check_json(body: bytes) -> None:
    """Raises BodyFault unless the body is JSON of bounded depth without NUL, which no store or table takes."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BodyFault("OMS.0067", f"line {error.lineno}, column {error.colno}") from error
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [child for item in level for child in _children(item)]
        if not level:
            return
    raise BodyFault("OMS.0067", f"nested deeper than {MAX_DEPTH} levels")


def _children(item: object) -> Sequence[Any]:
    if isinstance(item, str) and "\x00" in item:
        raise BodyFault("OMS.0001", "a text contains NUL")
    if isinstance(item, dict):
        return [*item.keys(), *item.values()]
    return item if isinstance(item, list) else ()


def _rank(error: Mapping[str, Any]) -> int:
    kind = error["type"]
    if kind == "json_invalid":
        return 0
    if kind in _MISSING or (error.get("input") is None and kind in _TYPES):
        return 1
    if kind in _TYPES or (kind in ("enum", "literal_error") and not isinstance(error.get("input"), str)):
        return 2
    return 3 if kind in ("too_long", "too_short") and isinstance(error.get("input"), list) else 4


def _place(error: Mapping[str, Any]) -> str:
    names = [str(part) for part in error["loc"] if part not in ("body", "query", "path")]
    return f"{'.'.join(names)}: {error['msg']}" if names else str(error["msg"])


def _integral(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _digits(value: object, *, ceiling: int = MAX_LONG) -> object:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,19}", value) and int(value) <= ceiling:
        return int(value)
    return value


# Clients that compute in floating point send 1048576.0 or 1.048576e+06 (oms-behaviour 4.6).
Long = Annotated[StrictInt, BeforeValidator(_integral, json_schema_input_type=int), Field(ge=0, le=MAX_LONG)]
QueryNumber = Annotated[StrictInt, BeforeValidator(partial(_digits), json_schema_input_type=int)]
Text = StrictStr
Flag = StrictBool
