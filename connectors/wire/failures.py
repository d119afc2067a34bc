"""What the wire itself notices; a connector turns it into its StoreError."""

from engine.failures import Meaning


class WireFailure(Exception):
    """No usable answer came. `meaning` says why; the library's exception stays as `__cause__`."""

    def __init__(self, meaning: Meaning, message: str) -> None:
        super().__init__(f"{meaning}: {message}")
        self.meaning = meaning
        self.message = message


class TooLong(WireFailure):
    """The answer's body is longer than what was to be taken of it."""

    def __init__(self, message: str) -> None:
        super().__init__(Meaning.BROKEN_ANSWER, message)
