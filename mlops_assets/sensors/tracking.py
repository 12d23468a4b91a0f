"""Close the MLflow runs of finished Dagster runs: what they showed, and with which status."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.errors import RegistryError
from mlops_assets.family import Family
from mlops_assets.io_managers.tables import TableIOManager
from mlops_assets.metadata import URI
from mlops_assets.naming import REGISTRY, REPORT
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.tracking import Dataset, FinishedRun, MlflowTracking, Status, mlflow_name, params_of
from mlops_assets.sensors.moves import Memory
from mlops_assets.sensors.watch import backing_off, failed

STATUSES: dict[dg.DagsterRunStatus, Status] = {
    dg.DagsterRunStatus.SUCCESS: "FINISHED",
    dg.DagsterRunStatus.FAILURE: "FAILED",
    dg.DagsterRunStatus.CANCELED: "KILLED",
}
LINK_TAG = "mlflow/run"
# A tick closes no more at once; and the first tick looks back no further than a day.
MOST, FIRST_LOOK = 5, 86_400.0
_OVERLAP = 5.0
_TABLES = {"input_samples": "inputs", "predictions": "predictions", "sample_explanations": "explanations"}
# Until 0.1 the picture was a PNG.
_PICTURE = re.compile(r"!\[[^\]]*\]\(data:image/(png|svg)(?:\+xml)?;base64,([A-Za-z0-9+/=]+)\)")


def tracking_sensor(family: Family, resources: Mapping[str, dg.ResourceDefinition]) -> dg.SensorDefinition:
    """Gives each finished run of the model's assets its MLflow run, whatever started it and however it ended.

    Looks at runs that ended since the last tick: of the model's jobs, and outside them. What it does for a run can be
    done again, so that a repeated tick, a lost cursor or a server that went away leaves neither a second MLflow run
    nor one without its end. Launches nothing, fails nothing.
    """
    settings = family.settings.sensors.tracking

    @dg.sensor(
        name=f"{family.slug}_tracking_sensor",
        required_resource_keys={REGISTRY},
        default_status=settings.default_status,
        minimum_interval_seconds=settings.interval_seconds,
        description=f"Records the finished runs of {family.model} in MLflow, with their status.",
    )
    def tracking(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        memory = Memory.read(context.cursor)
        if memory.wait > 0:
            return backing_off(memory)
        registry: MlflowRegistry = getattr(context.resources, REGISTRY)
        after, done = _position(memory)
        recorded: list[str] = []
        try:
            for entry in _finished(context.instance, after, done):
                run = entry.dagster_run
                if len(recorded) == MOST:
                    break
                if _concerns(context.instance, run, family):
                    _record(context.instance, entry, family, registry, resources)
                    recorded.append(run.run_id)
                done[run.run_id] = entry.update_timestamp.timestamp()
                after = max(after, done[run.run_id])
        except RegistryError as error:
            return failed(_memory(memory, after, done), error)
        after_all = _memory(Memory(), after, done)
        told = f"Recorded in MLflow: {', '.join(recorded)}" if recorded else "No run has ended"
        return dg.SensorResult(skip_reason=told, cursor=after_all.to_cursor())

    return tracking


def _record(
    instance: dg.DagsterInstance,
    entry: dg.RunRecord,
    family: Family,
    registry: MlflowRegistry,
    resources: Mapping[str, dg.ResourceDefinition],
) -> None:
    """Give one finished run its MLflow run, and a tag that links there."""
    run = entry.dagster_run
    wanted = {"tracking": resources[family.tracking], "tables": resources[family.tables]}
    with dg.build_resources(wanted, instance=instance) as own:
        tracking: MlflowTracking = own.tracking
        tracked = tracking.finish(registry, finished_run(instance, entry, family, own.tables))
    link = tracked.page or tracked.run_id
    # A tag counts as an update of the run; one that is there is not written again.
    if run.tags.get(LINK_TAG) != link:
        instance.add_run_tags(run.run_id, {LINK_TAG: link})


def finished_run(
    instance: dg.DagsterInstance, entry: dg.RunRecord, family: Family, tables: TableIOManager
) -> FinishedRun:
    """What a finished run has shown, from its events and from what it published."""
    run = entry.dagster_run
    events = {event.asset_key.path[-1]: event for event in _materializations(instance, run.run_id, family)}
    metadata = {name: {key: value.value for key, value in event.metadata.items()} for name, event in events.items()}
    started, ended = entry.start_time or entry.create_timestamp.timestamp(), entry.end_time
    ended = ended or entry.update_timestamp.timestamp()
    metrics = {"seconds": ended - started} | _metrics(metadata) | _checks(instance, run.run_id, family)
    scored = metrics.get("predictions/row_count")
    if scored and ended > started:
        metrics["rows_per_second"] = scored / (ended - started)
    return FinishedRun(
        run_id=run.run_id,
        job=run.job_name,
        status=STATUSES[run.status],
        started=int(started * 1000),
        ended=int(ended * 1000),
        params=params_of(run.run_config),
        metrics=metrics,
        tags=_tags(run, metadata),
        datasets=[
            Dataset(name, event.tags["dagster/data_version"], str(metadata[name].get(URI, "")), _TABLES[name])
            for name, event in events.items()
            if name in _TABLES and event.tags and "dagster/data_version" in event.tags
        ],
        files=dict(_files(events, tables)),
    )


def _metrics(metadata: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for asset in ("input_samples", "predictions", "sample_explanations", "model_explanations"):
        for name, value in metadata.get(asset, {}).items():
            if isinstance(value, int | float) and not isinstance(value, bool) and name != "model_version":
                found[f"{asset}/{mlflow_name(name.removeprefix('dagster/'))}"] = float(value)
    return found


def _checks(instance: dg.DagsterInstance, run_id: str, family: Family) -> dict[str, float]:
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    passed = [
        evaluation.passed
        for record in records
        if (evaluation := record.event_log_entry.asset_check_evaluation) and _own(evaluation.asset_key, family)
    ]
    return {"checks_passed": float(sum(passed)), "checks_failed": float(len(passed) - sum(passed))}


def _tags(run: dg.DagsterRun, metadata: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    champion, predictions = metadata.get("champion_model", {}), metadata.get("predictions", {})
    tags = {
        "mlops_assets.version": champion.get("version", predictions.get("model_version")),
        "mlops_assets.digest": champion.get("digest", predictions.get("model_digest")),
        "mlops_assets.alias": champion.get("alias"),
        "dagster.partition": run.tags.get("dagster/partition"),
        "dagster.status": run.status.value,
    }
    return {name: str(value) for name, value in tags.items() if value is not None}


def _files(events: Mapping[str, dg.AssetMaterialization], tables: TableIOManager) -> Iterator[tuple[str, bytes]]:
    summary = events.get("model_explanations")
    if summary is None:
        return
    picture = (
        _PICTURE.search(str(summary.metadata["summary_plot"].value)) if "summary_plot" in summary.metadata else None
    )
    if picture:
        yield f"explanation_summary.{picture[1]}", base64.b64decode(picture[2])
    version = (summary.tags or {}).get("dagster/data_version")
    if not tables.exists("model_explanations"):
        return
    published = tables.read("model_explanations")
    # A later run may have published since; then this one's table is gone.
    if Provenance.of(published.schema).data_version == version:
        rows = published.to_table().to_pylist()
        yield "explanation_summary.json", json.dumps(rows, indent=1).encode()
        report = tables.place(REPORT)
        if report.exists():
            yield REPORT, report.read_bytes()


def _materializations(instance: dg.DagsterInstance, run_id: str, family: Family) -> list[dg.AssetMaterialization]:
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    found = (record.asset_materialization for record in records)
    return [one for one in found if one is not None and _own(one.asset_key, family)]


def _concerns(instance: dg.DagsterInstance, run: dg.DagsterRun, family: Family) -> bool:
    planned = instance.get_records_for_run(
        run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    ).records
    events = (record.event_log_entry.dagster_event for record in planned)
    return any(event is not None and event.asset_key is not None and _own(event.asset_key, family) for event in events)


def _own(key: dg.AssetKey, family: Family) -> bool:
    return key.path[0] == family.prefix


def _finished(instance: dg.DagsterInstance, after: float, done: Mapping[str, float]) -> Iterator[dg.RunRecord]:
    since = datetime.fromtimestamp(after - _OVERLAP, UTC)
    records = instance.get_run_records(
        filters=dg.RunsFilter(statuses=list(STATUSES), updated_after=since),
        limit=100,
        order_by="update_timestamp",
        ascending=True,
    )
    return (record for record in records if record.dagster_run.run_id not in done)


def _position(memory: Memory) -> tuple[float, dict[str, float]]:
    """Up to when runs were looked at, and those of the last seconds that are done."""
    if not memory.known or memory.seen is None:
        return datetime.now(UTC).timestamp() - FIRST_LOOK, {}
    after, done = json.loads(memory.seen)
    return float(after), dict(done)


def _memory(memory: Memory, after: float, done: Mapping[str, float]) -> Memory:
    recent = {run: ended for run, ended in done.items() if ended >= after - _OVERLAP}
    return Memory(True, json.dumps([after, recent]), memory.moves, memory.failures, memory.wait)
