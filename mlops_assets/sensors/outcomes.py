"""The outcomes sensor: a run of the performance job each time outcomes have come."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.metadata import INPUTS_LISTING
from mlops_assets.naming import PERFORMANCE, PREDICTIONS, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.sensors.alerts import alert_stale
from mlops_assets.sensors.holds import inputs_token
from mlops_assets.sensors.moves import is_same, short_token
from mlops_assets.sensors.published import last_metadata
from mlops_assets.sensors.reconcile import Situation
from mlops_assets.sensors.requests import last_runs, read_asked, unsettled
from mlops_assets.sensors.watch import Look, Watch, evaluate_tick, now, run_of_move
from mlops_assets.settings.outcomes import OutcomesSettings
from mlops_assets.settings.sensors import RepeatingSensorSettings

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def outcomes_sensor(
    names: ModelNames,
    settings: RepeatingSensorSettings,
    outcomes_settings: OutcomesSettings,
    root: Path,
    job: "UnresolvedAssetJobDefinition",
    defaults: Mapping[str, dg.ResourceDefinition],
) -> dg.SensorDefinition:
    """Launches `job` when the listing of the outcomes' files changes: names, sizes, times or entity tags.

    `performance` knows from which files it was made. Where these are not the ones that are there, a run is asked for,
    at first sight too, and again if it fails (see `reconcile`). While nothing has been predicted, none is asked for.
    """
    table = outcomes_settings.as_inputs(None)

    @dg.sensor(
        name=names.outcomes_sensor,
        job=job,
        default_status=settings.default_status,
        minimum_interval_seconds=settings.interval_seconds,
        description=f"Launches {job.name} when files of {table.shown_path} appear or change. Switch it on to measure "
        "performance as outcomes arrive.",
    )
    @redact_errors
    def outcomes(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        instance, subject = context.instance, f"{names.name}/outcomes"
        return evaluate_tick(
            context,
            Watch(
                subject,
                look=lambda: inputs_token(table, root, "outcomes"),
                asked=lambda: read_asked(instance, subject),
                published=lambda _: _published(instance, names),
                situation=lambda look: outcomes_situation(instance, names, look),
                act=lambda request: run_of_move(request, {}),
                retries=settings.retries,
                tell=alert_stale(context, names, defaults),
                hold=lambda: _reason_without_predictions(instance, names),
                forgets=False,
            ),
        )

    return outcomes


def outcomes_situation(instance: dg.DagsterInstance, names: ModelNames, look: Look) -> Situation:
    """Whether `performance` is made from the files that were seen."""
    published = _published(instance, names)
    if published is not None and is_same(published, look.token):
        return Situation(True)
    made_from = f"the files {short_token(published)}" if published else ""
    return unsettled(instance, last_runs(instance, look.move), now(), published=made_from)


def _published(instance: dg.DagsterInstance, names: ModelNames) -> str | None:
    listing = last_metadata(instance, names.key(PERFORMANCE), INPUTS_LISTING)
    return None if listing is None else str(listing)


def _reason_without_predictions(instance: dg.DagsterInstance, names: ModelNames) -> str:
    predicted = instance.get_latest_materialization_event(names.key(PREDICTIONS)) is not None
    return "" if predicted else f"{names.name} has predicted nothing yet"
