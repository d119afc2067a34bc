"""An object of a web server that is read from front to back (clouds.md B11)."""

from typing import Self

from connectors.errors import Changed, Corrupted, StoreError
from connectors.objects import Guard, ObjectHead
from connectors.url.answers import etag_of, object_head, problem, refused, told_range, told_size
from connectors.wire import WireFailure, WireStream
from connectors.wire.heads import Framing
from engine.failures import Meaning, Operation
from engine.policy import UNKNOWN


class UrlStream:
    """A `ReadStream`."""

    def __init__(self, opened: WireStream, head: ObjectHead, start: int) -> None:
        self._opened = opened
        self.head = head
        self.start = start
        self.framed = opened.head.framing is not Framing.END or head.info.size != UNKNOWN
        self._received = start

    @classmethod
    def checked(cls, opened: WireStream, key: bytes, guard: Guard, start: int) -> Self:
        """The stream if it is of the version that `guard` names; else it is closed. Raises StoreError."""
        failed = _refusal(opened, guard, start)
        if failed is not None:
            opened.close()
            raise failed
        begins = start if opened.head.status == 206 else 0
        return cls(opened, object_head(key, guard.size, opened.head.headers, ranged=False), begins)

    async def read(self, most: int) -> bytes:
        """See `ReadStream.read`."""
        try:
            data = await self._opened.read(most)
        except WireFailure as failure:
            raise refused(failure, Operation.READ) from failure
        self._received += len(data)
        size = self.head.info.size
        if size != UNKNOWN and (self._received > size or (not data and self._received != size)):
            message = f"{self._received} of {size} bytes came"
            raise Corrupted(Meaning.CUT_SHORT, Operation.READ, message=message)
        return data

    def close(self) -> None:
        """See `ReadStream.close`."""
        self._opened.close()


def _refusal(opened: WireStream, guard: Guard, start: int) -> StoreError | None:
    head = opened.head
    failed = problem(head.status, head.headers, Operation.READ)
    if failed is not None:
        return failed
    size = told_size(head.status, head.headers)
    if guard.etag and etag_of(head.headers) != guard.etag:
        return _changed("the answer has another ETag")
    if guard.size != UNKNOWN and size not in (UNKNOWN, guard.size):
        return _changed("the object has another size")
    if head.status != 206:
        return None
    told = told_range(head.headers)
    whole = told is not None and told[0] == start and told[1] == told[2] - 1
    message = "another range than asked came"
    return None if whole else Corrupted(Meaning.BROKEN_ANSWER, Operation.READ, message=message)


def _changed(message: str) -> Changed:
    return Changed(Meaning.CHANGED, Operation.READ, message=message)
