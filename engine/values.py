"""`@value(frozen=True, slots=True)`: frozen to the type checker, and made without the guard of run time.

A frozen dataclass sets each field through `object.__setattr__`, which makes it five times as dear as a plain one; an
object on its way is some twenty-five of them. For the values of the hot path only (decision 14).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen, slots):
        """Equal, hashable and slotted as the frozen one is."""
        assert frozen, "what may change needs no such name"
        return dataclass(slots=slots, unsafe_hash=True)


__all__ = ["value"]
