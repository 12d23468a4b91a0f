"""The champion, pinned."""

from typing import Any

import dagster as dg
from pydantic import Field

from mlops_assets.io_managers.progress import report_progress
from mlops_assets.journal.entry import COLUMNS
from mlops_assets.journal.journal import Journal
from mlops_assets.metadata import DIGEST_SHOWN, REGISTERED, pinned_model, table_metadata
from mlops_assets.models.reference import ModelReference
from mlops_assets.naming import CHAMPION_MODEL, REGISTRY, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.retries import retry_when_unreachable
from mlops_assets.resources.tracking import MlflowTracking
from mlops_assets.settings.trust import TrustSettings

# Rows of the journal on the asset's page, the latest first.
SHOWN = 20


def champion_model_asset(
    names: ModelNames, alias_or_version: str | int, trust: TrustSettings, *, tracked: bool
) -> dg.AssetsDefinition:
    """`champion_model` of one model; `tracked`: its run is recorded in MLflow as well."""
    default_alias = alias_or_version if isinstance(alias_or_version, str) else None
    default_version = alias_or_version if isinstance(alias_or_version, int) else None
    policy = trust.policy()
    trackers = (names.tracking,) if tracked else ()

    class ChampionConfig(dg.Config):
        """Which version a run uses."""

        alias: str | None = Field(default=default_alias, description="The alias to resolve, once per run.")
        version: int | None = Field(
            default=default_version, description="A version number; it takes precedence over the alias."
        )
        accept_digest: str | None = Field(
            default=None, description="Accept that the files of a known version were replaced by those of this digest."
        )

    @dg.asset(
        key=names.key(CHAMPION_MODEL),
        io_manager_key=names.champion_store,
        required_resource_keys={REGISTRY, names.journal, names.run_lock, *trackers},
        pool=names.pool,
        group_name=names.group,
        kinds={"mlflow", "json"},
        code_version="1",
    )
    @redact_errors
    @report_progress(names.key(CHAMPION_MODEL))
    def champion_model(
        context: dg.AssetExecutionContext, config: ChampionConfig
    ) -> dg.MaterializeResult[ModelReference]:
        """The model version that this run uses: what the alias points at, resolved once and pinned.

        One JSON document: name, version, SHA-256 of the files, flavors, MLflow run, source; never the model itself.
        Everything downstream uses this version, also when the alias moves meanwhile. To score with another alias or
        version, set it in the Launchpad. `journal` lists the alias's moves. A known version whose files have changed
        stops the run (DigestMismatchError).
        """
        mlflow_registry: MlflowRegistry = getattr(context.resources, REGISTRY)
        chosen = config.version if config.version is not None else (config.alias or "")
        with retry_when_unreachable(context.retry_number):
            reference = mlflow_registry.pin(names.model, chosen, policy)
        context.log.info(
            f"{names.model} {chosen!r} is version {reference.version}, digest {reference.digest[:DIGEST_SHOWN]}"
        )
        journal: Journal = getattr(context.resources, names.journal).open()
        journal.note(reference.alias, reference.version, reference.digest, "run", accept=config.accept_digest)
        metadata: dict[str, Any] = {
            "pinned": pinned_model(reference.name, reference.version, reference.digest),
            "model": reference.name,
            "version": reference.version,
            "alias": reference.alias or "(none: a version was asked for)",
            "digest": reference.digest,
            "flavors": ", ".join(reference.flavors),
            "source": reference.source,
            "mlflow_run_id": reference.run_id or "(none)",
            "journal": table_metadata([entry.to_row() for entry in journal.entries()[: -SHOWN - 1 : -1]], COLUMNS),
        }
        if reference.registered is not None:
            metadata[REGISTERED] = dg.MetadataValue.timestamp(reference.registered / 1000)
        page = mlflow_registry.page(reference)
        if page:
            metadata["mlflow_page"] = dg.MetadataValue.url(page)
        if tracked:
            tracking: MlflowTracking = getattr(context.resources, names.tracking)
            tags = {"mlops_assets.version": str(reference.version), "mlops_assets.digest": reference.digest}
            run = tracking.begin(mlflow_registry, context.run, tags, context.log)
            metadata |= run.metadata() if run else {}
        return dg.MaterializeResult(value=reference, metadata=metadata, data_version=dg.DataVersion(reference.digest))

    return champion_model
