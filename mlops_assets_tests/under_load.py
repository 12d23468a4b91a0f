"""Run pytest on a busy machine: `python -m mlops_assets_tests.under_load -- -n 2 mlops_assets_tests/engines`.

Two processes per core compute nothing beside the tests, until these are done. A test that passes alone and fails here
depends on the clock.
"""

import multiprocessing
import os
import subprocess
import sys

PROCESSES_PER_CORE = 2


def keep_busy(parent: int) -> None:
    """Keep one core busy for as long as the process that started this one lives."""
    while os.getppid() == parent:
        for _ in range(1_000_000):
            pass


def main(arguments: list[str]) -> int:
    """Pytest's exit code for these arguments."""
    count = PROCESSES_PER_CORE * (os.cpu_count() or 1)
    busy = [multiprocessing.Process(target=keep_busy, args=(os.getpid(),), daemon=True) for _ in range(count)]
    for process in busy:
        process.start()
    try:
        return subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode
    finally:
        for process in busy:
            process.kill()
            process.join()


if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(main(arguments[1:] if arguments[:1] == ["--"] else arguments))
