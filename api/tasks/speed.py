"""What only a watcher can tell of a task: how fast it moves right now, and how far it was already shown to be."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from engine.progress import monotone
from ledger.values import TaskId

WINDOW_MS = 10_000
_SHORTEST_MS = 500
_REMEMBERED = 5_000


@dataclass(slots=True)
class _Watched:
    run_no: int
    samples: deque[tuple[int, int]] = field(default_factory=deque)
    progress: float = 0.0


class SpeedGauge:
    """Remembers what answers have shown of present runs, for the 5,000 tasks that were looked at last."""

    def __init__(self) -> None:
        self._watched: OrderedDict[TaskId, _Watched] = OrderedDict()

    def measure(self, task_id: TaskId, run_no: int, sample: tuple[int, int], average: int) -> int:
        """Notes a sample (ms, bytes); bytes a second over the last ten seconds, else `average`."""
        samples = self._of(task_id, run_no).samples
        now_ms, size = sample
        if samples and size < samples[-1][1]:
            samples.clear()
        while len(samples) > 1 and now_ms - samples[1][0] >= WINDOW_MS:
            samples.popleft()
        if not samples or now_ms - samples[-1][0] >= _SHORTEST_MS:
            samples.append(sample)
        began, at_first = samples[0]
        elapsed = now_ms - began
        if elapsed < _SHORTEST_MS or elapsed > 3 * WINDOW_MS:
            return average
        return (size - at_first) * 1000 // elapsed

    def furthest(self, task_id: TaskId, run_no: int, progress: float) -> float:
        """The progress to show: never less than before within a run, though totals grow while it lists."""
        watched = self._of(task_id, run_no)
        watched.progress = monotone(watched.progress, progress)
        return watched.progress

    def _of(self, task_id: TaskId, run_no: int) -> _Watched:
        watched = self._watched.get(task_id)
        if watched is None or watched.run_no != run_no:
            watched = self._watched[task_id] = _Watched(run_no)
        self._watched.move_to_end(task_id)
        if len(self._watched) > _REMEMBERED:
            self._watched.popitem(last=False)
        return watched
