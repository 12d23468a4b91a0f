"""A piece of work as a value that travels: it reads, works and writes where it is run, and returns a report."""

import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar, cast, runtime_checkable

import pyarrow as pa

from mlops_assets.engines.error_pickles import pickle_error
from mlops_assets.errors import ConfigurationError

Report = TypeVar("Report", covariant=True)

_DONE, _FAILED = b"+", b"-"


class Task(ABC, Generic[Report]):
    """What is done with one part of a table. Can be pickled, and is small: it names rows and holds none.

    Guarantees that every engine relies on
    --------------------------------------
    - `run` may happen more than once, also at the same time on two machines: after a worker was lost, or because an
      engine starts what takes long a second time. Each of them returns an equal report and leaves the same files.
    - A process runs one task at a time.
    - The report can be pickled and is about a kilobyte.
    """

    doing: ClassVar[str] = "working"
    """What is done, for messages: predicting."""

    @property
    def rows(self) -> int | None:
        """How many rows the task is about, for progress; None: its report says so (`CountsRows`), or nothing does."""
        return None

    @abstractmethod
    def run(self) -> Report:
        """Do it, in this process.

        Raises
        ------
        MlopsAssetsError
            As it would be raised without an engine: it comes back as itself.
        """


@dataclass(frozen=True)
class TaskEnd(Generic[Report]):
    """A task that is done: its place among the tasks, counted from 0, and its report."""

    number: int
    report: Report


def in_order(ends: Iterable[TaskEnd[Report]]) -> list[Report]:
    """The reports of all tasks, in the order of the tasks."""
    return [end.report for end in sorted(ends, key=lambda end: end.number)]


@runtime_checkable
class CountsRows(Protocol):
    """A report that says how many rows it is about."""

    @property
    def rows(self) -> int: ...


def rows_of_end(task: Task[object], end: TaskEnd[object]) -> int:
    """Rows that a task which is done counts for."""
    if task.rows is not None:
        return task.rows
    return end.report.rows if isinstance(end.report, CountsRows) else 0


def pack_task(task: Task[object]) -> bytes:
    """A task as bytes, for `answer_task` in another process.

    Raises
    ------
    ConfigurationError
        It holds something of this process alone.
    """
    return pickle_for_process(task)


def run_packed(packed: bytes | pa.Buffer, loads: Callable[[bytes | pa.Buffer], Any] = pickle.loads) -> bytes:
    """Run a task that was pickled; its report, pickled."""
    task: Task[object] = loads(packed)
    return pickle.dumps(task.run())


def answer_task(packed: bytes) -> bytes:
    """What an engine calls in a worker, with the bytes of `pack_task`: the answer, for `read_answer`.

    Raises nothing: what goes wrong is an answer as well, so that an engine does not take it for a lost worker.
    """
    try:
        return _DONE + run_packed(packed)
    except Exception as error:  # noqa: BLE001 - `read_answer` raises it
        return _FAILED + pickle_error(error)


def read_answer(answer: bytes) -> Any:
    """The report in an answer of `answer_task`.

    Raises
    ------
    MlopsAssetsError
        What the task raised, with its cause; `WorkerError` for an error of another library.
    """
    value = pickle.loads(answer[1:])
    if answer[:1] == _FAILED:
        raise cast(Exception, value)
    return value


def pickle_for_process(value: object, dumps: Callable[[object], bytes] = pickle.dumps) -> bytes:
    """`value`, pickled by `dumps` for another process.

    Raises
    ------
    ConfigurationError
        It holds something of this process alone: a class from a notebook, a model that was made by hand.
    """
    try:
        return dumps(value)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ConfigurationError(
            f"The work cannot be handed to another process ({error})",
            where="engine",
            fix="Put the classes that the model's YAML names into an importable module, or use workers: 1",
        ) from error


def is_picklable(value: object) -> bool:
    """Whether `pickle_for_process` succeeds."""
    try:
        pickle_for_process(value)
    except ConfigurationError:
        return False
    return True
