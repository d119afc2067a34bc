"""How fast a task moves right now: the change of its bytes over the last ten seconds that somebody looked."""

from collections import OrderedDict, deque

from ledger.values import TaskId

WINDOW_MS = 10_000
_SHORTEST_MS = 500
_REMEMBERED = 5_000


class SpeedGauge:
    """Remembers the sizes that answers have shown. Without two of them a task's average stands in."""

    def __init__(self) -> None:
        self._samples: OrderedDict[TaskId, deque[tuple[int, int]]] = OrderedDict()

    def measure(self, task_id: TaskId, now_ms: int, size: int, average: int) -> int:
        """Notes `size` bytes at `now_ms`; bytes a second since the oldest sample of the window."""
        samples = self._samples.setdefault(task_id, deque())
        self._samples.move_to_end(task_id)
        if len(self._samples) > _REMEMBERED:
            self._samples.popitem(last=False)
        if samples and size < samples[-1][1]:
            samples.clear()
        while len(samples) > 1 and now_ms - samples[1][0] >= WINDOW_MS:
            samples.popleft()
        if not samples or now_ms - samples[-1][0] >= _SHORTEST_MS:
            samples.append((now_ms, size))
        began, at_first = samples[0]
        elapsed = now_ms - began
        if elapsed < _SHORTEST_MS or elapsed > 3 * WINDOW_MS:
            return average
        return (size - at_first) * 1000 // elapsed
