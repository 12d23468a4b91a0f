"""The job that validates a version away from the published tables."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa
from pydantic import Field

from mlops_assets.arrow.batching import first_rows
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.errors import (
    AliasNotFoundError,
    ArtifactsMissingError,
    RegistryError,
    RegistryUnreachableError,
    TrustError,
    VersionNotFoundError,
)
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.family import Family
from mlops_assets.io_managers.champion import ChampionIOManager
from mlops_assets.io_managers.tables import TableIOManager
from mlops_assets.metadata import flat_floats, plain_text, table
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.signature_of_version import recorded_signature
from mlops_assets.naming import NOTIFIER, REGISTRY
from mlops_assets.resources.binding import initialized
from mlops_assets.resources.journal import ChampionJournal
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.retries import retried_when_unreachable
from mlops_assets.sensors.notifications import deliver

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

    from mlops_assets.models.trust import TrustPolicy
    from mlops_assets.validation.candidate import Trial
    from mlops_assets.validation.verdict import Verdict

FINDING_COLUMNS = {"asked": "string", "answer": "string", "detail": "string"}
FEATURE_COLUMNS = {
    "output": "string",
    "feature": "string",
    "old_mean_abs": "float",
    "new_mean_abs": "float",
    "rank_change": "int",
}
SHIFT_COLUMNS = {"output": "string", "measure": "string", "value": "float"}
ANSWERS = {True: "yes", False: "no", None: "not asked"}


def validation_job(family: Family, resources: Mapping[str, dg.ResourceDefinition]) -> dg.JobDefinition:
    """`<model>_validation_job`: tries a version beside the champion and writes the verdict to the version's tags.

    Reads the inputs, the registry and the journal; of the published tables it changes none. A version that fails is a
    run that succeeds: the verdict is its result, told to the notifier. The run fails where nothing could be found out.
    """

    class ValidationConfig(dg.Config):
        """Which version is validated, and on how much."""

        version: int = Field(description="The version.", gt=0)
        rows: int = Field(default=1000, description="Rows of the inputs to try it on, at most.", gt=0)

    needed = {family.champion_store, family.loader, family.journal, *(family.readers or (family.tables,))}

    @dg.op(
        name=f"{family.slug}__validate",
        required_resource_keys={REGISTRY, NOTIFIER},
        description="Loads, signature, compatible, conforms, predicts, explains; shift and diff beside the champion.",
        out=dg.Out(dg.Nothing),
    )
    def validate_version(context: dg.OpExecutionContext, config: ValidationConfig) -> None:
        from mlops_assets.validation.candidate import validate
        from mlops_assets.validation.verdict import TAG, Finding, Verdict

        registry: MlflowRegistry = getattr(context.resources, REGISTRY)
        trust = family.settings.trust.policy().without_tag(TAG)
        with retried_when_unreachable(context.retry_number):
            try:
                candidate = registry.pin(family.model, config.version, trust)
            except (TrustError, ArtifactsMissingError) as error:
                verdict = Verdict(config.version, None, None, (Finding("loads", False, str(error)),))
            else:
                champion = _champion(registry, family, trust)
                with initialized(context, resources, needed) as own:
                    verdict = validate(candidate, champion, _trial(own, family, candidate, champion, config.rows))
            _write_tags(registry, family.model, verdict)
        title = f"{family.model}: version {verdict.version} {'passed' if verdict.passed else 'failed'} validation"
        context.log.info(f"{title}: {verdict.reasons}")
        context.add_output_metadata(report(verdict))
        deliver(getattr(context.resources, NOTIFIER), title, verdict.reasons, context.log)

    @dg.job(
        name=family.validation_job,
        executor_def=dg.in_process_executor,
        description=f"Validate a version of {family.model} without touching the published tables.",
        tags={"mlops_assets/model": family.slug},
    )
    def job() -> None:
        validate_version()

    return job


def report(verdict: "Verdict") -> dict[str, Any]:
    """The candidate report as metadata: the verdict, each finding, the shift of the predictions, the explanations."""
    told: dict[str, Any] = {
        "version": verdict.version,
        "passed": verdict.passed,
        "reasons": plain_text(verdict.reasons),
        "champion": verdict.champion or "(none)",
        "rows": verdict.rows,
        "rows_compared": verdict.compared_rows,
        "findings": table(
            [
                {"asked": one.name, "answer": ANSWERS[one.passed], "detail": plain_text(one.detail)}
                for one in verdict.findings
            ],
            FINDING_COLUMNS,
        ),
    }
    if verdict.shift:
        rows = [
            {"output": plain_text(output), "measure": measure, "value": value}
            for output, measures in verdict.shift.items()
            for measure, value in measures.items()
        ]
        told["prediction_shift"] = table(rows, SHIFT_COLUMNS)
        for measure in ("changed", "mean_abs_change"):
            worst = [measures[measure] for measures in verdict.shift.values() if measure in measures]
            if worst:
                told |= flat_floats({measure: max(worst)}, "shift")
    diff = verdict.explanations
    if diff is not None:
        changes = [
            vars(change) | {"rank_change": change.rank_change} for one in diff.outputs for change in one.features
        ]
        told["explanation_diff"] = table(
            [row | {"feature": plain_text(row["feature"])} for row in changes], FEATURE_COLUMNS
        )
        told |= flat_floats({"lowest_ndcg": diff.lowest_ndcg, "highest_churn": diff.highest_churn}, "explanations")
    return told


def _champion(registry: MlflowRegistry, family: Family, trust: "TrustPolicy") -> ModelReference | None:
    """The champion, pinned; None where the alias points at nothing."""
    try:
        return registry.pin(family.model, family.settings.alias_or_version, trust)
    except (AliasNotFoundError, VersionNotFoundError):
        return None


def _trial(
    resources: Any,
    family: Family,
    candidate: ModelReference,
    champion: ModelReference | None,
    most: int,
) -> "Trial":
    from mlops_assets.signatures.compatibility.compatibility import CompatibilityMode
    from mlops_assets.signatures.contract.contract import Policy
    from mlops_assets.validation.candidate import Trial
    from mlops_assets.validation.verdict import TAG

    settings = family.settings
    trust = settings.trust.policy().without_tag(TAG)
    store: ChampionIOManager = getattr(resources, family.champion_store)
    text_columns: frozenset[str] = frozenset()
    if settings.inputs.is_read:
        inputs = getattr(resources, family.inputs_reader).open()
        batches, schema, row_key, text_columns = inputs.batches(), inputs.schema, inputs.row_key, inputs.text_columns
    else:
        # The inputs are somebody's asset: the rows that the last run accepted stand for them.
        tables: TableIOManager = getattr(resources, family.tables)
        dataset = tables.read("input_samples")
        batches, schema, row_key = rows_of(dataset), dataset.schema, Provenance.of(dataset.schema).row_key
    return Trial(
        load=lambda reference: store.load(reference, trust),
        rows=pa.Table.from_batches(first_rows(batches, most), schema),
        row_key=tuple(row_key),
        policy=Policy(
            missing=settings.contract.missing,
            parse_iso_datetimes=settings.contract.iso_datetimes,
            text_columns=text_columns,
        ),
        mode=CompatibilityMode.of(settings.contract.compatibility),
        history=_history(resources, family, candidate, champion),
        params=settings.predict.params,
        method=settings.predict.method,
        explain=ExplainConfig(
            KIND=settings.explain.KIND,
            seed=settings.explain.seed,
            background_rows=settings.explain.background_rows,
            mode=settings.explain.mode,
        ),
    )


def _history(
    resources: Any, family: Family, candidate: ModelReference, champion: ModelReference | None
) -> "list[tuple[str, ModelSignature | None]]":
    """The champions so far, as the journal knows them, and the present one; without those that are gone."""
    from mlops_assets.journal.journal import versions_ever_champion

    registry: MlflowRegistry = getattr(resources, REGISTRY)
    journal: ChampionJournal = getattr(resources, family.journal)
    alias = family.settings.alias_or_version
    known = versions_ever_champion(journal.open(), family.model, alias) if isinstance(alias, str) else []
    if champion is not None:
        known = [*(version for version in known if version != champion.version), champion.version]
    history: list[tuple[str, ModelSignature | None]] = []
    for version in known:
        if version == candidate.version:
            continue
        try:
            signature = recorded_signature(registry.address(), family.model, version)
        except RegistryUnreachableError:
            raise
        except RegistryError:
            continue
        if signature is not None:
            history.append((f"version {version}", signature))
    return history


def _write_tags(registry: MlflowRegistry, model: str, verdict: "Verdict") -> None:
    address = registry.address()
    with address.talking(f"writing the verdict on {model!r} version {verdict.version}"):
        for name, value in verdict.tags().items():
            address.client.set_model_version_tag(model, str(verdict.version), name, value)
