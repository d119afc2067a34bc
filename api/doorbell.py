"""Waking the workers after a commit: the bell is hung up at the first ring and never fails a request."""

from workers.broker.doorbell import Doorbell


class Bells:
    """The doorbell, or silence when there is no Redis: workers also look for work by themselves."""

    def __init__(self, redis_url: str | None) -> None:
        self._url = redis_url
        self._bell: Doorbell | None = None

    async def wake(self) -> None:
        """Rings for the dispatcher, at most a second long."""
        if self._url is None:
            return
        if self._bell is None:
            self._bell = Doorbell(self._url)
        await self._bell.ring_dispatcher()

    def close(self) -> None:
        """Gives up the connection."""
        if self._bell is not None:
            self._bell.close()
