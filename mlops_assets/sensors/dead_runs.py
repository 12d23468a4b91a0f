"""The sensor that ends runs whose process is gone."""

import json
import time
from collections.abc import Callable, Collection, Iterator

import dagster as dg

from mlops_assets.naming import MODEL_TAG, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.binding import AssetsWithDefaults
from mlops_assets.resources.liveness import LIVENESS, Liveness, read_beat
from mlops_assets.sensors.run_signs import (
    FEWEST_LOOKS,
    SECONDS_OF_WAITING,
    Finding,
    Signs,
    Silence,
    find,
    read_silences,
    write_silences,
)

DEAD_RUNS_SENSOR = "mlops_assets_dead_runs"
SECONDS_BETWEEN_LOOKS = 20
IN_PROGRESS = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)


def dead_runs_sensor(names: ModelNames | None = None) -> dg.SensorDefinition:
    """Fails each run of this package whose process is gone, with the reason, and gives back its slots.

    A canceled run whose process is gone ends as canceled. Dagster then does what it does after every failure: the
    failure is reported by the notification sensor, and `run_retries` repeats the run. A tick is one query where nothing
    runs.

    Parameters
    ----------
    names
        Of the model whose runs are looked after; None: those of all models of the code location.
    """

    @dg.sensor(
        name=DEAD_RUNS_SENSOR if names is None else f"{names.slug}_dead_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        description="Ends runs whose process was killed together with its code server, which Dagster leaves as started "
        "for ever: they fail with the reason, their slots are free, the failure is reported.",
    )
    @redact_errors
    def dead_runs(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        silences, ended = look_after(context, names, time.time())
        count = len(silences)
        progress = f"{count} run{'s are' if count > 1 else ' is'} in progress" if count else "No run is in progress"
        return dg.SensorResult(
            skip_reason="; ".join([*(f"Ended run {each}" for each in ended), progress]),
            cursor=json.dumps(write_silences(silences)),
        )

    return dead_runs


def look_after(
    context: dg.SensorEvaluationContext, names: ModelNames | None, now: float
) -> tuple[dict[str, Silence], list[str]]:
    """One look at all runs in progress: what is known of each that lives on, and in words those that were ended."""
    instance = context.instance
    records = instance.get_run_records(dg.RunsFilter(statuses=list(IN_PROGRESS)))
    known = read_silences(_read(context.cursor))
    silences, ended = dict[str, Silence](), list[str]()
    for run in (record.dagster_run for record in records):
        if not _is_of_location(run, context):
            continue
        signs, token = _read_signs(instance, run, _owns(context, names))
        if signs is None or (names is not None and names.name not in _models(run, signs, names)):
            continue
        finding = find(signs)
        silence = known.get(run.run_id, Silence(token, now)).after_look(token, now, gone=finding.ended)
        if _is_dead(finding, silence, now) and not _waits_for_slot(instance, run, finding, silence, now):
            reason = _end(instance, run, finding, silence, now)
            if reason is not None:
                ended.append(f"{run.run_id} ({reason})")
                context.log.warning(f"Ended run {run.run_id} of {run.job_name}: {reason}")
                continue
        silences[run.run_id] = silence
    return silences, ended


def _is_dead(finding: Finding, silence: Silence, now: float) -> bool:
    if finding.ended:
        return silence.gone >= FEWEST_LOOKS
    return finding.silent_seconds is not None and silence.lasts(finding.silent_seconds, now)


def _end(
    instance: dg.DagsterInstance, run: dg.DagsterRun, finding: Finding, silence: Silence, now: float
) -> str | None:
    """Free the slots of a run and report its end; why, or None where it has ended by itself meanwhile.

    The slots first: whoever dies between the two is made up for by the next look, as long as the run is in progress.
    """
    latest = instance.get_run_by_id(run.run_id)
    if latest is None or latest.status not in IN_PROGRESS:
        # A process writes its result before it ends, so this is the last word.
        return None
    reason = finding.reason
    if not finding.ended:
        reason += f"; nothing was seen of it for {now - silence.since:.0f} seconds"
    storage = instance.event_log_storage
    if storage.supports_global_concurrency_limits:
        storage.free_concurrency_slots_for_run(run.run_id)
    if latest.status == dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(latest, f"Canceled: {reason}.")
    else:
        instance.report_run_failed(
            latest,
            f"The run was killed: {reason}. Each table is whole, of this run or of the one before: run the job again.",
        )
    return reason


def _read_signs(
    instance: dg.DagsterInstance, run: dg.DagsterRun, owns: Callable[[Collection[dg.AssetKey]], bool]
) -> tuple[Signs | None, str]:
    """What a run has shown, and all of it in one text; None for a run that is none of this package's."""
    records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    lives, workers = list[Liveness](), dict[int, float]()
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        metadata = event.engine_event_data.metadata
        if LIVENESS in metadata:
            try:
                lives.append(Liveness.from_json(str(metadata[LIVENESS].value)))
            except (ValueError, TypeError, KeyError):
                # Of another release: what it means is not known here.
                return None, ""
        elif event.step_key is None and (pid := str(metadata["pid"].value) if "pid" in metadata else "").isdigit():
            workers[int(pid)] = record.event_log_entry.timestamp
    planned = {*(run.asset_selection or ()), *(key.asset_key for key in run.asset_check_selection or ())}
    whole = MODEL_TAG in run.tags or (bool(planned) and owns(planned))
    if not lives and not whole:
        return None, ""
    keys = {life.heartbeat for life in lives}
    beats = instance.daemon_cursor_storage.get_cursor_values(keys) if keys else {}
    last = records[-1].storage_id if records else 0
    token = " ".join([str(run.status.value), str(last), *(read_beat(beats, key, run.run_id) for key in sorted(keys))])
    return Signs(lives, workers, whole), token


def _models(run: dg.DagsterRun, signs: Signs, names: ModelNames) -> Iterator[str]:
    """The models that a run is about, as far as they matter to `names`."""
    yield from (life.model for life in signs.lives)
    planned = {*(run.asset_selection or ()), *(key.asset_key for key in run.asset_check_selection or ())}
    if run.tags.get(MODEL_TAG) == names.slug or any(key.path[0] == names.prefix for key in planned):
        yield names.name


def _owns(context: dg.SensorEvaluationContext, names: ModelNames | None) -> Callable[[Collection[dg.AssetKey]], bool]:
    """Whether all of some assets are of this package, which a code location's definitions say."""
    repository = context.repository_def

    def owns(keys: Collection[dg.AssetKey]) -> bool:
        if names is not None:
            return all(key.path[0] == names.prefix for key in keys)
        definitions = repository.assets_defs_by_key if repository is not None else {}
        return all(isinstance(definitions.get(key), AssetsWithDefaults) for key in keys)

    return owns


def _is_of_location(run: dg.DagsterRun, context: dg.SensorEvaluationContext) -> bool:
    """Whether a run is of the code location that looks; one that was started beside Dagster's server is everybody's."""
    origin, own = run.remote_job_origin, context.code_location_origin
    if origin is None or own is None:
        return True
    return origin.repository_origin.code_location_origin.location_name == own.location_name


def _waits_for_slot(
    instance: dg.DagsterInstance, run: dg.DagsterRun, finding: Finding, silence: Silence, now: float
) -> bool:
    """Whether a step of the run waits for a pool, while no step shows life."""
    storage = instance.event_log_storage
    waits_long = silence.lasts(SECONDS_OF_WAITING, now)
    if not finding.may_wait or waits_long or not storage.supports_global_concurrency_limits:
        return False
    pools = (storage.get_concurrency_info(key) for key in storage.get_concurrency_keys())
    return any(step.run_id == run.run_id for pool in pools for step in pool.pending_steps)


def _read(cursor: str | None) -> object:
    try:
        return json.loads(cursor or "")
    except ValueError:
        return None
