"""A thousand failures in a row with one code are a matter of the bucket, not of the objects (design 6)."""

from dataclasses import dataclass

SUSPICIOUS = 1000


@dataclass(slots=True)
class Streak:
    """Counts equal failures in a row within a task of this process."""

    code: str = ""
    length: int = 0

    def failed(self, code: str) -> bool:
        """Count one failure; True each time a thousand equal ones have come in a row."""
        if code != self.code:
            self.code, self.length = code, 0
        self.length += 1
        return self.length % SUSPICIOUS == 0

    def succeeded(self) -> None:
        """Any success ends it."""
        self.code, self.length = "", 0
