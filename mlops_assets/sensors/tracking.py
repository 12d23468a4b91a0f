"""Close the MLflow runs of finished Dagster runs: their results, and their status."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.errors import RegistryError
from mlops_assets.io_managers.documents import report_version
from mlops_assets.io_managers.tables import TableIOManager
from mlops_assets.metadata import EXACT_STATISTICS, URI
from mlops_assets.naming import (
    CHAMPION_MODEL,
    EXPLANATION_REPORT,
    INPUT_SAMPLES,
    MODEL_EXPLANATIONS,
    PREDICTIONS,
    REGISTRY,
    REPORT_FILE,
    SAMPLE_EXPLANATIONS,
    ModelNames,
)
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.shared import shared_resource
from mlops_assets.resources.tracking import (
    Dataset,
    FinishedRun,
    MlflowTracking,
    Status,
    flatten_run_config,
    to_mlflow_name,
)
from mlops_assets.sensors.run_events import (
    Materialization,
    concerns_model,
    count_checks,
    read_materializations,
    run_times,
)
from mlops_assets.sensors.tracking_cursor import LINK_TAG, OVERLAP, TrackingCursor
from mlops_assets.sensors.watch import skip_after_failure, skip_while_waiting
from mlops_assets.settings.sensors import ReportingSensorSettings

STATUSES: dict[dg.DagsterRunStatus, Status] = {
    dg.DagsterRunStatus.SUCCESS: "FINISHED",
    dg.DagsterRunStatus.FAILURE: "FAILED",
    dg.DagsterRunStatus.CANCELED: "KILLED",
}
# Runs that one tick records at most.
MAX_RUNS_PER_TICK = 5
# The tables among the assets, with the context under which MLflow lists them as datasets.
_DATASET_CONTEXTS = {INPUT_SAMPLES: "inputs", PREDICTIONS: "predictions", SAMPLE_EXPLANATIONS: "explanations"}
_MEASURED_ASSETS = (INPUT_SAMPLES, PREDICTIONS, SAMPLE_EXPLANATIONS, MODEL_EXPLANATIONS)
# Until 0.1 the picture was a PNG.
_PICTURE = re.compile(r"!\[[^\]]*\]\(data:image/(png|svg)(?:\+xml)?;base64,([A-Za-z0-9+/=]+)\)")


def tracking_sensor(
    names: ModelNames,
    settings: ReportingSensorSettings,
    resources: Mapping[str, dg.ResourceDefinition],
    defaults: Mapping[str, dg.ResourceDefinition],
) -> dg.SensorDefinition:
    """Records each finished run of the model's assets in MLflow, whatever started it and however it ended.

    Looks at the runs that ended since the last tick, of the model's jobs and outside them. Everything it does for a run
    can be repeated, so that a repeated tick, a lost cursor or a server that was away leaves neither a second MLflow run
    nor one without an end. Launches nothing, fails nothing.

    Parameters
    ----------
    resources
        The model's own resources, by their keys.
    defaults
        In place of the shared resources that the code location lacks.
    """

    @dg.sensor(
        name=names.tracking_sensor,
        default_status=settings.default_status,
        minimum_interval_seconds=settings.interval_seconds,
        description=f"Records each finished run of {names.model} in MLflow: status, counts, metrics, and the report. "
        "Keep it on: MLflow runs stay open without it.",
    )
    @redact_errors
    def tracking(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        cursor = TrackingCursor.read(context.cursor, datetime.now(UTC).timestamp())
        if cursor.wait > 0:
            return skip_while_waiting(cursor)
        recorded: list[str] = []
        try:
            with shared_resource(context, REGISTRY, defaults) as registry:
                for entry in _finished_runs(context.instance, cursor):
                    run = entry.dagster_run
                    if len(recorded) == MAX_RUNS_PER_TICK:
                        break
                    if concerns_model(context.instance, run.run_id, names):
                        _record(context.instance, entry, names, registry, resources)
                        recorded.append(run.run_id)
                    cursor = cursor.with_run(run.run_id, entry.update_timestamp.timestamp())
        except RegistryError as error:
            return skip_after_failure(cursor, error)
        reason = f"Recorded in MLflow: {', '.join(recorded)}" if recorded else "No run has ended"
        return dg.SensorResult(skip_reason=reason, cursor=cursor.succeeded().to_cursor())

    return tracking


def _record(
    instance: dg.DagsterInstance,
    entry: dg.RunRecord,
    names: ModelNames,
    registry: MlflowRegistry,
    resources: Mapping[str, dg.ResourceDefinition],
) -> None:
    """Record one finished run in MLflow, and tag it with the link to its MLflow run."""
    run = entry.dagster_run
    needed = {"tracking": resources[names.tracking], "tables": resources[names.tables]}
    with dg.build_resources(needed, instance=instance) as initialized:
        tracking: MlflowTracking = initialized.tracking
        tracked = tracking.finish(registry, finished_run(instance, entry, names, initialized.tables))
    link = tracked.page or tracked.run_id
    # A tag counts as an update of the run, so the same tag is not written again.
    if run.tags.get(LINK_TAG) != link:
        instance.add_run_tags(run.run_id, {LINK_TAG: link})


def finished_run(
    instance: dg.DagsterInstance, entry: dg.RunRecord, names: ModelNames, tables: TableIOManager
) -> FinishedRun:
    """The results of a finished run, from its events and from the tables that it published."""
    run = entry.dagster_run
    materializations = read_materializations(instance, run.run_id, names)
    checks = count_checks(instance, run.run_id, names)
    started, ended = run_times(entry)
    metrics = {"seconds": ended - started} | _metrics(materializations)
    metrics |= {"checks_passed": float(checks.passed), "checks_failed": float(checks.failed)}
    rows = metrics.get(f"{PREDICTIONS}/row_count")
    if rows and ended > started:
        metrics["rows_per_second"] = rows / (ended - started)
    return FinishedRun(
        run_id=run.run_id,
        job=run.job_name,
        status=STATUSES[run.status],
        started=int(started * 1000),
        ended=int(ended * 1000),
        params=flatten_run_config(run.run_config),
        metrics=metrics,
        tags=_tags(run, materializations),
        datasets=[
            Dataset(asset, event.data_version, str(event.metadata.get(URI, "")), _DATASET_CONTEXTS[asset])
            for asset, event in materializations.items()
            if asset in _DATASET_CONTEXTS and event.data_version is not None
        ],
        files=dict(_files(materializations, tables)),
    )


def _metrics(materializations: Mapping[str, Materialization]) -> dict[str, float]:
    exact = _metadata(materializations, PREDICTIONS).get(EXACT_STATISTICS, "{}")
    statistics = {f"{PREDICTIONS}/{to_mlflow_name(name)}": float(value) for name, value in json.loads(exact).items()}
    return statistics | {
        f"{asset}/{to_mlflow_name(name.removeprefix('dagster/'))}": float(value)
        for asset in _MEASURED_ASSETS
        if asset in materializations
        for name, value in materializations[asset].metadata.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and name != "model_version"
    }


def _tags(run: dg.DagsterRun, materializations: Mapping[str, Materialization]) -> dict[str, str]:
    champion, predictions = (_metadata(materializations, asset) for asset in (CHAMPION_MODEL, PREDICTIONS))
    tags = {
        "mlops_assets.version": champion.get("version", predictions.get("model_version")),
        "mlops_assets.digest": champion.get("digest", predictions.get("model_digest")),
        "mlops_assets.alias": champion.get("alias"),
        "dagster.partition": run.tags.get("dagster/partition"),
        "dagster.status": run.status.value,
    }
    return {name: str(value) for name, value in tags.items() if value is not None}


def _metadata(materializations: Mapping[str, Materialization], asset: str) -> Mapping[str, Any]:
    return materializations[asset].metadata if asset in materializations else {}


def _files(materializations: Mapping[str, Materialization], tables: TableIOManager) -> Iterator[tuple[str, bytes]]:
    yield from _report(materializations, tables)
    summary = materializations.get(MODEL_EXPLANATIONS)
    if summary is None:
        return
    picture = _PICTURE.search(str(summary.metadata.get("summary_plot", "")))
    if picture:
        yield f"explanation_summary.{picture[1]}", base64.b64decode(picture[2])
    if not tables.exists(MODEL_EXPLANATIONS):
        return
    published = tables.read(MODEL_EXPLANATIONS)
    # A later run may have published since; then the table of this run no longer exists.
    if Provenance.of(published.schema).data_version == summary.data_version:
        rows = published.to_table().to_pylist()
        yield "explanation_summary.json", json.dumps(rows, indent=1).encode()


def _report(materializations: Mapping[str, Materialization], tables: TableIOManager) -> Iterator[tuple[str, bytes]]:
    place = tables.place(REPORT_FILE)
    if EXPLANATION_REPORT not in materializations or not place.exists():
        return
    report = place.read_text()
    # A later run may have published since; then the report of this run no longer exists.
    if report_version(report) == materializations[EXPLANATION_REPORT].data_version:
        yield REPORT_FILE, report.encode()


def _finished_runs(instance: dg.DagsterInstance, cursor: TrackingCursor) -> Iterator[dg.RunRecord]:
    since = datetime.fromtimestamp(cursor.after - OVERLAP, UTC)
    records = instance.get_run_records(
        filters=dg.RunsFilter(statuses=list(STATUSES), updated_after=since),
        limit=100,
        order_by="update_timestamp",
        ascending=True,
    )
    return (record for record in records if record.dagster_run.run_id not in cursor.seen)
