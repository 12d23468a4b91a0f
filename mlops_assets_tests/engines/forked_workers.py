"""Workers of the local engine, forked before a run begins: what they need is imported, and they die as others do."""

import os
import sys
from collections.abc import Mapping
from typing import IO

from mlops_assets.engines import worker, worker_process
from mlops_assets.engines.worker_process import WorkerProcess


class _Forked:
    """What `WorkerProcess` needs of a `subprocess.Popen`."""

    def __init__(self) -> None:
        question, ask = os.pipe()
        answers, answer = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            for other in _WAITING:
                other.close()
            for own, ends in ((question, 0), (answer, 1)):
                os.dup2(own, ends)
            for end in (question, ask, answers, answer):
                os.close(end)
            sys.stdin = os.fdopen(0)
            worker.main()
            os._exit(0)
        os.close(question)
        os.close(answer)
        self.stdin: IO[bytes] = os.fdopen(ask, "wb")
        self.stdout: IO[bytes] = os.fdopen(answers, "rb")
        self._status: int | None = None

    def close(self) -> None:
        self.stdin.close()
        self.stdout.close()

    def poll(self) -> int | None:
        return self._wait(os.WNOHANG)

    def wait(self) -> int:
        status = self._wait(0)
        assert status is not None
        return status

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, 9)

    def _wait(self, options: int) -> int | None:
        if self._status is None:
            pid, status = os.waitpid(self.pid, options)
            self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status


_WAITING: list[_Forked] = []


class _ForkedWorker(WorkerProcess):
    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self._process = _WAITING.pop()  # type: ignore[assignment]
        self._has_path = False


def fork_workers(count: int) -> None:
    """Have the local engine of this process use these workers; call it before there is a second thread."""
    for _ in range(count):
        _WAITING.append(_Forked())
    worker_process.WorkerProcess = _ForkedWorker  # type: ignore[misc]
