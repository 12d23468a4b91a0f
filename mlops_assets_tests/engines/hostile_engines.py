"""Engines that do what a cluster may do: tasks twice, in any order, once more when all is over; and processes that die.

They are named in a model's YAML, as a user's own are.
"""

import os
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

from mlops_assets.engines.engine import Engine
from mlops_assets.engines.local import LocalEngine
from mlops_assets.engines.tasks import Report, Task, TaskEnd, pack_task, read_answer, run_packed
from mlops_assets.errors import MlopsAssetsError

LATE: list[bytes] = []
"""Tasks of `HostileEngine` that are done once more when their table is published."""


@dataclass(frozen=True)
class HostileEngine(Engine):
    """Does every task twice in an order of its own, and once more when the next tasks come; ends come in that order."""

    seed: int = 0

    def run_tasks(
        self, tasks: Sequence[Task[Report]], log: Callable[[str], None] = lambda _line: None
    ) -> Iterator[TaskEnd[Report]]:
        do_late()
        packed = [pack_task(task) for task in tasks]
        order = [*range(len(tasks)), *range(len(tasks))]
        random.Random(self.seed + len(tasks)).shuffle(order)
        seen: set[int] = set()
        for number in order:
            answer = run_packed(packed[number])
            if number in seen:
                # The later report counts.
                yield TaskEnd(number, read_answer(b"+" + answer))
            seen.add(number)
        LATE.extend(packed)


def do_late() -> None:
    """Do all tasks of `LATE` once more. What they raise is nobody's concern, as of any duplicate."""
    for packed in [LATE.pop() for _ in range(len(LATE))]:
        try:
            run_packed(packed)
        except MlopsAssetsError:
            continue


@dataclass(frozen=True)
class Mortal(Task[Any]):
    """A task whose process is killed before or after it is done, the first time."""

    task: Task[Any]
    victim: str
    moment: str
    mark: str

    @property
    def rows(self) -> int | None:
        return self.task.rows

    def run(self) -> Any:
        if self.moment == "before":
            self._die_once()
        report = self.task.run()
        if self.moment == "after":
            self._die_once()
        return report

    def _die_once(self) -> None:
        mark = Path(self.mark)
        if mark.exists():
            return
        mark.touch()
        if self.victim == "both":
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class MortalEngine(LocalEngine):
    """This machine, on which somebody dies at a task.

    Attributes
    ----------
    at
        At which task of the run, or at whose end; 0: nobody dies. Tasks are counted over all tables.
    victim
        ``driver``: this process, at an end. ``worker``: the process that does the task. ``both``: they.
    moment
        ``before`` or ``after`` the task is done.
    folder
        Where it is noted how many ends there were, and that somebody has died.
    """

    KIND: ClassVar[Literal["MortalEngine"]] = "MortalEngine"  # type: ignore[assignment]

    at: int = 0
    victim: str = "driver"
    moment: str = "before"
    folder: str = ""

    def run_tasks(
        self, tasks: Sequence[Task[Report]], log: Callable[[str], None] = lambda _line: None
    ) -> Iterator[TaskEnd[Report]]:
        counts, mark = Path(self.folder, "counts"), Path(self.folder, "died")
        before = int(counts.read_text()) if counts.exists() else 0
        done: Sequence[Task[Any]] = tasks
        # A single task is done in this process: then it is one of the next.
        is_due = 0 < self.at <= before + len(tasks) and len(tasks) > 1 and not mark.exists()
        if self.victim != "driver" and is_due:
            here = max(0, self.at - before - 1)
            mortal = Mortal(tasks[here], self.victim, self.moment, str(mark))
            done = [*tasks[:here], mortal, *tasks[here + 1 :]]
        with closing(cast(Any, super().run_tasks(done, log))) as ends:
            for number, end in enumerate(ends, before + 1):
                if self.victim == "driver" and number == self.at:
                    mark.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                yield end
        counts.write_text(str(before + len(tasks)))
