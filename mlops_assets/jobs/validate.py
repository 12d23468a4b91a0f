"""The job that validates a version away from the published tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa
from pydantic import Field

from mlops_assets.arrow.batching import first_rows
from mlops_assets.arrow.input_table import InputTable
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.assets.changes import describe_changes
from mlops_assets.errors import (
    AliasNotFoundError,
    ModelNotFoundError,
    RegistryError,
    RegistryUnreachableError,
    TableError,
    TrustError,
    VersionNotFoundError,
)
from mlops_assets.io_managers.champion import ChampionIOManager
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.tables import TableIOManager
from mlops_assets.metadata import prefix_floats, shorten_text, strip_markup, table_metadata
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.signature_of_version import signature_of_version
from mlops_assets.naming import INPUT_SAMPLES, MODEL_TAG, NOTIFIER, REGISTRY, ModelNames
from mlops_assets.progress.report import say
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.binding import initialize_resources, job_with_defaults
from mlops_assets.resources.journal import ChampionJournal
from mlops_assets.resources.liveness import executed_alive
from mlops_assets.resources.notifier import deliver
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.retries import retry_when_unreachable
from mlops_assets.settings.explain import ExplainSettings
from mlops_assets.settings.groups import ContractSettings, PredictSettings
from mlops_assets.settings.outcomes import OutcomesSettings
from mlops_assets.settings.tables import InputsSettings
from mlops_assets.settings.trust import TrustSettings

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

    from mlops_assets.models.trust import TrustPolicy
    from mlops_assets.validation.candidate import Trial
    from mlops_assets.validation.known_outcomes import KnownOutcomes
    from mlops_assets.validation.verdict import CandidateVerdict

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


@dataclass(frozen=True)
class ValidationSettings:
    """The settings groups by which a version is tried."""

    inputs: InputsSettings
    trust: TrustSettings
    contract: ContractSettings
    predict: PredictSettings
    explain: ExplainSettings
    outcomes: OutcomesSettings | None = None


def validation_job(
    names: ModelNames,
    alias_or_version: str | int,
    settings: ValidationSettings,
    resources: Mapping[str, dg.ResourceDefinition],
    defaults: Mapping[str, dg.ResourceDefinition],
    silent_seconds: float,
) -> dg.JobDefinition:
    """`<model>_validation_job`: tries a version beside the champion and writes the verdict to the version's tags.

    Reads the inputs, the registry and the journal; of the published tables it changes none. A version that fails is a
    run that succeeds: its result is the verdict, which the notifier reports. It fails where no verdict is possible.
    """

    class ValidationConfig(dg.Config):
        """Which version is validated, and on how much."""

        version: int = Field(description="Number of the registered version to try.", gt=0)
        rows: int = Field(default=1000, description="Rows of the inputs to try it on, at most.", gt=0)
        minutes: float = Field(
            default=60, description="Minutes after which the version has failed, whatever it still does.", gt=0
        )

    needed = {names.champion_store, names.loader, names.journal, *(settings.inputs.readers(names) or (names.tables,))}
    if settings.outcomes is not None and settings.outcomes.is_read:
        needed.add(names.outcomes_reader)

    @dg.op(
        name=f"{names.slug}__validate",
        required_resource_keys={REGISTRY, NOTIFIER},
        description="Asks whether the version loads, has a compatible signature, accepts the inputs, predicts and "
        "explains, and how far its answers are from the champion's.",
        out=dg.Out(dg.Nothing),
    )
    @redact_errors
    @executed_alive(names.name, silent_seconds)
    @report_progress()
    def validate_version(context: dg.OpExecutionContext, config: ValidationConfig) -> None:
        from mlops_assets.validation.in_child import validate_in_child
        from mlops_assets.validation.verdict import TAG, CandidateVerdict, Finding

        registry: MlflowRegistry = getattr(context.resources, REGISTRY)
        trust = settings.trust.policy().without_tag(TAG)
        with retry_when_unreachable(context.retry_number):
            try:
                candidate = registry.pin(names.model, config.version, trust)
            except (ModelNotFoundError, VersionNotFoundError, RegistryUnreachableError):
                # There is nothing to write a verdict on, or nobody to write it to.
                raise
            except (TrustError, RegistryError) as error:
                verdict = CandidateVerdict(config.version, None, None, (Finding("loads", False, str(error)),))
            else:
                champion = _champion(registry, names, alias_or_version, trust)
                with initialize_resources(context, resources, needed) as model_resources:
                    verdict = validate_in_child(
                        candidate,
                        champion,
                        _trial(model_resources, names, alias_or_version, settings, candidate, champion, config.rows),
                        config.minutes * 60,
                    )
            _write_tags(registry, names.model, verdict)
        title = f"{names.model}: version {verdict.version} {'passed' if verdict.passed else 'failed'} validation"
        context.log.info(f"{title}: {shorten_text(verdict.reasons)}")
        context.add_output_metadata(describe_verdict(verdict))
        deliver(getattr(context.resources, NOTIFIER), title, verdict.reasons, context.log)

    return job_with_defaults(
        validate_version,
        names.validation_job,
        f"Tries a version of {names.model} beside the champion and writes the verdict to the version's tags in MLflow; "
        "published tables are not touched. Set `version` in the Launchpad. Run it before you move the alias.",
        defaults,
        tags={MODEL_TAG: names.slug},
    )


def describe_verdict(verdict: "CandidateVerdict") -> dict[str, Any]:
    """The candidate report as metadata: the verdict, each finding, the shift of the predictions, the explanations."""
    metadata: dict[str, Any] = {
        "version": verdict.version,
        "passed": verdict.passed,
        "reasons": shorten_text(strip_markup(verdict.reasons)),
        "champion": verdict.champion or "(none)",
        "rows": verdict.rows,
        "rows_compared": verdict.compared_rows,
        "findings": table_metadata(
            [
                {"asked": finding.name, "answer": ANSWERS[finding.passed], "detail": strip_markup(finding.detail)}
                for finding in verdict.findings
            ],
            FINDING_COLUMNS,
        ),
    }
    if verdict.shift:
        rows = [
            {"output": strip_markup(output), "measure": measure, "value": value}
            for output, measures in verdict.shift.items()
            for measure, value in measures.items()
        ]
        metadata["prediction_shift"] = table_metadata(rows, SHIFT_COLUMNS)
        for measure in ("changed", "mean_abs_change"):
            worst = [measures[measure] for measures in verdict.shift.values() if measure in measures]
            if worst:
                metadata |= prefix_floats({measure: max(worst)}, "shift")
    if verdict.changes is not None:
        metadata |= describe_changes(verdict.changes)
    diff = verdict.explanations
    if diff is not None:
        changes = [
            vars(change) | {"rank_change": change.rank_change} for output in diff.outputs for change in output.features
        ]
        metadata["explanation_diff"] = table_metadata(
            [row | {"feature": strip_markup(row["feature"])} for row in changes], FEATURE_COLUMNS
        )
        metadata |= prefix_floats(
            {"lowest_ndcg": diff.lowest_ndcg, "highest_churn": diff.highest_churn}, "explanations"
        )
    return metadata


def _champion(
    registry: MlflowRegistry, names: ModelNames, alias_or_version: str | int, trust: "TrustPolicy"
) -> ModelReference | None:
    """The champion, pinned; None where the alias points at nothing."""
    try:
        return registry.pin(names.model, alias_or_version, trust)
    except (AliasNotFoundError, VersionNotFoundError):
        return None


def _trial(
    resources: Any,
    names: ModelNames,
    alias_or_version: str | int,
    settings: ValidationSettings,
    candidate: ModelReference,
    champion: ModelReference | None,
    most: int,
) -> "Trial":
    from mlops_assets.signatures.compatibility.compatibility import CompatibilityMode
    from mlops_assets.validation.candidate import Trial
    from mlops_assets.validation.verdict import TAG

    trust = settings.trust.policy().without_tag(TAG)
    store: ChampionIOManager = getattr(resources, names.champion_store)
    text_columns: frozenset[str] = frozenset()
    types: Mapping[str, pa.DataType] = {}
    if settings.inputs.is_read:
        table: InputTable = getattr(resources, names.inputs_reader).open()
        inputs, types = table.raw or table, table.types
        batches, schema, row_key, text_columns = inputs.batches(), inputs.schema, inputs.row_key, inputs.text_columns
    else:
        # The inputs are somebody's asset: the rows that the last run accepted stand for them.
        tables: TableIOManager = getattr(resources, names.tables)
        dataset = tables.read(INPUT_SAMPLES)
        batches, schema, row_key = rows_of(dataset), dataset.schema, Provenance.of(dataset.schema).row_key
    sample = pa.Table.from_batches(first_rows(batches, most), schema)
    return Trial(
        load=store.source(trust).load,
        rows=sample,
        row_key=tuple(row_key),
        policy=settings.contract.policy(text_columns, types),
        mode=CompatibilityMode.of(settings.contract.compatibility),
        history=_history(resources, names, alias_or_version, candidate, champion),
        params=settings.predict.params,
        method=settings.predict.method,
        explain=settings.explain.config(),
        known=_known_outcomes(resources, names, settings, sample, tuple(row_key)),
        show_values=settings.contract.show_values,
        changes=None if settings.explain.changes is None else settings.explain.changes.rules(),
    )


def _known_outcomes(
    resources: Any, names: ModelNames, settings: ValidationSettings, sample: pa.Table, row_key: tuple[str, ...]
) -> "KnownOutcomes | None":
    """The outcomes of the sample, where this package reads them; an asset of one's own is read in the graph alone."""
    from mlops_assets.validation.known_outcomes import KnownOutcomes

    outcomes = settings.outcomes
    if outcomes is None or not outcomes.is_read:
        return None
    try:
        return KnownOutcomes.of_sample(
            getattr(resources, names.outcomes_reader).open(),
            sample,
            row_key,
            outcomes.columns(),
            outcomes.asked(),
            outcomes.watch,
            outcomes.min_rows,
            blocks=outcomes.on_fall == "block",
        )
    except TableError as error:
        # They may be still to come, and are no question of the candidate.
        say(f"The version is not judged by outcomes: {error}")
        return None


def _history(
    resources: Any, names: ModelNames, alias: str | int, candidate: ModelReference, champion: ModelReference | None
) -> "list[tuple[str, ModelSignature | None]]":
    """The champions so far, as the journal knows them, and the present one; without those that are gone."""
    from mlops_assets.journal.journal import champion_versions

    registry: MlflowRegistry = getattr(resources, REGISTRY)
    journal: ChampionJournal = getattr(resources, names.journal)
    known = champion_versions(journal.open(), names.model, alias) if isinstance(alias, str) else []
    if champion is not None:
        known = [*(version for version in known if version != champion.version), champion.version]
    history: list[tuple[str, ModelSignature | None]] = []
    for version in known:
        if version == candidate.version:
            continue
        try:
            signature = signature_of_version(registry.address(), names.model, version)
        except RegistryUnreachableError:
            raise
        except RegistryError:
            continue
        if signature is not None:
            history.append((f"version {version}", signature))
    return history


def _write_tags(registry: MlflowRegistry, model: str, verdict: "CandidateVerdict") -> None:
    address = registry.address()
    with address.translate_errors(f"writing the verdict on {model!r} version {verdict.version}"):
        for name, value in verdict.tags().items():
            address.client.set_model_version_tag(model, str(verdict.version), name, value)
