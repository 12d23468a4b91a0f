"""Retry what the network spoiled, and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from mlops_assets.errors import RegistryUnreachableError

MOST_RETRIES = 2
# A server that restarts is back within a minute.
SECONDS_TO_WAIT = 20.0


@contextmanager
def retry_when_unreachable(attempts: int) -> Iterator[None]:
    """Ask Dagster to run the step again while the registry does not answer; the last attempt fails with its own error.

    Parameters
    ----------
    attempts
        How often the step has run before: ``context.retry_number``.

    Raises
    ------
    RetryRequested
        Of a `RegistryUnreachableError`, up to `MOST_RETRIES` times, `SECONDS_TO_WAIT` apart. Every other error is
        raised as it is: to ask again would give the same answer.
    """
    try:
        yield
    except RegistryUnreachableError as error:
        if attempts >= MOST_RETRIES:
            raise
        raise dg.RetryRequested(max_retries=MOST_RETRIES, seconds_to_wait=SECONDS_TO_WAIT) from error
