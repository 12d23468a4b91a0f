"""Tasks that need no model; in a module of its own, so that a worker imports little to do them."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mlops_assets.engines.tasks import Task
from mlops_assets.errors import PredictionError
from mlops_assets_tests.waiting import LONGEST_SECONDS, wait_for

RELEASE = "release"
"""A task that is held goes on when its folder has a file of this name."""


@dataclass(frozen=True)
class Squared:
    """What a task reports: its number squared, and which process did it."""

    number: int
    square: int
    process: int

    @property
    def rows(self) -> int:
        return self.number


@dataclass(frozen=True)
class Square(Task[Squared]):
    """Writes the square of a number into a file of `folder`; goes wrong in a chosen way before."""

    doing: ClassVar[str] = "squaring"

    number: int
    folder: str
    fault: str = ""
    count: int | None = None

    @property
    def rows(self) -> int | None:
        return self.count

    def run(self) -> Squared:
        if self.fault:
            FAULTS[self.fault](self)
        draft = self._file(f"{os.getpid()}-{time.monotonic_ns()}.tmp")
        draft.write_text(str(self.number**2))
        draft.replace(self._file(f"{self.number}"))
        return Squared(self.number, self.number**2, os.getpid())

    def _file(self, name: str) -> Path:
        return Path(self.folder, name)

    def fail(self) -> None:
        raise PredictionError("Row refused", where="column a", fix="Mend it")

    def fail_with_another_error(self) -> None:
        raise ZeroDivisionError("by nought")

    def hang(self) -> None:
        self._file(f"hangs-{os.getpid()}").touch()
        while True:
            time.sleep(LONGEST_SECONDS)

    def die(self) -> None:
        self._file(f"died-{os.getpid()}").touch()
        os.kill(os.getpid(), signal.SIGKILL)

    def die_once(self) -> None:
        if not list(Path(self.folder).glob("died-*")):
            self.die()

    def wait_until_released(self) -> None:
        wait_for(self._file(RELEASE).exists, "the file that releases the task")


FAULTS: dict[str, Callable[[Square], None]] = {
    "own": Square.fail,
    "foreign": Square.fail_with_another_error,
    "hangs": Square.hang,
    "dies": Square.die,
    "dies once": Square.die_once,
    "held": Square.wait_until_released,
}


def squares(folder: Path, numbers: range | list[int], **faults: str) -> list[Square]:
    """One task per number; `faults` by number: ``_3="own"``."""
    return [Square(number, str(folder), faults.get(f"_{number}", "")) for number in numbers]
