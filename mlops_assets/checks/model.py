"""Checks of the champion."""

from collections.abc import Iterator

import dagster as dg

from mlops_assets.checks.failures import end_with_reasons
from mlops_assets.errors import MlopsAssetsError
from mlops_assets.io_managers.champion import ChampionIOManager
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.metadata import pinned_model, quote_markdown, shorten_text
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.signature_of_version import signature_in_folder
from mlops_assets.naming import CHAMPION_MODEL, REGISTRY, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.retries import retry_when_unreachable


def champion_checks(names: ModelNames) -> dg.AssetChecksDefinition:
    """`loads` (blocking) and `has_signature` (a warning: the signer makes one)."""
    key = names.key(CHAMPION_MODEL)

    @dg.multi_asset_check(
        name=f"{names.slug}__champion_checks",
        specs=[
            dg.AssetCheckSpec(
                "loads",
                asset=key,
                blocking=True,
                description="Compares the files with the pinned digest, asks the trust policy, and loads the model. If "
                "it fails: the message holds the setting or the pip install that helps.",
            ),
            dg.AssetCheckSpec(
                "has_signature",
                asset=key,
                description="Looks for a signature that was logged with the version. If it fails: log the model with "
                "an input_example, or run the sign job. A warning.",
            ),
        ],
        ins={CHAMPION_MODEL: dg.AssetIn(key=key)},
        required_resource_keys={REGISTRY, names.champion_store, names.run_lock},
    )
    @redact_errors
    @report_progress()
    @end_with_reasons
    def champion_is_usable(
        context: dg.AssetCheckExecutionContext, champion_model: ModelReference
    ) -> Iterator[dg.AssetCheckResult]:
        registry: MlflowRegistry = getattr(context.resources, REGISTRY)
        store: ChampionIOManager = getattr(context.resources, names.champion_store)
        metadata = {
            "model": pinned_model(champion_model.name, champion_model.version, champion_model.digest),
            "digest": champion_model.digest,
            "flavors": ", ".join(champion_model.flavors),
        }
        try:
            with retry_when_unreachable(context.retry_number):
                store.load(champion_model)
            yield dg.AssetCheckResult(
                check_name="loads",
                asset_key=key,
                passed=True,
                description="The files have the pinned digest, the trust policy accepts them, and the model was loaded",
                metadata=metadata,
            )
        except MlopsAssetsError as error:
            failed = dg.AssetCheckResult(
                check_name="loads",
                asset_key=key,
                passed=False,
                description=quote_markdown(str(error)),
                metadata=metadata | {"error": shorten_text(str(error))},
            )
            yield failed
        signature = signature_in_folder(registry.files(champion_model))
        inputs = len(signature.inputs.inputs) if signature and signature.inputs else 0
        recorded = dg.AssetCheckResult(
            check_name="has_signature",
            asset_key=key,
            passed=signature is not None,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"The version carries a signature of {inputs} inputs, which is the contract"
            if signature is not None
            else "The version has no signature: the signer makes one in each run. Log the model with an input_example, "
            "or store one with the model's sign job",
            metadata=metadata,
        )
        yield recorded

    return champion_is_usable
