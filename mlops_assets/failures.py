"""The error that a person should read, among those that Dagster wraps round it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo


def user_error(error: "SerializableErrorInfo") -> "SerializableErrorInfo":
    """The outermost error that is not one of Dagster's own wrappers: what this package, or the user's code, has raised.

    Its causes (MLflow's exception behind ours, for example) are in the event log; the outermost one says what to do.
    """
    while error.cause is not None and (error.cls_name or "").startswith("Dagster"):
        error = error.cause
    return error
