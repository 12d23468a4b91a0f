"""The job that gates a promotion: whether one version's signature may take another's place."""

from collections.abc import Mapping

import dagster as dg
from pydantic import Field

from mlops_assets.errors import ContractError
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.metadata import DIFFERENCE_COLUMNS, shorten_text, table_metadata
from mlops_assets.models.signature_of_version import compare_versions
from mlops_assets.naming import MODEL_TAG, REGISTRY, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.binding import job_with_defaults
from mlops_assets.resources.liveness import executed_alive
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.settings.groups import ContractSettings


def compatibility_job(
    names: ModelNames,
    alias_or_version: str | int,
    contract: ContractSettings,
    defaults: Mapping[str, dg.ResourceDefinition],
    silent_seconds: float,
) -> dg.JobDefinition:
    """`<model>_compatibility_job`: fails when the new version is not compatible with the old one."""

    class CompatibilityConfig(dg.Config):
        """Which versions are compared."""

        old: str = Field(default=str(alias_or_version), description="Alias or version that is in use.")
        new: str = Field(description="Alias or version that is to take its place.")
        mode: str = Field(
            default=contract.compatibility,
            description="What must be kept: NONE, BACKWARD, FORWARD, FULL, each also with _TRANSITIVE.",
        )

    @dg.op(
        name=f"{names.slug}__compare_signatures",
        required_resource_keys={REGISTRY},
        description="Compares two versions' signatures, reading their MLmodel files alone.",
        out=dg.Out(dg.Nothing),
    )
    @redact_errors
    @executed_alive(names.name, silent_seconds)
    @report_progress()
    def compare_signatures(context: dg.OpExecutionContext, config: CompatibilityConfig) -> None:
        registry: MlflowRegistry = getattr(context.resources, REGISTRY)
        name, verdict = compare_versions(registry.address(), names.model, config.old, config.new, config.mode)
        report = verdict.report(name)
        context.log.info(shorten_text(report))
        context.add_output_metadata(
            {"differences": table_metadata(verdict.rows(), DIFFERENCE_COLUMNS), "mode": verdict.mode.value}
        )
        if not verdict.compatible:
            raise ContractError(
                f"{name} is not compatible with {config.old}: "
                + "; ".join(str(difference) for _, difference in verdict.forbidden),
                where=f"mode {verdict.mode.value}",
                fix="Change the model's signature, or choose another mode",
            )

    return job_with_defaults(
        compare_signatures,
        names.compatibility_job,
        f"Compares the signatures of two versions of {names.model} and fails where the new one may not take the old "
        "one's place. Set `new` in the Launchpad. Run it as the gate of a promotion.",
        defaults,
        tags={MODEL_TAG: names.slug},
    )
