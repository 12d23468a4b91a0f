"""Worker processes of this machine that do the same work on chunks, each driven by a thread of this one."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import pyarrow as pa

from mlops_assets.engines.worker import ROWS, WORK, deserialize_batch, serialize_batch
from mlops_assets.engines.worker_process import LostWorkerError, WorkerProcess, worker_environment
from mlops_assets.errors import WorkerError


class WorkerPool:
    """`count` processes that do the same work; a context manager that leaves none of them behind.

    Parameters
    ----------
    count
        How many; each is started with its first chunk.
    work
        The pickled `Work`.
    cores
        Cores of the machine: each worker is limited to its share, so that libraries with threads of their own do not
        compete for them.
    """

    def __init__(self, count: int, work: bytes, cores: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self._work, self._clock = work, clock
        self._environment = worker_environment(count, cores)
        self._local = threading.local()
        self._workers: list[WorkerProcess] = []
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="worker")

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A thread that waits for a worker's answer gets an end of file, and the rest is cancelled.
        for worker in self._workers:
            worker.kill()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.reap()

    def submit(self, rows: pa.RecordBatch, finish: Callable[[pa.RecordBatch, float], None]) -> "Future[pa.RecordBatch]":
        """The result for one chunk, as soon as a worker is free.

        `finish` is called when it is there, in a thread of the pool, with it and the seconds that it took.

        Raises
        ------
        MlopsAssetsError
            From the future: what the work raised there; `WorkerError` when the process was lost.
        """
        return self._threads.submit(self._do, rows, finish)

    def _do(self, rows: pa.RecordBatch, finish: Callable[[pa.RecordBatch, float], None]) -> pa.RecordBatch:
        try:
            worker: WorkerProcess | None = getattr(self._local, "worker", None)
            if worker is None:
                worker = self._local.worker = WorkerProcess(self._environment)
                self._workers.append(worker)
                worker.ask(WORK, self._work)
            began = self._clock()
            result = deserialize_batch(worker.ask(ROWS, serialize_batch(rows)))
        except LostWorkerError as lost:
            raise WorkerError(
                f"A worker process ended ({lost}) before its rows were done",
                where="engine.workers",
                fix="See the log; where memory ran out, use fewer workers or smaller batches. What was done is kept",
            ) from None
        finish(result, self._clock() - began)
        return result
