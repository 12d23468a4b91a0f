"""A third engine, on `concurrent.futures` and this package's public way to run a task in another process."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass

from mlops_assets.engines.engine import Engine
from mlops_assets.engines.tasks import Report, Task, TaskEnd, answer_task, pack_task, read_answer
from mlops_assets.errors import WorkerError

MOST_LOSSES = 3


@dataclass(frozen=True)
class FuturesEngine(Engine):
    """Processes of `ProcessPoolExecutor`."""

    workers: int = 2

    def run_tasks(
        self, tasks: Sequence[Task[Report]], log: Callable[[str], None] = lambda _line: None
    ) -> Iterator[TaskEnd[Report]]:
        left = {number: pack_task(task) for number, task in enumerate(tasks)}
        for _ in range(MOST_LOSSES):
            with _start_pool(self.workers) as pool:
                waiting = {pool.submit(answer_task, task): number for number, task in left.items()}
                try:
                    for number, answer in _ends(waiting):
                        del left[number]
                        yield TaskEnd(number, read_answer(answer))
                    return
                except BrokenProcessPool:
                    log(f"A process was lost; {len(left)} tasks are done again")
        raise WorkerError(
            f"{MOST_LOSSES} processes were lost", where="engine", fix="See the log; use fewer workers where memory ends"
        )


def _ends(waiting: "dict[Future[bytes], int]") -> Iterator[tuple[int, bytes]]:
    while waiting:
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            answer = future.result()
            yield waiting.pop(future), answer


@contextmanager
def _start_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes have ended when the block has: what they have begun is not waited for."""
    before = set(multiprocessing.active_children())
    context = multiprocessing.get_context("forkserver")
    # What a task would import by itself, seconds each time.
    context.set_forkserver_preload(["mlops_assets_tests.breaking"])
    pool = ProcessPoolExecutor(workers, context)
    try:
        yield pool
    finally:
        for process in set(multiprocessing.active_children()) - before:
            process.kill()
        pool.shutdown(cancel_futures=True)
