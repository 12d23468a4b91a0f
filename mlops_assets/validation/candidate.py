"""Try a candidate on a sample of the inputs, beside the champion."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from mlops_assets.arrow.row_keys import named_rows, rows_in_errors
from mlops_assets.errors import ContractError, MlopsAssetsError, RegistryUnreachableError
from mlops_assets.explain.compare.change_rules import ChangeRules
from mlops_assets.explain.compare.change_summary import ChangeSummary
from mlops_assets.explain.compare.changes import ExplanationDiff
from mlops_assets.explain.compare.diff import compare_ledgers
from mlops_assets.explain.compare.two_versions import (
    ExplainedRows,
    ExplainedVersion,
    explain_versions,
    summarize_changes,
)
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.explain.explainers.setup import prepare_for_rows
from mlops_assets.models.loaded_model import LoadedModel, PredictMethod
from mlops_assets.models.reference import ModelReference
from mlops_assets.scoring.params import validate_params
from mlops_assets.scoring.predict import Scorer
from mlops_assets.scoring.prediction_columns import model_output_columns
from mlops_assets.signatures.compatibility.compatibility import CompatibilityMode, check_compatibility
from mlops_assets.signatures.contract.contract import Contract, ContractPolicy
from mlops_assets.signatures.mlflow.model_input import to_model_input
from mlops_assets.validation.known_outcomes import KnownOutcomes, judge_on_outcomes
from mlops_assets.validation.shift import measure_shift
from mlops_assets.validation.verdict import CandidateVerdict, Finding

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

_Answer = TypeVar("_Answer")
_EXPLAINED_ROWS = 8


@dataclass(frozen=True)
class Trial:
    """What a candidate is tried on and judged by.

    Attributes
    ----------
    load
        A pinned version -> the model, under the trust policy.
    rows
        A sample of the inputs, unchanged.
    row_key
        The columns that identify a row.
    policy
        How strict the contract is.
    mode
        The compatibility that is required.
    history
        (label, signature) of the champions so far, oldest first.
    params, method
        How predictions are made.
    explain
        How explanations are made.
    known
        Outcomes of the sample; None: the settings name none.
    show_values
        Whether findings name the first row keys where a model fails.
    changes
        What may change, and how it is counted; None: that is not asked.
    """

    load: Callable[[ModelReference], LoadedModel]
    rows: pa.Table
    row_key: tuple[str, ...]
    policy: ContractPolicy = field(default_factory=ContractPolicy)
    mode: CompatibilityMode = CompatibilityMode.FULL
    history: "Sequence[tuple[str, ModelSignature | None]]" = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    method: PredictMethod = "predict"
    explain: ExplainConfig = field(default_factory=ExplainConfig)
    known: KnownOutcomes | None = None
    show_values: bool = False
    changes: ChangeRules | None = None


@dataclass(frozen=True)
class _Scored:
    """The candidate, the rows that it accepts, and its predictions for them."""

    model: LoadedModel
    signature: "ModelSignature"
    rows: pa.Table
    predictions: pa.Table


@dataclass(frozen=True)
class _Comparison:
    """The candidate beside the champion; see `CandidateVerdict`.

    `explained`: the rows that are `compared`, by the champion and by the candidate.
    """

    rows: int = 0
    predictions: tuple[pa.Table, pa.Table] | None = None
    shift: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    explanations: ExplanationDiff | None = None
    explained: tuple[ExplainedRows, ExplainedRows] | None = None
    compared: pa.Table | None = None


class Progress:
    """Hears of each question before it is asked, and of each finding; this one does nothing with it."""

    def ask(self, name: str) -> None:
        """`name` is asked next, which may be the last that is heard of this process."""

    def find(self, finding: Finding) -> None:
        """It was answered."""


@dataclass
class _Questions:
    """The questions asked so far."""

    progress: Progress
    show_values: bool
    findings: list[Finding] = field(default_factory=list)

    def record(self, name: str, passed: bool | None, detail: str) -> None:
        self.findings.append(Finding(name, passed, " ".join(detail.split())))
        self.progress.find(self.findings[-1])

    def ask(
        self, name: str, answer: Callable[[], _Answer], detail: str, passed_on_error: bool | None = False
    ) -> _Answer | None:
        """What `answer()` returns; None where it fails. Either is recorded, an error as `passed_on_error`."""
        self.progress.ask(name)
        try:
            with named_rows(show_values=self.show_values):
                value = answer()
        except RegistryUnreachableError:
            raise
        except MlopsAssetsError as error:
            self.record(name, passed_on_error, str(error))
            return None
        except Exception as error:  # noqa: BLE001 - a model is anybody's code
            # Messages of other people's code may hold values of the data.
            self.record(name, passed_on_error, f"the model raised {type(error).__name__}")
            return None
        self.record(name, True, detail)
        return value


def validate_candidate(
    candidate: ModelReference, champion: ModelReference | None, trial: Trial, progress: Progress | None = None
) -> CandidateVerdict:
    """Try on the candidate everything that a run would do with it; write nothing.

    Findings say what the candidate fails. A failure of the champion does not count against the candidate: then the two
    are not compared, and a finding says why.

    Raises
    ------
    RegistryUnreachableError
        There is no verdict; try again.
    """
    questions = _Questions(progress or Progress(), trial.show_values)

    def verdict(
        rows: int = 0, comparison: _Comparison | None = None, changes: ChangeSummary | None = None
    ) -> CandidateVerdict:
        comparison = comparison or _Comparison()
        return CandidateVerdict(
            version=candidate.version,
            digest=candidate.digest,
            champion=champion.version if champion else None,
            findings=tuple(questions.findings),
            rows=rows,
            compared_rows=comparison.rows,
            shift=comparison.shift,
            explanations=comparison.explanations,
            changes=changes,
        )

    model = questions.ask("loads", lambda: trial.load(candidate), "under the trust policy")
    if model is None:
        return verdict()
    signature = model.signature
    questions.record(
        "signature", signature is not None, "recorded with the version" if signature else "it carries none"
    )
    if signature is None:
        return verdict()
    _judge_signature(questions, signature, trial)
    sample = f"rows of a sample of {trial.rows.num_rows}"
    rows = questions.ask("conforms", lambda: _apply_contract(signature, trial), sample)
    if rows is None:
        return verdict()
    predictions = questions.ask("predicts", lambda: _predict(model, signature, rows, trial), f"{rows.num_rows} rows")
    explains = questions.ask("explains", lambda: _explain(model, signature, rows, trial), "by the explainer it gets")
    if predictions is None:
        return verdict()
    if champion is None or champion.version == candidate.version:
        return verdict(rows.num_rows)
    accepted = _Scored(model, signature, rows, predictions)
    comparison = questions.ask(
        "compared",
        lambda: _compare_with_champion(champion, accepted, trial, explanations=explains is not None),
        f"with version {champion.version}",
        passed_on_error=None,
    )
    if comparison is not None and comparison.predictions is not None and trial.known is not None:
        _judge_outcomes(questions, comparison.predictions, trial.known, trial)
    return verdict(rows.num_rows, comparison, _judge_changes(questions, comparison, trial))


def _judge_changes(questions: _Questions, comparison: _Comparison | None, trial: Trial) -> ChangeSummary | None:
    """What changes for the rows that both explain, and whether that is within the limits."""
    rules = trial.changes
    if rules is None or comparison is None or comparison.explained is None or comparison.compared is None:
        return None
    (before, after), rows = comparison.explained, comparison.compared
    questions.progress.ask("changes")
    try:
        summary = summarize_changes(before, after, rows, trial.row_key, rules)
    except MlopsAssetsError as error:
        questions.record("changes", None, str(error))
        return None
    beyond = summary.beyond_limits()
    questions.record("changes", not beyond, "; ".join([*beyond, summary.sentence()]))
    return summary


def _judge_outcomes(
    questions: _Questions, predictions: tuple[pa.Table, pa.Table], known: KnownOutcomes, trial: Trial
) -> None:
    """Whether the candidate is right less often than the champion, on rows whose outcome is known."""
    questions.progress.ask("performs")
    try:
        passed, detail = judge_on_outcomes(known, *predictions, trial.row_key)
    except MlopsAssetsError as error:
        # Outcomes that cannot be read are no fault of the candidate's.
        passed, detail = None, str(error)
    questions.record("performs", passed, detail)


def _judge_signature(questions: _Questions, signature: "ModelSignature", trial: Trial) -> None:
    verdict = check_compatibility(trial.history, signature, trial.mode)
    compared_with = ", ".join(verdict.differences) or "no earlier champion"
    forbidden = "; ".join(str(difference) for _, difference in verdict.forbidden[:5])
    detail = forbidden or f"with {compared_with}"
    questions.record("compatible", verdict.compatible, f"{detail} (mode {trial.mode.value})")


def _apply_contract(signature: "ModelSignature", trial: Trial) -> pa.Table:
    """The rows of the sample that a model of this signature accepts."""
    rows, where = trial.rows, "the sample of the inputs"
    contract = Contract(signature.inputs, rows.schema, trial.row_key, trial.policy, where=where)
    accepted = [contract.apply(batch).accepted for batch in rows.to_batches()]
    table = pa.Table.from_batches(accepted, contract.accepted_schema)
    if rows.num_rows and not table.num_rows:
        raise ContractError(f"The contract refuses every one of {rows.num_rows} rows", where=where)
    return table


def _predict(model: LoadedModel, signature: "ModelSignature", rows: pa.Table, trial: Trial) -> pa.Table:
    params = validate_params(trial.params, signature.params, where=model.reference.uri)
    scorer = Scorer(
        model,
        lambda batch: to_model_input(batch, signature.inputs, trial.row_key),
        trial.row_key,
        signature.outputs,
        params,
        trial.method,
    )
    return scorer.score_stream(rows.to_batches(), rows.schema).read_all()


def _explain(model: LoadedModel, signature: "ModelSignature", rows: pa.Table, trial: Trial) -> bool:
    """Explain a few rows, as a run would explain all of them."""
    prepared = prepare_for_rows(model, signature.inputs, trial.row_key, rows, trial.explain)
    some = rows.slice(0, _EXPLAINED_ROWS).combine_chunks()
    with rows_in_errors(some, trial.row_key):
        prepared.explainer.explain(prepared.to_frame(some))
    return True


def _compare_with_champion(
    champion: ModelReference, candidate: _Scored, trial: Trial, explanations: bool
) -> _Comparison:
    """Compare the candidate with the champion on the rows that both accept."""
    model = trial.load(champion)
    signature = model.signature
    if signature is None:
        raise ContractError(f"Version {champion.version}, the champion, has no recorded signature to compare by")
    accepted = _apply_contract(signature, trial)
    keys = _row_keys(candidate.rows, trial) & _row_keys(accepted, trial)
    predictions = _predict(model, signature, _select(accepted, keys, trial), trial)
    outputs = model_output_columns(candidate.predictions.schema, trial.row_key)
    of_candidate = _select(candidate.predictions, keys, trial)
    shift, both = measure_shift(predictions, of_candidate, outputs), (predictions, of_candidate)
    if not explanations or not keys:
        return _Comparison(len(keys), both, shift)
    old, new = ExplainedVersion(model, signature.inputs), ExplainedVersion(candidate.model, candidate.signature.inputs)
    rows, of_old = (_select(each, keys, trial) for each in (candidate.rows, accepted))
    explained = explain_versions(old, new, rows, trial.row_key, trial.explain, of_old)
    diff = compare_ledgers(explained[0].ledger, explained[1].ledger, trial.row_key)
    return _Comparison(len(keys), both, shift, diff, explained, rows)


def _row_keys(rows: pa.Table, trial: Trial) -> set[tuple[Any, ...]]:
    return set(zip(*(rows.column(name).to_pylist() for name in trial.row_key), strict=True))


def _select(rows: pa.Table, keys: set[tuple[Any, ...]], trial: Trial) -> pa.Table:
    """The rows with these keys."""
    row_keys = zip(*(rows.column(name).to_pylist() for name in trial.row_key), strict=True)
    return rows.filter(pa.array([key in keys for key in row_keys], pa.bool_()))
