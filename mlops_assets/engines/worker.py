"""A process that does work for another one: ``python -m mlops_assets.engines.worker``, chunks in, results out.

Not `multiprocessing`: that imports the caller's main module again, which runs a script that has no guard.
"""

import os
import pickle
import sys
import traceback
from contextlib import suppress
from typing import BinaryIO, cast

import pyarrow as pa

from mlops_assets.errors import MlopsAssetsError, WorkerError, describe_cause

DONE, FAILED = b"+", b"-"
_LENGTH = 8


def write_frame(stream: BinaryIO, data: bytes | pa.Buffer) -> None:
    """Write `data` with its length before it, and flush."""
    stream.write(len(data).to_bytes(_LENGTH, "little"))
    stream.write(data)
    stream.flush()


def read_frame(stream: BinaryIO) -> bytes | None:
    """What `write_frame` wrote; None at the end of the stream, also in the middle of a frame."""
    head = stream.read(_LENGTH)
    if len(head) < _LENGTH:
        return None
    length = int.from_bytes(head, "little")
    data = stream.read(length)
    return data if len(data) == length else None


def serialize_batch(batch: pa.RecordBatch) -> pa.Buffer:
    """The batch as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def deserialize_batch(data: bytes) -> pa.RecordBatch:
    """The batch that `serialize_batch` wrote, without copying."""
    with pa.ipc.open_stream(data) as reader:
        return reader.read_next_batch()


class CauseInWorkerError(Exception):
    """What an error had as its cause in another process: the name of its class, its message, and its traceback."""


def pickle_error(error: Exception) -> bytes:
    """An exception for another process: one of this package's with its cause, any other as its traceback."""
    cause: BaseException | None = error
    if isinstance(error, MlopsAssetsError):
        cause = error.__cause__
    else:
        error = WorkerError(
            f"A worker process failed with {describe_cause(error)}",
            where="engine.workers",
            fix="Read its traceback, the cause in the event log; report it where it is in mlops_assets",
        )
        error.add_note("".join(traceback.format_exception(cause)))
    told = None
    if cause is not None:
        # The class itself may belong to a module that only the worker can import.
        told = "".join(traceback.format_exception_only(cause)).strip(), "".join(traceback.format_exception(cause))
    return pickle.dumps((error, told))


def unpickle_error(data: bytes | pa.Buffer) -> Exception:
    """What `pickle_error` wrote, with its cause."""
    error, told = cast("tuple[Exception, tuple[str, str] | None]", pickle.loads(data))
    if told is not None:
        message, trace = told
        error.__cause__ = CauseInWorkerError(message)
        error.__cause__.add_note(trace)
    return error


def _serve(incoming: BinaryIO, outgoing: BinaryIO) -> None:
    start = read_frame(incoming)
    if start is None:
        return
    try:
        path, work = pickle.loads(start)
        # Modules of the user's own are found as they are in the other process; the work is unpacked only then.
        sys.path[:] = path
        from mlops_assets.engines.work import open_work

        do = open_work(pickle.loads(work))
    except Exception as error:  # noqa: BLE001 - the other process raises it
        write_frame(outgoing, FAILED + pickle_error(error))
        return
    write_frame(outgoing, DONE)
    while (data := read_frame(incoming)) is not None:
        try:
            result = serialize_batch(do(deserialize_batch(data)))
        except Exception as error:  # noqa: BLE001 - the other process raises it
            write_frame(outgoing, FAILED + pickle_error(error))
        else:
            write_frame(outgoing, DONE + result.to_pybytes())


def main() -> None:
    """Serve until the other process closes its end."""
    # What a model prints goes to the log, not among the results.
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    # Whoever asked may have ended meanwhile.
    with suppress(BrokenPipeError):
        _serve(sys.stdin.buffer, results)


if __name__ == "__main__":
    main()
