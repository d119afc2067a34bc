"""The real clock."""

import asyncio
import time


class SystemClock:
    """A `Clock` on this machine's time."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def now_ms(self) -> int:
        """Milliseconds UTC."""
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Gives way for this long."""
        await asyncio.sleep(seconds)
