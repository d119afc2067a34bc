"""When a run has asked for as much as its owner allows."""


def reached(max_requests: int | None, asked: int) -> bool:
    """Whether a run that has asked `asked` times is to pause; None: there is no ceiling."""
    return max_requests is not None and asked >= max_requests
