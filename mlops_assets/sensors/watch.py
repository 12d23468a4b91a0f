"""One tick of a sensor that watches something: `moves` within Dagster."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import dagster as dg

from mlops_assets.errors import RegistryError, TableError
from mlops_assets.sensors.moves import Memory, decide

SENSOR_TAG, RUN_KEY_TAG, MOVE_TAG = "dagster/sensor_name", "dagster/run_key", "mlops_assets/move"


class RetryState(Protocol):
    """What a sensor remembers of attempts that failed, as part of its cursor."""

    @property
    def failures(self) -> int: ...

    @property
    def wait(self) -> int: ...

    def after_wait(self) -> "RetryState": ...

    def after_failure(self) -> "RetryState": ...

    def to_cursor(self) -> str: ...


def evaluate_tick(
    context: dg.SensorEvaluationContext,
    subject: str,
    look: Callable[[], str | None],
    last_key: Callable[[], str | None],
    published: Callable[[str | None], str | None],
    act: Callable[[str, str], dg.RunRequest | Sequence[dg.RunRequest] | dg.AssetMaterialization],
    noticed: Callable[[str | None], None] | None = None,
) -> dg.SensorResult:
    """Look, decide, and act where something moved.

    Parameters
    ----------
    subject
        What is watched; see `decide`.
    look
        Gives the token; raises RegistryError or TableError when it cannot. Called at most once.
    last_key
        The key that this sensor acted under last.
    published
        Gives the token that the published tables stem from, given the one that was seen; like `last_key` called only
        where the cursor knows nothing.
    act
        What to do, given the key and the token: launch a run (or one per partition, see `run_of_partition`), or report
        an event.
    noticed
        Called with the token on each move, before anything is done.
    """
    memory = Memory.read(context.cursor)
    if context.cursor and memory == Memory():
        context.log.warning("The cursor cannot be read; it is restored from what this sensor did last")
    if memory.wait > 0:
        return skip_while_waiting(memory)
    try:
        token = look()
    except (RegistryError, TableError) as error:
        return skip_after_failure(memory, error)
    if memory.known:
        decision = decide(subject, memory, token, None, None)
    else:
        decision = decide(subject, memory, token, last_key(), published(token))
    if decision.moved and noticed is not None:
        noticed(token)
    if decision.run_key is None:
        if memory.failures:
            context.log.info(decision.reason)
        return _skip(decision.memory, decision.reason)
    context.log.info(decision.reason)
    action, cursor = act(decision.run_key, token or ""), decision.memory.to_cursor()
    if isinstance(action, dg.AssetMaterialization):
        return dg.SensorResult(asset_events=[action], cursor=cursor, skip_reason=decision.reason)
    requests = [action] if isinstance(action, dg.RunRequest) else list(action)
    if not requests:
        return _skip(decision.memory, f"{decision.reason}; no partition was ever scored")
    return dg.SensorResult(run_requests=requests, cursor=cursor)


def run_of_partition(key: str, partition: str, tags: Mapping[str, str]) -> dg.RunRequest:
    """One of the runs that a move asks for, one per partition; `key` is the move's."""
    return dg.RunRequest(run_key=f"{key}[{partition}]", partition_key=partition, tags={**tags, MOVE_TAG: key})


def skip_while_waiting(memory: RetryState) -> dg.SensorResult:
    """A tick that lets an attempt pass."""
    return _skip(memory.after_wait(), f"Backing off after {memory.failures} failures; {memory.wait} ticks to wait")


def skip_after_failure(memory: RetryState, error: Exception) -> dg.SensorResult:
    """A tick whose attempt failed: skipped with the reason, and the next attempt put off."""
    after = memory.after_failure()
    return _skip(after, f"{type(error).__name__}: {error} Next attempt after {after.wait} further ticks.")


def last_run_key(instance: dg.DagsterInstance, sensor_name: str) -> str | None:
    """The key of the last run that a sensor launched; None: there is none."""
    runs = instance.get_runs(filters=dg.RunsFilter(tags={SENSOR_TAG: sensor_name}), limit=1)
    return runs[0].tags.get(MOVE_TAG) or runs[0].tags.get(RUN_KEY_TAG) if runs else None


def _skip(memory: RetryState, reason: str) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=reason, cursor=memory.to_cursor())
