"""Progress on a terminal: one line on stderr that is overwritten, and gone at the end."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ERASE = "\r\x1b[K"
_EVERY_SECONDS = 0.1
_BAR = 24


@contextmanager
def show_steps() -> Iterator[Callable[[str], None]]:
    """Yields a function that shows what is being done; it does nothing where stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield lambda _step: None
        return

    def show(step: str) -> None:
        print(f"{_ERASE}{step} ...", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        print(_ERASE, end="", file=sys.stderr, flush=True)


@contextmanager
def show_rows(verb: str) -> Iterator[Callable[[int, int | None], None]]:
    """Yields a function of rows done and rows in all (None: unknown), which draws a bar ten times a second at most."""
    with show_steps() as show:
        start = drawn = time.monotonic()

        def advance(done: int, total: int | None) -> None:
            nonlocal drawn
            now = time.monotonic()
            if now - drawn < _EVERY_SECONDS and done != total:
                return
            drawn = now
            rate = done / max(now - start, 1e-9)
            show(f"{draw_bar(done, total)} {verb}, {rate:,.0f} rows/s")

        yield advance


def draw_bar(done: int, total: int | None) -> str:
    """Rows done as a bar with numbers.

    Examples
    --------
    >>> draw_bar(50, 200)
    '[######------------------]  25% 50 of 200 rows'
    >>> draw_bar(50, None)
    '50 rows'
    """
    if not total:
        return f"{done:,} rows"
    part = min(done / total, 1.0)
    filled = int(part * _BAR)
    return f"[{'#' * filled}{'-' * (_BAR - filled)}] {part:4.0%} {done:,} of {total:,} rows"
