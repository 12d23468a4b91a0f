"""Tasks shared out to worker processes of this machine."""

import pickle
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from math import ceil
from typing import Generic, cast

import pyarrow as pa

from mlops_assets.engines.tasks import Report, Task, TaskEnd, pack_task
from mlops_assets.engines.worker import TASK
from mlops_assets.engines.worker_process import IDLE_WORKERS, LostWorkerError, WorkerProcess, worker_environment
from mlops_assets.errors import WorkerError

PATIENCE_SECONDS = 2.0
START_SECONDS = 2.0
"""About what a worker needs for its imports, before it does its first task."""
_WORTH = 3.0
# A process may be killed for what another one does: by a machine that has no memory left.
_ATTEMPTS = 2


class TaskPool(Generic[Report]):
    """Up to `count` processes that take tasks from one list; a context manager that leaves no task running.

    Workers that are through with their tasks wait for the next table (`IDLE_WORKERS`).

    Parameters
    ----------
    tasks
        Are begun in their order.
    count, cores
        How many processes share so many cores.
    log
        Takes one line for the log.
    """

    def __init__(
        self, tasks: Sequence[Task[Report]], count: int, cores: int, log: Callable[[str], None] = lambda _line: None
    ) -> None:
        self._tasks, self._count, self._log = tasks, count, log
        self._environment = worker_environment(count, cores)
        self._todo = deque(range(len(tasks)))
        self._answers: queue.SimpleQueue[TaskEnd[Report] | BaseException] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._busy: set[WorkerProcess] = set()
        self._closed = False

    @property
    def is_warm(self) -> bool:
        """Whether workers wait that have made their imports."""
        return IDLE_WORKERS.count(self._environment) > 0

    def __enter__(self) -> "TaskPool[Report]":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed = True
            self._todo.clear()
            # A thread that waits for an answer gets an end of file.
            for worker in self._busy:
                worker.kill()
        for thread in self._threads:
            thread.join()

    def run_until_workers_pay(self, clock: Callable[[], float] = time.monotonic) -> Iterator[TaskEnd[Report]]:
        """Run tasks in this process. Ends when there are none, or workers take them because enough is left to do.

        That is where a task takes `PATIENCE_SECONDS` (workers then start beside it), or the tasks so far took as long
        together and show that the rest takes several times what it costs to start workers.
        """
        seconds = ended = 0.0
        while not self._threads and (number := self._take()) is not None:
            timer = threading.Timer(PATIENCE_SECONDS, self.start)
            timer.start()
            began = clock()
            try:
                end = TaskEnd(number, self._tasks[number].run())
            finally:
                timer.cancel()
            seconds += clock() - began
            ended += 1
            seconds_left = seconds / ended * len(self._todo)
            if seconds >= PATIENCE_SECONDS and seconds_left >= _WORTH * START_SECONDS:
                self.start(ceil(seconds_left / START_SECONDS))
            yield end

    def start(self, most: int | None = None) -> None:
        """Let workers take tasks, `most` of them at most; nothing happens where they do already."""
        with self._lock:
            if self._threads or self._closed:
                return
            left = len(self._todo)
            count = min(self._count, left, self._count if most is None else most)
            self._threads = [threading.Thread(target=self._serve, name="tasks", daemon=True) for _ in range(count)]
            for thread in self._threads:
                thread.start()
        if count:
            self._log(f"{count} worker processes do the {left} parts that are left")

    def _take(self) -> int | None:
        try:
            return self._todo.popleft()
        except IndexError:
            return None

    def next_end(self) -> TaskEnd[Report]:
        """Wait for a task that a worker ends.

        Raises
        ------
        MlopsAssetsError
            What a task raised; `WorkerError` where a task lost two workers.
        """
        answer = self._answers.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _serve(self) -> None:
        worker: WorkerProcess | None = None
        losses = 0
        try:
            while (number := self._take()) is not None:
                packed = pack_task(self._tasks[number])
                losses = 0
                while True:
                    worker = worker or IDLE_WORKERS.take(self._environment)
                    try:
                        answer = self._ask(worker, packed)
                        break
                    except LostWorkerError as lost:
                        worker.reap()
                        worker = None
                        losses += 1
                        if losses == _ATTEMPTS:
                            raise self._lost(number, lost) from None
                self._answers.put(TaskEnd(number, cast(Report, pickle.loads(answer))))
        except _ClosedError:
            return
        except BaseException as error:  # noqa: BLE001 - whoever waits for the ends raises it
            self._answers.put(error)
        finally:
            if worker is not None:
                IDLE_WORKERS.give(worker)

    def _ask(self, worker: WorkerProcess, packed: bytes) -> pa.Buffer:
        with self._lock:
            if self._closed:
                raise _ClosedError
            self._busy.add(worker)
        try:
            return worker.ask(TASK, packed)
        finally:
            with self._lock:
                self._busy.discard(worker)

    def _lost(self, number: int, lost: LostWorkerError) -> WorkerError:
        task = self._tasks[number]
        return WorkerError(
            f"{_ATTEMPTS} worker processes ended ({lost}) before part {number + 1} of {len(self._tasks)} was done, "
            f"while {task.doing}",
            where="engine.workers",
            fix="See the log; where memory ran out, use fewer workers or smaller batches. What was done is kept",
        )


class _ClosedError(Exception):
    """Nobody waits for the ends any more."""
