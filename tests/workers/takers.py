"""A process of takers: takes from one bucket and at the end writes what it was granted as JSON.

Arguments: URL of Redis, takers, bytes a take, bytes/s, seconds, live workers. New rates come on stdin.
"""

import asyncio
import json
import sys
import time

from workers.broker.bucket import open_throttle


async def main() -> None:
    url, takers, size, rate, seconds, live = sys.argv[1], *(int(word) for word in sys.argv[2:7])
    throttle, bucket = open_throttle(url, lambda: live)
    until = time.monotonic() + seconds
    grants: list[tuple[float, int]] = []
    current = [rate]

    async def taker() -> None:
        while time.monotonic() < until:
            await throttle.take(7, "read", current[0], size)
            grants.append((time.monotonic(), size))

    def listen() -> None:
        for line in sys.stdin:
            current[0] = int(line)

    asyncio.get_running_loop().run_in_executor(None, listen)
    print("started", flush=True)
    async with asyncio.timeout(seconds + 5):
        await asyncio.gather(*(taker() for _ in range(takers)))
    await bucket.aclose()
    print(json.dumps(grants), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
