"""One stage of work and how far it is."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from mlops_assets.progress.words import count_text, duration_text, rate_text, size_text

# The rate is that of the last half of the time, so that rows which were only looked up at the start do not count.
_MARKS = 8
_SHORTEST_MARK = 0.5


class Counted(Protocol):
    """What has rows: a record batch, a table."""

    @property
    def num_rows(self) -> int: ...


Rows = TypeVar("Rows", bound=Counted)
Total = int | None | Callable[[], int | None]


@dataclass(frozen=True)
class Progress:
    """How far a stage is at one moment; its text is one line for a log.

    Attributes
    ----------
    doing
        What is done: ``predicting``.
    unit
        What is counted: ``rows``, ``bytes``; empty: nothing is.
    done, total
        How many of them; None: the total is not known.
    share
        Where the total is not known: the part of the source that has been read, from 0 to 1; None: not known either.
    seconds
        Since the stage began.
    rate
        So many in a second lately; None: none is done.
    waiting
        Seconds since the last of them was done.
    ended
        Nothing is left to do.
    """

    doing: str
    unit: str
    done: int
    total: int | None
    share: float | None
    seconds: float
    rate: float | None
    waiting: float = 0.0
    ended: bool = False

    @property
    def part(self) -> float | None:
        """What is done of the whole, from 0 to 1; None: not known."""
        if self.total is not None:
            return min(1.0, self.done / self.total) if self.total else 1.0
        return None if self.share is None else min(1.0, self.share)

    @property
    def seconds_left(self) -> float | None:
        """Until the end, at the rate of late; None: not known."""
        if self.total is not None:
            return max(0.0, (self.total - self.done) / self.rate - self.waiting) if self.rate else None
        return self.seconds * (1 - self.share) / self.share if self.share else None

    @property
    def quantity(self) -> str:
        """What is done, of how many: ``1.2 M of 5.0 M rows``."""
        if self.unit == "bytes":
            return size_text(self.done) + ("" if self.total is None else f" of {size_text(self.total)}")
        of_all = "" if self.total is None else f" of {count_text(self.total)}"
        return f"{count_text(self.done)}{of_all} {self.unit}"

    def __str__(self) -> str:
        if self.ended:
            return self._text_of_end()
        if not self.unit:
            return f"{self.doing}: {duration_text(self.seconds)} so far"
        if self.total is not None:
            amount = f"{self.quantity} ({100 * (self.part or 0):.0f} %)"
        elif self.share is not None:
            amount = f"{self.quantity} ({100 * self.share:.0f} % of the input)"
        else:
            amount = f"{self.quantity} so far, the total is not known"
        none = f"none done after {duration_text(self.seconds)}"
        parts = [amount, rate_text(self.rate, self.unit) if self.rate else none]
        if self.seconds_left:
            parts.append(f"about {duration_text(self.seconds_left)} left")
        return f"{self.doing}: {', '.join(parts)}"

    def _text_of_end(self) -> str:
        took = f"in {duration_text(self.seconds)}"
        if not self.unit or not self.seconds:
            return f"{self.doing}: done {took}"
        return f"{self.doing}: {self.quantity} {took}, {rate_text(self.done / self.seconds, self.unit)}"


class Stage:
    """A stage that is going on: whoever finishes some of it says so, from any thread.

    Parameters
    ----------
    doing, unit, total
        See `Progress`. A total that takes time to find is a function: it is asked once, when there is a report.
    share
        Asked for the part of the source that has been read.
    clock
        Seconds, from any start.
    """

    def __init__(
        self,
        doing: str,
        total: Total,
        unit: str,
        share: Callable[[], float | None] | None,
        clock: Callable[[], float],
    ) -> None:
        self.doing, self.unit, self._total = doing, unit, total
        self._share, self._clock = share, clock
        self._lock = threading.Lock()
        self._done = 0
        self._start = clock()
        self._marks = deque([(self._start, 0)], maxlen=_MARKS)
        self._last = self._start

    def advance(self, count: int = 1) -> None:
        """So many more are done."""
        now = self._clock()
        with self._lock:
            self._done += count
            self._last = now
            if now - self._marks[-1][0] >= max(_SHORTEST_MARK, (now - self._start) / (2 * _MARKS)):
                self._marks.append((now, self._done))

    def count_batches(self, batches: Iterable[Rows]) -> Iterator[Rows]:
        """The same batches, each of which counts when the next one is asked for."""
        for batch in batches:
            yield batch
            self.advance(batch.num_rows)

    def reach(self, done: int) -> None:
        """So many are done in all."""
        self.advance(done - self._done)

    def expect(self, total: int | None) -> None:
        """The total is known now, or not any more."""
        self._total = total

    def progress(self, *, ended: bool = False) -> Progress:
        """How far it is."""
        now = self._clock()
        with self._lock:
            done, last = self._done, self._last
            since, before = self._marks[0]
        # What takes long is done in pieces: while one is worked on, the rate is that of those before it, unless it
        # takes twice as long as they took.
        waiting = min(now - last, 2 * (last - since))
        seconds = now - since - waiting
        rate = (done - before) / seconds if done > before and seconds > 0 else None
        if callable(self._total):
            self._total = self._total()
        total = self._total
        share = self._share() if self._share is not None and total is None else None
        return Progress(self.doing, self.unit, done, total, share, now - self._start, rate, waiting, ended)
