"""An error's way from the process that did the work to the one that asked for it, with its cause."""

import pickle
import traceback

from mlops_assets.errors import MlopsAssetsError, WorkerError, describe_cause
from mlops_assets.redaction.errors import redact_chain


class CauseInWorkerError(Exception):
    """What an error had as its cause in another process: the name of its class, its message, and its traceback."""


def pickle_error(error: BaseException) -> bytes:
    """An exception for another process: one of this package's with its cause, any other as its traceback."""
    error = redact_chain(error)
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
    return pickle.dumps(_ErrorWithCause(error, told))


class _ErrorWithCause:
    """Is read from its pickle as the error, with the cause that pickling would lose."""

    def __init__(self, error: BaseException, told: tuple[str, str] | None) -> None:
        self._parts = error, told

    def __reduce__(self) -> tuple[object, ...]:
        return _restore_cause, self._parts


def _restore_cause(error: BaseException, told: tuple[str, str] | None) -> BaseException:
    if told is not None:
        message, trace = told
        error.__cause__ = CauseInWorkerError(message)
        error.__cause__.add_note(trace)
    return error
