"""A process that does work for another one: ``python -m mlops_assets.engines.worker``, chunks in, results out.

Not `multiprocessing`: that imports the caller's main module again, which runs a script that has no guard.
"""

import os
import pickle
import sys
from contextlib import suppress
from typing import BinaryIO

import pyarrow as pa

from mlops_assets.engines.error_pickles import pickle_error

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
