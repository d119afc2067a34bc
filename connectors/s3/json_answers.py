"""Reads JSON answers strictly: the fields that must be there, of the type that they must have."""

import json
from typing import Any

from connectors.s3.errors import broken
from connectors.wire import WireAnswer
from engine.failures import Operation


class BrokenJson(ValueError):
    """The answer is not the document it must be."""


class Answer:
    """One JSON object whose fields are asked for by name and type."""

    def __init__(self, fields: Any) -> None:
        if not isinstance(fields, dict):
            raise BrokenJson("the answer is no JSON object")
        self._fields: dict[str, Any] = fields

    @classmethod
    def parse(cls, body: bytes) -> "Answer":
        """Raises BrokenJson for everything that is not one whole JSON object."""
        try:
            return cls(json.loads(body))
        except (ValueError, RecursionError) as error:
            raise BrokenJson(f"not one whole document: {type(error).__name__}") from error

    def text(self, name: str) -> str:
        """A string, "" when absent."""
        found = self._fields.get(name, "")
        if not isinstance(found, str):
            raise BrokenJson(f"{name} is no text")
        return found

    def number(self, name: str) -> int:
        """A number that must be there; some answers write it as text."""
        found = self._fields.get(name)
        if isinstance(found, str) and found.isascii() and found.isdigit():
            return int(found)
        if not isinstance(found, int) or isinstance(found, bool) or found < 0:
            raise BrokenJson(f"{name} is no number")
        return found

    def flag(self, name: str) -> bool:
        """A truth value that must be there."""
        found = self._fields.get(name)
        if not isinstance(found, bool):
            raise BrokenJson(f"{name} is neither true nor false")
        return found

    def key(self, name: str) -> bytes:
        """A key; JSON carries every character. Raises ValueError for half a surrogate pair."""
        return self.text(name).encode()

    def texts(self, name: str) -> list[str]:
        """The strings of a list, none when it is absent."""
        found = self._fields.get(name, [])
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise BrokenJson(f"{name} is no list of texts")
        return found

    def pairs(self, name: str) -> list[tuple[str, str]]:
        """Names and strings of an object, none when it is absent."""
        found = self._fields.get(name, {})
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise BrokenJson(f"{name} holds something else than texts")
        return list(found.items())

    def all(self, name: str) -> list["Answer"]:
        """The objects of a list, none when it is absent."""
        return [Answer(one) for one in self._list(name)]

    def keys(self, name: str) -> list[bytes]:
        """The keys of a list of texts, none when it is absent."""
        found = self._list(name)
        if not all(isinstance(one, str) for one in found):
            raise BrokenJson(f"{name} holds something that is no text")
        return [one.encode() for one in found]

    def _list(self, name: str) -> list[Any]:
        found = self._fields.get(name) or []
        if not isinstance(found, list):
            raise BrokenJson(f"{name} is no list")
        return found


def parsed(operation: Operation, answer: WireAnswer) -> Answer:
    """The answer's document. Raises StoreError when it is none."""
    try:
        return Answer.parse(answer.document)
    except ValueError as error:
        raise broken(operation, answer, str(error)[:200]) from error
