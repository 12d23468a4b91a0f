"""Wait for events, and count work instead of seconds: what a busy machine cannot change."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import pytest

# A deadline makes a test fail instead of hang. It proves nothing, so it is longer than any machine needs.
LONGEST_SECONDS = 600.0

Event = TypeVar("Event")


def wait_for(happened: Callable[[], Event], what: str, seconds_between: float = 0.02) -> Event:
    """What `happened` returns, as soon as that is true. When the deadline passes, an AssertionError names `what`."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while not (event := happened()):
        assert time.monotonic() < deadline, f"within {LONGEST_SECONDS:g} seconds there was no sign of {what}"
        time.sleep(seconds_between)
    return event


@dataclass
class Patience:
    """What code that asks a server has spent: attempts to connect, each with its timeout, and seconds it slept between.

    Nobody sleeps while this watches: the seconds are those that were asked for.
    """

    timeouts: list[float] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The longest that all this can take: each attempt waits for a connection, then for an answer."""
        return 2 * sum(self.timeouts) + sum(self.slept)


def watch_patience(monkeypatch: "pytest.MonkeyPatch") -> Patience:
    """Watch the HTTP connections of this process until the test ends."""
    from urllib3.connection import HTTPConnection

    patience, connect = Patience(), HTTPConnection.connect

    def counted(connection: HTTPConnection) -> None:
        timeout = connection.timeout
        patience.timeouts.append(float(timeout) if isinstance(timeout, int | float) else LONGEST_SECONDS)
        connect(connection)

    # Threads that others have left behind go on as they did.
    others, sleep = set(threading.enumerate()) - {threading.current_thread()}, time.sleep

    def noted(seconds: float) -> None:
        if threading.current_thread() in others:
            sleep(seconds)
        else:
            patience.slept.append(seconds)

    monkeypatch.setattr(HTTPConnection, "connect", counted)
    monkeypatch.setattr(time, "sleep", noted)
    return patience
