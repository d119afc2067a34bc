"""What a connector may raise, sorted by what to do next.

StoreError
├── Transient          do it again (backoff, budget)
│   ├── Throttled      the store says slow down
│   ├── Unavailable    5xx, time-out, reset, no answer: the effect of a write is unknown
│   └── Corrupted      bytes or answers that fail a check: cut short, wrong digest, broken XML
├── ObjectError        this object fails, the task goes on; never retried (Changed: 3 times)
│   ├── NotFound · Archived · Changed · Denied · Rejected
│   └── PreconditionFailed   the destination is not as the Condition demands
└── Fatal              the task stops: credentials, bucket, permission on the bucket, account
"""

from engine.failures import Meaning, Operation, Side


class StoreError(Exception):
    """One failed call. `status` is the HTTP status (0: none came), `code` the vendor's word, `message` its text.

    `side` is noted by the retry layer, which knows which end of a task it called.
    """

    def __init__(
        self,
        meaning: Meaning,
        operation: Operation,
        *,
        status: int = 0,
        code: str = "",
        message: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{operation} {meaning}: {status} {code} {message}".rstrip())
        self.meaning = meaning
        self.operation = operation
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.side: Side | None = None


class Transient(StoreError):
    """The same call may succeed later."""


class Throttled(Transient):
    """The store asks for fewer requests; `retry_after` in seconds when it says so."""


class Unavailable(Transient):
    """No usable answer. A write may or may not have taken effect."""


class Corrupted(Transient):
    """The answer failed a check and was thrown away."""


class ObjectError(StoreError):
    """Only this object is concerned."""


class NotFound(ObjectError):
    """No such key, or no such upload (`meaning` tells which)."""


class Archived(ObjectError):
    """The object must be restored before it can be read."""


class Changed(ObjectError):
    """The source is no longer the version that was listed."""


class Denied(ObjectError):
    """This key may not be read or written with these keys."""


class Rejected(ObjectError):
    """The store does not take this object: key, size, metadata, conflict, encryption."""


class PreconditionFailed(ObjectError):
    """The destination is not what the write's Condition demands."""


class Fatal(StoreError):
    """Nothing of this task can go on with this store."""
