"""Progress of a command on stderr: on a terminal one line, overwritten and gone at the end; else plain lines."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import get_terminal_size
from typing import TextIO

from mlops_assets.progress.report import log_pause, report_to
from mlops_assets.progress.stage import Progress
from mlops_assets.progress.words import duration_text, rate_text

_ERASE = "\r\x1b[K"
_EVERY_SECONDS = 0.2
_FEWEST_COLUMNS = 20
# A bar that has less room is left out.
_BAR, _SHORTEST_BAR = 24, 5


class TerminalListener:
    """One line that is overwritten: the stage that goes on, or what was begun before there was one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def pause(self, reports: int, progress: Progress | None) -> float:
        return _EVERY_SECONDS

    def show(self, progress: Progress, report: int) -> None:
        self._draw(draw_bar(progress, self._room))

    def end(self, progress: Progress, reports: int) -> None:
        """The next stage is drawn in its place."""

    def note(self, line: str) -> None:
        self._draw(line, end="\n")

    def begin(self, step: str) -> None:
        """What is done, until something of it is counted."""
        self._draw(f"{step} ...")

    def erase(self) -> None:
        """Leave nothing of it."""
        self._draw("")

    @property
    def _room(self) -> int:
        """Characters of one line: one that is broken could not be overwritten."""
        try:
            # Of this stream: stdout may be a file.
            columns = get_terminal_size(os.get_terminal_size(self._stream.fileno())).columns
        except OSError:
            columns = get_terminal_size().columns
        return max(_FEWEST_COLUMNS, columns - 1)

    def _draw(self, line: str, end: str = "") -> None:
        with self._lock:
            print(f"{_ERASE}{line if end else line[: self._room]}", end=end, file=self._stream, flush=True)


class LinesListener:
    """Plain lines, as in a run's log: the first after ten seconds, then ever fewer."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def pause(self, reports: int, progress: Progress | None) -> float:
        return log_pause(reports, progress)

    def show(self, progress: Progress, report: int) -> None:
        print(progress, file=self._stream, flush=True)

    def note(self, line: str) -> None:
        print(line, file=self._stream, flush=True)

    def end(self, progress: Progress, reports: int) -> None:
        if reports:
            print(progress, file=self._stream, flush=True)


@contextmanager
def show_progress() -> Iterator[Callable[[str], None]]:
    """Within it, long work is shown on stderr; yields a function that says what is being done, for a terminal alone."""
    if not sys.stderr.isatty():
        with report_to(LinesListener(sys.stderr)):
            yield lambda _step: None
        return
    terminal = TerminalListener(sys.stderr)
    try:
        with report_to(terminal):
            yield terminal.begin
    finally:
        terminal.erase()


def draw_bar(progress: Progress, room: int = 200) -> str:
    """How far a stage is, as a bar with numbers. Of a narrow line the bar takes what the numbers leave.

    Examples
    --------
    >>> draw_bar(Progress("predicting", "rows", 50, 200, None, 10.0, 5.0))
    '[######------------------]  25 % predicting: 50 of 200 rows, 5.0 rows/s, about 30 s left'
    >>> draw_bar(Progress("predicting", "rows", 50, 200, None, 10.0, 5.0), room=70)
    '[#-----]  25 % predicting: 50 of 200 rows, 5.0 rows/s, about 30 s left'
    >>> draw_bar(Progress("reading the inputs", "rows", 50, None, None, 10.0, 5.0))
    'reading the inputs: 50 rows, 5.0 rows/s'
    >>> draw_bar(Progress("loading models:/churn/3", "", 0, None, None, 12.0, None))
    'loading models:/churn/3: 12 s'
    """
    if not progress.unit:
        return f"{progress.doing}: {duration_text(progress.seconds)}"
    parts = [progress.quantity]
    if progress.rate:
        parts.append(rate_text(progress.rate, progress.unit))
    if progress.seconds_left:
        parts.append(f"about {duration_text(progress.seconds_left)} left")
    text = f"{progress.doing}: {', '.join(parts)}"
    if progress.part is None:
        return text
    text = f"{100 * progress.part:3.0f} % {text}"
    length = min(_BAR, room - len(text) - len("[] "))
    if length < _SHORTEST_BAR:
        return text.lstrip()
    filled = int(progress.part * length)
    return f"[{'#' * filled}{'-' * (length - filled)}] {text}"
