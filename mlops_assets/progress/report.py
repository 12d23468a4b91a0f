"""Who hears how far work is.

A shell says once, around what it calls, who listens (`report_to`); the rooms below say what they are doing (`track`).
Threads started by `mlops_assets.arrow.read_ahead` report to the listener of whoever reads from them.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, TypeVar
from weakref import WeakKeyDictionary

from mlops_assets.progress.stage import Progress, Rows, Stage, Total

FIRST_SECONDS = 10.0
"""Before them nothing is reported: most work ends sooner."""
_GROWTH, _STEPS, _MANY = 0.5, 20, 28


Item = TypeVar("Item")


class Listener(Protocol):
    """Whoever is told; called from a thread of its own."""

    def pause(self, reports: int, progress: Progress | None) -> float:
        """Seconds until the next report of a stage that has had so many; `progress` is None when it begins."""

    def show(self, progress: Progress, report: int) -> None:
        """A stage goes on; `report` counts those of this stage, from 0."""

    def note(self, line: str) -> None:
        """What else there is to say, from the thread that says it."""

    def end(self, progress: Progress, reports: int) -> None:
        """A stage that has had so many reports is done; not called for one that failed."""


def log_pause(reports: int, progress: Progress | None) -> float:
    """Pauses between the lines of a log: the first is `FIRST_SECONDS`, then they grow.

    About 30 lines for a stage, whether it takes a minute or a day: where the end is known they are a twentieth of the
    whole apart at most, else they grow by half of the time that has passed.
    """
    if progress is None:
        return FIRST_SECONDS
    if reports >= _MANY:
        return max(FIRST_SECONDS, progress.seconds)
    pause = progress.seconds * _GROWTH
    if progress.seconds_left is not None:
        pause = min(pause, (progress.seconds + progress.seconds_left) / _STEPS)
    return max(FIRST_SECONDS, pause)


@dataclass
class _Open:
    """A stage that is going on, its next report and how many there were."""

    stage: Stage
    due: float
    reports: int = 0


class Reporter:
    """Tells one listener of the stages that are going on: always of the innermost alone.

    Parameters
    ----------
    clock
        Seconds, from any start.
    background
        Whether a thread calls `tick` when a report is due; it starts with the first stage.
    """

    def __init__(
        self, listener: Listener, clock: Callable[[], float] = time.monotonic, *, background: bool = True
    ) -> None:
        self.clock = clock
        self._listener, self._background = listener, background
        self._open: list[_Open] = []
        self._changed = threading.Condition()
        self._telling = threading.RLock()
        self._closed = False
        self._thread: threading.Thread | None = None

    def begin(self, stage: Stage, *, behind: bool = False) -> None:
        """It goes on from now; `behind` all others, so that it is heard of only where no other one goes on."""
        with self._changed:
            _owners[stage] = self
            opened = _Open(stage, self.clock() + self._listener.pause(0, None))
            self._open.insert(0 if behind else len(self._open), opened)
            if self._background and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def end(self, stage: Stage, *, failed: bool = False) -> None:
        """It goes on no more; the one around it speaks again after a pause."""
        with self._telling:
            with self._changed:
                ended = next(each for each in self._open if each.stage is stage)
                self._open.remove(ended)
                if self._open:
                    top = self._open[-1]
                    top.due = max(top.due, self.clock() + self._listener.pause(0, None))
                self._changed.notify_all()
            if not failed:
                with self._warn_of_failure():
                    self._listener.end(stage.progress(ended=True), ended.reports)

    def tick(self) -> float | None:
        """Report what is due; seconds until the next report, None: no stage goes on."""
        with self._telling:
            with self._changed:
                top = self._open[-1] if self._open and not self._closed else None
                if top is None:
                    return None
                if (left := top.due - self.clock()) > 0:
                    return left
            return self._show(top)

    def note(self, line: str) -> None:
        """Tell the listener of something beside its stages."""
        with self._telling, self._warn_of_failure():
            self._listener.note(line)

    def close(self) -> tuple[Stage, ...]:
        """Nothing is reported any more; the stages that still go on, the outermost first."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        return tuple(each.stage for each in self._open)

    def _show(self, top: _Open) -> float:
        pause = FIRST_SECONDS
        with self._warn_of_failure():
            progress = top.stage.progress()
            top.reports += 1
            pause = self._listener.pause(top.reports, progress)
            self._listener.show(progress, top.reports - 1)
        top.due = self.clock() + pause
        return pause

    @contextmanager
    def _warn_of_failure(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            # The work goes on; whatever keeps this from being written meets the work's own writes as well.
            logging.getLogger(__name__).warning("Progress could not be reported", exc_info=True)

    def _run(self) -> None:
        while True:
            left = self.tick()
            with self._changed:
                if self._closed:
                    return
                top = self._open[-1] if self._open else None
                if top is not None or left is None:
                    self._changed.wait(None if top is None else max(0.0, top.due - self.clock()))


# Who is told of a stage that goes on.
_owners: "WeakKeyDictionary[Stage, Reporter]" = WeakKeyDictionary()
_reporter: ContextVar[Reporter | None] = ContextVar("mlops_assets_reporter", default=None)
_unfinished: ContextVar[tuple[Stage, ...]] = ContextVar("mlops_assets_unfinished", default=())


@contextmanager
def report_to(listener: Listener | Reporter, *, take_over: bool = False) -> Iterator[None]:
    """Within it, `listener` hears of the stages that are tracked.

    Parameters
    ----------
    take_over
        Also of those that the listener before left unfinished: a stream that is begun in one place and read in another.
    """
    reporter = listener if isinstance(listener, Reporter) else Reporter(listener)
    before, unfinished = _reporter.get(), _unfinished.get()
    _reporter.set(reporter)
    _unfinished.set(())
    for stage in unfinished if take_over else ():
        if stage in _owners:
            reporter.begin(stage)
    try:
        yield
    finally:
        # Not `reset`: a generator may be closed in another context than it began in.
        _reporter.set(before)
        _unfinished.set(reporter.close())


@contextmanager
def track(
    doing: str,
    total: Total = None,
    unit: str = "rows",
    share: Callable[[], float | None] | None = None,
    *,
    behind: bool = False,
) -> Iterator[Stage]:
    """A stage of work: whoever finishes some of it calls `Stage.advance`; see `Stage` for the parameters.

    Of stages within each other the innermost is heard of; one that is `behind` only where no other goes on.
    """
    reporter = _reporter.get()
    stage = Stage(doing, total, unit, share, time.monotonic if reporter is None else reporter.clock)
    if reporter is None:
        yield stage
        return
    reporter.begin(stage, behind=behind)
    try:
        yield stage
    except BaseException:
        _owners.pop(stage).end(stage, failed=True)
        raise
    _owners.pop(stage).end(stage)


def say(line: str) -> None:
    """A line for whoever listens, such as what work will cost; nobody needs to."""
    reporter = _reporter.get()
    if reporter is not None:
        reporter.note(line)


def counted_items(items: Sequence[Item], doing: str, unit: str) -> Iterator[Item]:
    """The same items, as a stage in which each counts when the next one is asked for."""
    with track(doing, len(items), unit) as stage:
        for item in items:
            yield item
            stage.advance()


def counted(batches: Iterable[Rows], doing: str, total: Total = None) -> Iterator[Rows]:
    """The same batches, as a stage whose rows are counted when the next ones are asked for."""
    with track(doing, total) as stage:
        yield from stage.count_batches(batches)
