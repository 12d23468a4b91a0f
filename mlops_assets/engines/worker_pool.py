"""Worker processes of this machine, each driven by a thread of this one."""

import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import cast

import pyarrow as pa

from mlops_assets.child_process import child_environment
from mlops_assets.engines.worker import (
    FAILED,
    deserialize_batch,
    read_frame,
    serialize_batch,
    write_frame,
)
from mlops_assets.errors import WorkerError

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


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
        self._environment = {name: str(max(1, cores // count)) for name in _THREADS} | child_environment()
        self._local = threading.local()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="worker")

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A thread that waits for a worker's answer gets an end of file, and the rest is cancelled.
        for process in self._processes:
            process.kill()
        self._threads.shutdown(cancel_futures=True)
        for process in self._processes:
            process.kill()
            process.communicate()

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
        process: subprocess.Popen[bytes] | None = getattr(self._local, "process", None)
        if process is None:
            process = self._local.process = self._start()
        began = self._clock()
        result = deserialize_batch(self._ask(process, serialize_batch(rows)))
        finish(result, self._clock() - began)
        return result

    def _start(self) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-m", "mlops_assets.engines.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
        )
        self._processes.append(process)
        self._ask(process, pickle.dumps((sys.path, self._work)))
        return process

    def _ask(self, process: "subprocess.Popen[bytes]", question: bytes | pa.Buffer) -> bytes:
        # PIPE was asked for, so both are there.
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            write_frame(process.stdin, question)  # type: ignore[arg-type]
            answer = read_frame(process.stdout)  # type: ignore[arg-type]
        except BrokenPipeError:
            answer = None
        if answer is None:
            raise WorkerError(
                f"A worker process ended (exit status {process.wait()}) before its rows were done",
                where="engine.workers",
                fix="See the log; where memory ran out, use fewer workers or smaller batches. What was done is kept",
            )
        if answer[:1] == FAILED:
            raise cast(Exception, pickle.loads(answer[1:]))
        return answer[1:]
