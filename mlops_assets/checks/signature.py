"""The check of the signature against those of earlier champions."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.checks.failures import end_with_reasons
from mlops_assets.errors import ArtifactsMissingError, VersionNotFoundError
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.journal.journal import Journal, champion_versions
from mlops_assets.metadata import (
    DIFFERENCE_COLUMNS,
    MOST_TEXT,
    list_names,
    quote_markdown,
    shorten_text,
    table_metadata,
)
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.signature_of_version import signature_of_version
from mlops_assets.naming import CHAMPION_MODEL, MODEL_SIGNATURE, REGISTRY, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.settings.groups import ContractSettings

if TYPE_CHECKING:
    from mlflow.models import ModelSignature


def signature_checks(names: ModelNames, contract: ContractSettings) -> dg.AssetChecksDefinition:
    """`compatible` (blocking): inputs, params and outputs keep what the configured mode promises."""
    key = names.key(MODEL_SIGNATURE)

    @dg.asset_check(  # type: ignore[arg-type]  # Dagster runs generators as well; its annotation names one result.
        asset=key,
        name="compatible",
        blocking=True,
        additional_ins={CHAMPION_MODEL: dg.AssetIn(key=names.key(CHAMPION_MODEL))},
        required_resource_keys={REGISTRY, names.journal, names.run_lock},
        description="Compares the signature with that of the champion before it, or of all earlier ones in a "
        "_TRANSITIVE mode: it keeps what contract.compatibility promises. If it fails: move the alias back, or lower "
        "contract.compatibility.",
    )
    @redact_errors
    @report_progress()
    @end_with_reasons
    def compatible(
        context: dg.AssetCheckExecutionContext, model_signature: str, champion_model: ModelReference
    ) -> Iterator[dg.AssetCheckResult]:
        from mlops_assets.signatures.compatibility.compatibility import CompatibilityMode, check_compatibility
        from mlops_assets.signatures.mlflow.signature_json import signature_from_json

        mode = CompatibilityMode.of(contract.compatibility)
        journal: Journal = getattr(context.resources, names.journal).open()
        registry: MlflowRegistry = getattr(context.resources, REGISTRY)
        earlier = champion_versions(journal, names.model, champion_model.alias or "")
        history: list[tuple[str, ModelSignature | None]] = []
        gone: list[int] = []
        for version in reversed([number for number in earlier if number != champion_model.version]):
            try:
                signature = signature_of_version(registry.address(), names.model, version)
            except (VersionNotFoundError, ArtifactsMissingError):
                gone.append(version)
                continue
            if signature is not None:
                history.insert(0, (f"version {version}", signature))
                if not mode.transitive:
                    break
        verdict = check_compatibility(history, signature_from_json(model_signature), mode)
        yield dg.AssetCheckResult(
            passed=verdict.compatible,
            description=_describe(mode.value, list(verdict.differences), gone)
            if verdict.compatible
            else quote_markdown(
                f"{shorten_text(verdict.report(f'version {champion_model.version}'), MOST_TEXT // 2)}\n{_INCOMPATIBLE}"
            ),
            metadata={
                "mode": mode.value,
                "compared_with": list_names(verdict.differences, none="(no earlier champion with a signature)"),
                "no_longer_in_the_registry": list_names(gone, none="(none)"),
                "differences": table_metadata(verdict.rows(), DIFFERENCE_COLUMNS),
            },
        )

    return compatible


_INCOMPATIBLE = (
    "Move the alias back, log the model with a signature that keeps what the earlier one promises, or, where the "
    "change is meant, lower contract.compatibility"
)


def _describe(mode: str, compared: list[str], gone: list[int]) -> str:
    lost = f"; no longer in the registry: {list_names(gone)}" if gone else ""
    if not compared:
        return f"Not compared: there is no earlier champion with a signature{lost}"
    return f"{mode}: compatible with the signature of {list_names(compared)}{lost}"
