"""The jobs that materialize a model's assets."""

from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.naming import (
    BACKGROUND,
    CHAMPION_MODEL,
    CHANGE_SUMMARY,
    CHANGES,
    DRIFT,
    EXPLANATION_REPORT,
    INPUT_SAMPLES,
    MODEL_EXPLANATIONS,
    MODEL_SIGNATURE,
    MODEL_TAG,
    PERFORMANCE,
    PERFORMANCE_CALIBRATION,
    PREDICTION_HISTORY,
    PREDICTIONS,
    PREDICTIONS_EXPLAINED,
    PREDICTIONS_WITH_REASONS,
    PROFILE,
    REASONS,
    REFERENCE_PROFILE,
    REJECTED_SAMPLES,
    SAMPLE_EXPLANATIONS,
    SAMPLE_INTERACTIONS,
)
from mlops_assets.settings.model import ModelSettings

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

INFERENCE = (CHAMPION_MODEL, MODEL_SIGNATURE, INPUT_SAMPLES, REJECTED_SAMPLES, PREDICTIONS)
EXPLANATIONS = (SAMPLE_EXPLANATIONS, BACKGROUND, MODEL_EXPLANATIONS, EXPLANATION_REPORT)


def assets_on_request(settings: ModelSettings) -> tuple[str, ...]:
    """The assets that exist only where the settings ask for them."""
    reasons, monitor = settings.explain.reasons, settings.monitor
    asked = {
        PREDICTIONS_EXPLAINED: settings.outputs.joined,
        SAMPLE_INTERACTIONS: settings.explain.interaction_table is not None,
        REASONS: reasons is not None,
        PREDICTIONS_WITH_REASONS: reasons is not None and reasons.joined,
        **dict.fromkeys((CHANGES, CHANGE_SUMMARY), settings.explain.changes is not None),
        REFERENCE_PROFILE: monitor is not None and monitor.reference.is_table,
        **dict.fromkeys((PROFILE, DRIFT), monitor is not None),
    }
    return tuple(asset for asset, wanted in asked.items() if wanted)


def inference_job(settings: ModelSettings) -> "UnresolvedAssetJobDefinition":
    """What makes everything up to the predictions."""
    names = settings.names
    words = f"Scores the inputs with the champion of {names.model}, up to {PREDICTIONS}. Run it for predictions alone."
    return _job(settings, names.inference_job, INFERENCE + _kept(settings), words)


def explanations_job(settings: ModelSettings) -> "UnresolvedAssetJobDefinition":
    """What makes everything."""
    names = settings.names
    words = f"Scores the inputs with the champion of {names.model} and explains every row: all tables and the report."
    assets = INFERENCE + _kept(settings) + EXPLANATIONS + assets_on_request(settings)
    return _job(settings, names.explanations_job, assets, words)


def jobs_on_request(settings: ModelSettings) -> "dict[str, UnresolvedAssetJobDefinition]":
    """By name, those that the settings ask for: what compares with outcomes, and what compares with another version."""
    names, jobs = settings.names, []
    if settings.outcomes is not None:
        # With partitions each run keeps its own; a run of this job has none.
        kept = (PREDICTION_HISTORY,) if settings.partitioning is None else ()
        words = (
            f"Compares all predictions of {names.model} that were published with the outcomes that are known. Run it "
            "when outcomes have come."
        )
        jobs.append(_job(settings, names.performance_job, (*kept, PERFORMANCE, PERFORMANCE_CALIBRATION), words))
    if settings.explain.changes is not None:
        words = (
            f"Compares what is published of {names.model} with another version, without scoring again. Run it when a "
            "candidate has come."
        )
        jobs.append(_job(settings, names.changes_job, (CHANGES, CHANGE_SUMMARY), words))
    return {job.name: job for job in jobs}


def _kept(settings: ModelSettings) -> tuple[str, ...]:
    return () if settings.outcomes is None else (PREDICTION_HISTORY,)


def _job(
    settings: ModelSettings, name: str, assets: tuple[str, ...], description: str
) -> "UnresolvedAssetJobDefinition":
    names, in_process = settings.names, settings.executor == "in_process"
    return dg.define_asset_job(
        name,
        selection=dg.AssetSelection.assets(*(names.key(asset) for asset in assets)),
        executor_def=dg.in_process_executor if in_process else dg.multiprocess_executor,
        description=description,
        # Dagster's automatic retry would go on with the champion of the run that failed.
        tags={MODEL_TAG: names.slug, "dagster/retry_strategy": "ALL_STEPS"},
    )
