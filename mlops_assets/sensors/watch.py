"""One tick of a sensor that launches a job when what it watches moves: `moves` within Dagster."""

from collections.abc import Callable

import dagster as dg

from mlops_assets.errors import RegistryError, TableError
from mlops_assets.sensors.moves import Decision, Memory, decide

SENSOR_TAG, RUN_KEY_TAG = "dagster/sensor_name", "dagster/run_key"


def watch(
    context: dg.SensorEvaluationContext,
    sensor_name: str,
    subject: str,
    look: Callable[[], str | None],
    published: Callable[[], str | None],
    request: Callable[[str, str], dg.RunRequest],
    noticed: Callable[[str | None], None] | None = None,
) -> dg.SensorResult:
    """Look, decide, and ask for a run where something moved.

    Parameters
    ----------
    subject
        What is watched; see `decide`.
    look
        Gives the token; raises RegistryError or TableError when it cannot. Called at most once.
    published
        The token that the published tables stem from; called on the first tick only.
    request
        Makes the run request from the run key and the token.
    noticed
        Called with the token on each move, before anything is requested.
    """
    memory = Memory.read(context.cursor)
    if context.cursor and not memory.known and memory == Memory():
        context.log.warning("The cursor cannot be read; it is restored from the last run that this sensor launched")
    if memory.wait > 0:
        return _skip(memory.waited(), f"Backing off after {memory.failures} failures; {memory.wait} ticks to wait")
    try:
        token = look()
    except (RegistryError, TableError) as error:
        after = memory.failed()
        return _skip(after, f"{type(error).__name__}: {error} Next attempt after {after.wait} ticks.")
    last_key = None if memory.known else last_run_key(context.instance, sensor_name)
    decision = decide(subject, memory, token, last_key, None if memory.known else published())
    if memory.failures:
        context.log.info(decision.reason)
    if decision.moved and noticed is not None:
        noticed(token)
    if decision.run_key is None:
        return _skip(decision.memory, decision.reason)
    return _run(context, decision, request(decision.run_key, token or ""))


def last_run_key(instance: dg.DagsterInstance, sensor_name: str) -> str | None:
    """The key of the last run that a sensor launched; None: there is none."""
    runs = instance.get_runs(filters=dg.RunsFilter(tags={SENSOR_TAG: sensor_name}), limit=1)
    return runs[0].tags.get(RUN_KEY_TAG) if runs else None


def _skip(memory: Memory, reason: str) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=reason, cursor=memory.to_cursor())


def _run(context: dg.SensorEvaluationContext, decision: Decision, request: dg.RunRequest) -> dg.SensorResult:
    context.log.info(decision.reason)
    return dg.SensorResult(run_requests=[request], cursor=decision.memory.to_cursor())
