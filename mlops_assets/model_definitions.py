"""Everything of one registered model, put together."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.assets.background import background_asset_spec
from mlops_assets.assets.champion import champion_model_asset
from mlops_assets.assets.changes import ChangesSource, changes_assets
from mlops_assets.assets.drift import drift_assets
from mlops_assets.assets.engine_and_store import EngineAndStore
from mlops_assets.assets.inputs import describe_place, inputs_asset_spec
from mlops_assets.assets.model_explanations import model_explanations_assets
from mlops_assets.assets.performance import outcomes_asset_spec, performance_assets
from mlops_assets.assets.prediction_history import prediction_history_asset
from mlops_assets.assets.predictions import predictions_asset
from mlops_assets.assets.predictions_explained import predictions_explained_asset
from mlops_assets.assets.reasons import predictions_with_reasons_asset, reasons_asset
from mlops_assets.assets.reference_profile import reference_asset_spec, reference_profile_asset
from mlops_assets.assets.report_links import with_report_links
from mlops_assets.assets.sample_explanations import sample_explanations_assets
from mlops_assets.assets.sample_interactions import sample_interactions_asset
from mlops_assets.assets.samples import sample_assets
from mlops_assets.assets.section_sources import section_sources
from mlops_assets.assets.signature import model_signature_asset
from mlops_assets.checks.all_checks import all_checks
from mlops_assets.engines.engine import Engine
from mlops_assets.engines.kinds import ENGINES
from mlops_assets.explain.reasons.rules import ReasonRules
from mlops_assets.io_managers.champion import champion_io_manager
from mlops_assets.io_managers.documents import report_io_manager, signature_io_manager
from mlops_assets.io_managers.inputs import inputs_io_manager
from mlops_assets.io_managers.kinds import tables_io_manager
from mlops_assets.io_managers.run_partition import reader_of_the_run
from mlops_assets.jobs.alias_move import MovedAlias
from mlops_assets.jobs.compatibility import compatibility_job
from mlops_assets.jobs.of_assets import assets_on_request, explanations_job, inference_job, jobs_on_request
from mlops_assets.jobs.promote import promotion_job
from mlops_assets.jobs.retention import retention_job, retention_schedule
from mlops_assets.jobs.roll_back import rollback_job
from mlops_assets.jobs.sign import sign_job
from mlops_assets.jobs.validate import ValidationSettings, validation_job
from mlops_assets.naming import (
    BACKGROUND,
    CHANGE_SUMMARY,
    CHANGES,
    DRIFT,
    INPUT_SAMPLES,
    PREDICTION_HISTORY,
    PREDICTIONS,
    PREDICTIONS_EXPLAINED,
    PREDICTIONS_WITH_REASONS,
    PROFILE,
    REASONS,
    REJECTED_SAMPLES,
    SAMPLE_EXPLANATIONS,
    SAMPLE_INTERACTIONS,
)
from mlops_assets.resources.binding import bind_resources, resource_definitions
from mlops_assets.resources.journal import journal_resource
from mlops_assets.resources.loaders import LOADERS, Loader
from mlops_assets.resources.run_lock import run_lock
from mlops_assets.resources.shared import shared_defaults
from mlops_assets.resources.signers import SIGNERS, Signer
from mlops_assets.resources.tracking import tracking_resource
from mlops_assets.sensors.all_sensors import all_sensors
from mlops_assets.sensors.automation import alias_asset_spec, with_conditions
from mlops_assets.settings.model import ModelSettings
from mlops_assets.strategies import build_strategy

if TYPE_CHECKING:
    pass

PARTITIONED = (
    *(INPUT_SAMPLES, REJECTED_SAMPLES, PREDICTIONS, SAMPLE_EXPLANATIONS, BACKGROUND),
    *(PREDICTIONS_EXPLAINED, SAMPLE_INTERACTIONS, REASONS, PREDICTIONS_WITH_REASONS),
    *(CHANGES, CHANGE_SUMMARY, PROFILE, DRIFT),
)


def model_definitions(
    settings: ModelSettings, root: Path, defaults: Mapping[str, dg.ResourceDefinition] | None = None
) -> dg.Definitions:
    """Assets, checks, jobs and sensors of one model, with the model's own resources.

    `REGISTRY` and `NOTIFIER` are the code location's where it has them, else `default_resources`.

    Parameters
    ----------
    root
        The project's folder: relative paths start here.
    defaults
        In place of the shared resources that the code location lacks. None: `shared_defaults`.

    Raises
    ------
    ConfigurationError
        A strategy's KIND cannot be found, or does not take its settings; the catalogue of reasons lacks an entry.
    """
    settings = settings.model_copy(update={"trust": settings.trust.below(root)})
    names = settings.names
    signer = build_strategy(Signer, SIGNERS, settings.signer)
    resources = resource_definitions(_resources(settings, signer, root))
    defaults = shared_defaults(root) if defaults is None else defaults
    inference, explanations, on_request = inference_job(settings), explanations_job(settings), jobs_on_request(settings)
    rules = None if settings.explain.reasons is None else settings.explain.reasons.rules(root)
    engine_and_store = EngineAndStore(settings.engine, settings.resume, root)
    checks = all_checks(
        names,
        settings.contract,
        settings.explain,
        rules,
        settings.outcomes,
        settings.monitor,
        engine_and_store.engine,
        root,
    )
    assets = _assets(settings, signer, rules, engine_and_store, root)
    cleaning = _retention(settings)
    return dg.Definitions(
        assets=[*bind_resources(assets, resources, defaults), *_external_assets(settings)],
        asset_checks=bind_resources(checks, resources, defaults),
        jobs=[
            inference,
            explanations,
            *on_request.values(),
            *_jobs_beside_the_graph(settings, resources, defaults),
            *(cleaning.jobs or ()),
        ],
        schedules=cleaning.schedules,
        sensors=all_sensors(settings, root, inference, explanations, on_request, resources, defaults),
    )


def _assets(
    settings: ModelSettings,
    signer: Signer,
    rules: ReasonRules | None,
    engine_and_store: EngineAndStore,
    root: Path,
) -> list[dg.AssetsDefinition]:
    names, inputs, outputs, partitions = settings.names, settings.inputs, settings.outputs, settings.partitions_def
    show_values = settings.contract.show_values
    assets = [
        champion_model_asset(names, settings.alias_or_version, settings.trust, tracked=settings.tracking.enabled),
        model_signature_asset(names, inputs, partitions, reads_inputs=signer.reads_inputs),
        sample_assets(names, inputs, settings.contract, outputs, engine_and_store, partitions, root),
        predictions_asset(names, settings.predict, outputs, engine_and_store, partitions, show_values=show_values),
        sample_explanations_assets(
            names,
            settings.explain,
            outputs,
            engine_and_store,
            partitions,
            settings.contract,
            root,
            inputs.label,
            profiled=settings.monitor is not None and partitions is None,
        ),
        *model_explanations_assets(
            names,
            outputs,
            engine_and_store.engine,
            partitions,
            tracked=settings.tracking.enabled,
            interactions=settings.explain.interaction_table is not None,
            rules=rules,
            scored=describe_place(inputs),
            sections=section_sources(settings),
            profiled=settings.monitor is not None,
        ),
    ]
    requested = assets_on_request(settings)
    if PREDICTIONS_EXPLAINED in requested:
        assets.append(predictions_explained_asset(names, outputs, partitions))
    if rules is not None:
        assets.append(reasons_asset(names, rules, outputs, engine_and_store, partitions))
    if PREDICTIONS_WITH_REASONS in requested:
        assets.append(predictions_with_reasons_asset(names, outputs, partitions))
    if settings.explain.interaction_table is not None:
        pairs, explain = settings.explain.interaction_table, settings.explain
        assets.append(
            sample_interactions_asset(
                names, explain, pairs, outputs, engine_and_store, partitions, show_values=show_values
            )
        )
    explained = ChangesSource(settings.explain, settings.contract, outputs, engine_and_store, partitions, root)
    assets += changes_assets(names, explained)
    if settings.outcomes is not None:
        assets.append(prediction_history_asset(names, settings.outcomes, partitions))
        assets.append(performance_assets(names, settings.outcomes, inputs, outputs, root))
    if settings.monitor is not None:
        monitor = settings.monitor
        if monitor.reference.is_table:
            assets.append(reference_profile_asset(names, monitor, settings.contract, outputs, root))
        assets.append(drift_assets(names, monitor, outputs, engine_and_store, partitions))
    if settings.owners:
        owners = list(settings.owners)
        assets = [asset.map_asset_specs(lambda spec: spec.replace_attributes(owners=owners)) for asset in assets]
    assets = with_report_links(names, assets, outputs)
    return with_conditions(names, assets) if settings.automation else assets


def _jobs_beside_the_graph(
    settings: ModelSettings,
    resources: dict[str, dg.ResourceDefinition],
    defaults: Mapping[str, dg.ResourceDefinition],
) -> list[dg.JobDefinition]:
    names, alias_or_version = settings.names, settings.alias_or_version
    inputs, trust, contract = settings.inputs, settings.trust, settings.contract
    silent_seconds = settings.sensors.dead_runs.silent_seconds
    tried = ValidationSettings(inputs, trust, contract, settings.predict, settings.explain, settings.outcomes)
    jobs = [
        sign_job(names, alias_or_version, inputs, trust, settings.partitions_def, resources, defaults, silent_seconds),
        compatibility_job(names, alias_or_version, contract, defaults, silent_seconds),
        validation_job(names, alias_or_version, tried, resources, defaults, silent_seconds),
    ]
    if settings.promotion is not None and settings.alias is not None:
        moved = MovedAlias(names, settings.alias, settings.promotion, trust, resources, defaults, silent_seconds)
        jobs += [promotion_job(moved), rollback_job(moved)]
    return jobs


def _retention(settings: ModelSettings) -> dg.Definitions:
    """What deletes old runs, where the settings ask for it."""
    if settings.retention is None:
        return dg.Definitions()
    silent_seconds, tracked = settings.sensors.dead_runs.silent_seconds, settings.tracking.enabled
    job = retention_job(settings.names, settings.retention, silent_seconds, tracked=tracked)
    return dg.Definitions(jobs=[job], schedules=[retention_schedule(job, settings.retention)])


def _external_assets(settings: ModelSettings) -> list[dg.AssetSpec]:
    specs = [inputs_asset_spec(settings)] if settings.inputs.is_read else []
    background = settings.explain.background
    if background is not None and background.path:
        specs.append(background_asset_spec(settings.names, background))
    if settings.outcomes is not None and settings.outcomes.is_read:
        specs.append(outcomes_asset_spec(settings.names, settings.outcomes))
    if settings.monitor is not None and settings.monitor.reference.path:
        specs.append(reference_asset_spec(settings.names, settings.monitor.reference))
    if settings.automation and settings.alias is not None:
        specs.append(alias_asset_spec(settings.names, settings.alias))
    return specs


def _resources(settings: ModelSettings, signer: Signer, root: Path) -> dict[str, object]:
    names, outputs = settings.names, settings.outputs
    # The engine is made anew in each run, with its environment; wrong settings are refused here already.
    build_strategy(Engine, ENGINES, settings.engine)
    resources: dict[str, object] = {
        names.champion_store: champion_io_manager(names, outputs, settings.trust, root),
        names.signature_store: signature_io_manager(outputs, root),
        names.report_store: report_io_manager(outputs, root),
        names.tables: tables_io_manager(outputs, root),
        names.run_lock: run_lock(
            names,
            outputs,
            root,
            in_process=settings.executor == "in_process",
            folders=(
                *(PARTITIONED if settings.partitioning else ()),
                *((PREDICTION_HISTORY,) if settings.outcomes is not None else ()),
            ),
            silent_seconds=settings.sensors.dead_runs.silent_seconds,
        ),
        names.tables_of_the_run: reader_of_the_run(names),
        names.signer: signer,
        names.loader: build_strategy(Loader, LOADERS, settings.loader),
        names.journal: journal_resource(names, settings.journal, outputs, root),
    }
    if settings.tracking.enabled:
        resources[names.tracking] = tracking_resource(names, settings.tracking)
    reader = inputs_io_manager(settings.inputs, settings.partitioning, root)
    if reader is not None:
        resources[names.inputs_reader] = reader
    if settings.explain.background is not None:
        reader = inputs_io_manager(settings.explain.background.as_inputs(), None, root)
        if reader is not None:
            resources[names.background_reader] = reader
    if settings.outcomes is not None:
        reader = inputs_io_manager(settings.outcomes.as_inputs(settings.inputs.row_key), None, root, "outcomes")
        if reader is not None:
            resources[names.outcomes_reader] = reader
    if settings.monitor is not None and settings.monitor.reference.is_table:
        reader = inputs_io_manager(settings.monitor.reference.as_inputs(), None, root)
        if reader is not None:
            resources[names.reference_reader] = reader
    return resources
