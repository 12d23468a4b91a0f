"""Dagster's development server as a test starts and ends it."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def dev_server(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path
) -> "Iterator[subprocess.Popen[bytes]]":
    """A server in a session of its own, which writes into `log`; nothing of it is left when the block ends.

    Into a file, because nobody reads a pipe while it ends, and a full one would hold it up.
    """
    with log.open("w") as file:
        server = subprocess.Popen(
            list(command), cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield server
    finally:
        # A test may have killed it.
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
