"""A process that does work for another one: ``python -m mlops_assets.engines.worker``, questions in, answers out.

Not `multiprocessing`: that imports the caller's main module again, which runs a script that has no guard.
"""

import os
import pickle
import queue
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

import pyarrow as pa

from mlops_assets.engines.error_pickles import pickle_error

DONE, FAILED = b"+", b"-"
PATH, WORK, ROWS, TASK = b"p", b"w", b"r", b"t"
"""Questions, by their last byte: where modules are found; the work for `ROWS` from now on; a chunk; a task.

The last byte and not the first, so that what Arrow reads without copying begins where memory is aligned.
"""
_LENGTH = 8


def write_frame(stream: BinaryIO, *data: bytes | pa.Buffer) -> None:
    """Write `data`, one after the other, with their length before them, and flush."""
    stream.write(sum(map(len, data)).to_bytes(_LENGTH, "little"))
    for part in data:
        stream.write(part)
    stream.flush()


def read_frame(stream: BinaryIO) -> bytes | None:
    """What `write_frame` wrote; None at the end of the stream, also in the middle of a frame."""
    head = stream.read(_LENGTH)
    if len(head) < _LENGTH:
        return None
    length = int.from_bytes(head, "little")
    data = stream.read(length)
    return data if len(data) == length else None


def split_kind(frame: bytes) -> tuple[pa.Buffer, bytes]:
    """What a frame holds, without copying, and its last byte."""
    return pa.py_buffer(frame).slice(0, len(frame) - 1), frame[-1:]


def serialize_batch(batch: pa.RecordBatch) -> pa.Buffer:
    """The batch as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def deserialize_batch(data: bytes | pa.Buffer) -> pa.RecordBatch:
    """The batch that `serialize_batch` wrote, without copying."""
    with pa.ipc.open_stream(data) as reader:
        return reader.read_next_batch()


class _Answers:
    """What is asked, answered; what goes wrong is an answer as well."""

    def __init__(self) -> None:
        self._do: Callable[[pa.RecordBatch], pa.RecordBatch] | None = None

    def answer(self, question: bytes) -> tuple[bytes | pa.Buffer, bytes]:
        """The answer and `DONE`, or the pickled error and `FAILED`."""
        try:
            return self._answer(*split_kind(question)), DONE
        except Exception as error:  # noqa: BLE001 - the other process raises it
            return pickle_error(error), FAILED

    def _answer(self, data: pa.Buffer, kind: bytes) -> bytes | pa.Buffer:
        if kind == PATH:
            # Modules of the user's own are found as they are in the other process; what needs them is unpacked later.
            sys.path[:] = pickle.loads(data)
            return b""
        if kind == TASK:
            from mlops_assets.engines.tasks import run_packed

            return run_packed(data)
        if kind == WORK:
            from mlops_assets.engines.work import open_work

            self._do = open_work(pickle.loads(data))
            return b""
        if self._do is None:
            raise ValueError("rows came before their work")
        return serialize_batch(self._do(deserialize_batch(data)))


def _read_questions(incoming: BinaryIO, questions: "queue.SimpleQueue[bytes | None]", is_busy: threading.Event) -> None:
    while (question := read_frame(incoming)) is not None:
        is_busy.set()
        questions.put(question)
    if is_busy.is_set():
        # Nobody waits for the answer: the other process is gone, and what it has begun ends with it.
        os._exit(1)
    questions.put(None)


def main() -> None:
    """Serve until the other process closes its end; work that goes on then is broken off."""
    # What a model prints goes to the log, not among the results.
    outgoing = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    # Ctrl-C reaches every process of a terminal: the one that asks decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    questions: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    is_busy = threading.Event()
    threading.Thread(target=_read_questions, args=(sys.stdin.buffer, questions, is_busy), daemon=True).start()
    answers = _Answers()
    while (question := questions.get()) is not None:
        answer = answers.answer(question)
        is_busy.clear()
        # Whoever asked may have ended meanwhile.
        with suppress(BrokenPipeError):
            write_frame(outgoing, *answer)


if __name__ == "__main__":
    main()
