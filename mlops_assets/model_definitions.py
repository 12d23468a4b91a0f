"""Everything of one registered model, put together."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_assets.assets.champion import champion_model_asset
from mlops_assets.assets.explanations import model_explanations_asset, sample_explanations_asset
from mlops_assets.assets.predictions import predictions_asset
from mlops_assets.assets.samples import sample_assets
from mlops_assets.assets.signature import model_signature_asset
from mlops_assets.checks.all_checks import family_checks
from mlops_assets.engines.engine import Engine
from mlops_assets.engines.kinds import ENGINES
from mlops_assets.family import Family
from mlops_assets.io_managers.champion import champion_io_manager, signature_io_manager
from mlops_assets.io_managers.inputs import inputs_io_manager
from mlops_assets.io_managers.run_partition import reader_of_the_run
from mlops_assets.io_managers.sql import SqlIOManager
from mlops_assets.io_managers.tables import WRITERS, TableIOManager
from mlops_assets.jobs.compatibility import compatibility_job
from mlops_assets.jobs.sign import sign_job
from mlops_assets.jobs.validate import validation_job
from mlops_assets.naming import BACKGROUND
from mlops_assets.resources.binding import resource_definitions, with_own_resources
from mlops_assets.resources.journal import journal_resource
from mlops_assets.resources.loaders import LOADERS, Loader
from mlops_assets.resources.run_lock import tables_turn
from mlops_assets.resources.signers import SIGNERS, Signer
from mlops_assets.resources.tracking import tracking_resource
from mlops_assets.sensors.all_sensors import family_sensors
from mlops_assets.sensors.automation import alias_spec, automated
from mlops_assets.settings.tables import InputsSettings, database_setting
from mlops_assets.storage.location import Location
from mlops_assets.strategies import build_strategy

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

INFERENCE = ("champion_model", "model_signature", "input_samples", "rejected_samples", "predictions")
PARTITIONED = ("input_samples", "rejected_samples", "predictions", "sample_explanations", BACKGROUND)
EXPLANATIONS = ("sample_explanations", "model_explanations")


def family_definitions(family: Family) -> dg.Definitions:
    """Assets, checks, jobs and sensors, with the model's own resources; `REGISTRY` and `NOTIFIER` are still missing."""
    own = resource_definitions(_resources(family))
    assets = [
        champion_model_asset(family),
        model_signature_asset(family),
        sample_assets(family),
        predictions_asset(family),
        sample_explanations_asset(family),
        model_explanations_asset(family),
    ]
    if family.settings.owners:
        owners = list(family.settings.owners)
        assets = [asset.map_asset_specs(lambda spec: spec.replace_attributes(owners=owners)) for asset in assets]
    if family.settings.automation:
        assets = automated(family, assets)
    inference = _job(family, family.inference_job, INFERENCE)
    explanations = _job(family, family.explanations_job, INFERENCE + EXPLANATIONS)
    return dg.Definitions(
        assets=[*with_own_resources(assets, own), *_external(family)],
        asset_checks=with_own_resources(family_checks(family), own),
        jobs=[inference, explanations, sign_job(family, own), compatibility_job(family), validation_job(family, own)],
        sensors=family_sensors(family, inference, explanations, own),
    )


def _job(family: Family, name: str, assets: tuple[str, ...]) -> "UnresolvedAssetJobDefinition":
    in_process = family.settings.executor == "in_process"
    return dg.define_asset_job(
        name,
        selection=dg.AssetSelection.assets(*(family.key(asset) for asset in assets)),
        executor_def=dg.in_process_executor if in_process else dg.multiprocess_executor,
        description=f"{family.model}: {', '.join(assets)}",
        tags={"mlops_assets/model": family.slug},
    )


def _external(family: Family) -> list[dg.AssetSpec]:
    settings = family.settings
    specs = [_inputs_spec(family)] if settings.inputs.is_read else []
    if settings.automation and isinstance(settings.alias_or_version, str):
        specs.append(alias_spec(family, settings.alias_or_version))
    return specs


def _inputs_spec(family: Family) -> dg.AssetSpec:
    settings = family.settings.inputs
    return dg.AssetSpec(
        family.inputs_key,
        description="The table to score. External: somebody else writes it.",
        group_name=family.group,
        kinds={"sql" if settings.database else settings.format or "table"},
        partitions_def=family.partitions,
        metadata={"path": settings.path} if settings.path else _database_metadata(settings),
    )


def _database_metadata(settings: InputsSettings) -> dict[str, str]:
    table = settings.table
    if table is None:
        return {"query": settings.query or ""}
    return {"table": table if isinstance(table, str) else f"{table.database_schema}.{table.table}"}


def _resources(family: Family) -> dict[str, object]:
    settings = family.settings
    # Made anew in each run, with its environment; here it is known already whether its settings are right.
    build_strategy(Engine, ENGINES, settings.engine)
    resources: dict[str, object] = {
        family.champion_store: champion_io_manager(family),
        family.signature_store: signature_io_manager(family),
        family.tables: tables_io_manager(family),
        family.turn: tables_turn(family, PARTITIONED),
        family.tables_of_the_run: reader_of_the_run(family),
        family.signer: build_strategy(Signer, SIGNERS, settings.signer),
        family.loader: build_strategy(Loader, LOADERS, settings.loader),
        family.journal: journal_resource(family),
    }
    if settings.tracking.enabled:
        resources[family.tracking] = tracking_resource(family, settings.tracking)
    reader = inputs_io_manager(family)
    if reader is not None:
        resources[family.inputs_reader] = reader
    return resources


def tables_io_manager(family: Family) -> TableIOManager:
    """What publishes a model's tables and reads them back."""
    outputs = family.settings.outputs
    arguments: dict[str, Any] = {
        "KIND": outputs.KIND or outputs.format,
        "path": Location.parse(outputs.path, base=family.root).address,
        "storage_options": outputs.storage_options or {},
    }
    if outputs.database is not None:
        arguments |= {
            "connection": database_setting(outputs.database),
            "namespace": outputs.database_schema,
            "mode": outputs.mode,
            "prefix": outputs.prefix or "",
            "root": str(family.root),
        }
    return build_strategy(TableIOManager, WRITERS | {"sql": SqlIOManager}, arguments)
