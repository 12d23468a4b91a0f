"""How long work takes, measured while it is done."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa

# Above it the model has threads of its own at work: more processes would only take the cores from each other.
ONE_CORE = 1.5
OBSERVED_SECONDS = 1.0
# One call that is as long says enough by itself.
_LONG_SECONDS = 5.0
_TELLING = 1.5
# Below it the work itself waits, for a server or an accelerator: with twenty processes for a core, one still gets more.
_WAITING = 0.05


def own_seconds(seconds: float, processor_seconds: float) -> float:
    """What work took, without the time in which a busy machine made it wait; work that waits by itself took all of it.

    Parameters
    ----------
    seconds
        From its begin to its end.
    processor_seconds
        Of this process meanwhile.
    """
    return seconds if processor_seconds < _WAITING * seconds else min(seconds, processor_seconds)


@contextmanager
def in_one_thread() -> Iterator[None]:
    """Inside the block OpenMP's libraries work in this thread alone, as they do in each of several workers.

    With threads on other cores they would wait, busily, for cores that others use: few rows would seem to take long.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "openmp"):
        yield


@dataclass
class Speed:
    """Seconds per row of some work, from how long its calls took.

    The first call imports, compiles and fills caches: it counts only where it alone was long.

    Attributes
    ----------
    clock
        Seconds, from any start.
    """

    clock: Callable[[], float] = time.perf_counter
    seconds: float = 0.0
    """Of all calls but the first."""
    _calls: list[tuple[int, float]] = field(default_factory=list)
    """Rows and seconds of the latest calls, at most one of each number of rows, the latest at the end."""
    _rows: int = 0
    _count: int = 0
    _first: bool = True
    _thread: float = 0.0
    _process: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def measure(self, do: Callable[[pa.RecordBatch], pa.RecordBatch], rows: pa.RecordBatch) -> pa.RecordBatch:
        """Do the work in this thread, and note how long it took and how many cores it kept busy."""
        began, thread, process = self.clock(), time.thread_time(), time.process_time()
        result = do(rows)
        seconds, process = self.clock() - began, time.process_time() - process
        if not self._first:
            # Both count processor time, which a busy machine does not change.
            self._thread += time.thread_time() - thread
            self._process += process
        self.note(rows.num_rows, own_seconds(seconds, process))
        return result

    def note(self, rows: int, seconds: float) -> None:
        """A call took so long."""
        with self._lock:
            first, self._first = self._first, False
            if not rows or (first and seconds < _LONG_SECONDS):
                return
            self.seconds += seconds
            self._rows += rows
            self._count += 1
            # The first one, where it was long, serves until there is another.
            self._calls = [call for call in self._calls if call[0] != rows][-3:]
            self._calls.append((rows, seconds))

    @property
    def per_row(self) -> float:
        """Seconds per further row: what each call costs beside its rows is left out, where two of them show it."""
        with self._lock:
            if not self._calls:
                return 0.0
            most, fewest = max(self._calls), min(self._calls)
        rows, seconds = most
        mean = seconds / rows
        if rows < 2 * fewest[0]:
            return self.seconds / self._rows
        return min(mean, max((seconds - fewest[1]) / (rows - fewest[0]), mean / 100))

    @property
    def is_known(self) -> bool:
        """Whether enough was seen to say what the rest will take."""
        with self._lock:
            if not self._calls:
                return False
            (most, longest), (fewest, shortest) = max(self._calls), min(self._calls)
            if longest >= _LONG_SECONDS:
                return True
            # Calls that take the same time for twice the rows say nothing of the rows.
            telling = most < 2 * fewest or longest >= _TELLING * shortest
            return telling and self._count > 1 and self.seconds >= OBSERVED_SECONDS

    @property
    def keeps_one_core(self) -> bool:
        """Whether the calls measured in this process kept one core busy, and no more."""
        return self._process < max(self._thread, 1e-6) * ONE_CORE
