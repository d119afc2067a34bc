"""Why a piece of work ends before it is done. None of these is an error of an object."""


class LeaseLost(Exception):
    """The fence is void: somebody else owns the row now. Drop everything, write nothing."""


class Stopped(Exception):
    """The owner wants the task paused, or the process ends: give back what is not done."""


class TaskFailed(Exception):
    """Nothing of this task can go on; `code` is the TRF code of its error_reason."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code} {message}".rstrip())
        self.code = code
        self.message = message


class Waiting(Exception):
    """What is left of a unit is being restored; `delay` seconds until it is worth another look."""

    def __init__(self, delay: float) -> None:
        super().__init__(f"{delay:g} s")
        self.delay = delay
