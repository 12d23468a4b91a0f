"""Try a candidate on a sample of the inputs, beside the champion."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from mlops_assets.errors import ContractError, MlopsAssetsError, RegistryUnreachableError
from mlops_assets.explain.compare.changes import ExplanationDiff
from mlops_assets.explain.compare.two_versions import ExplainedVersion, compare_explanations
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.explain.explainers.setup import prepare_explainer
from mlops_assets.models.loaded_model import LoadedModel, PredictMethod
from mlops_assets.models.reference import ModelReference
from mlops_assets.scoring.params import validate_params
from mlops_assets.scoring.predict import Scorer
from mlops_assets.signatures.compatibility.compatibility import Mode, check
from mlops_assets.signatures.contract.contract import Contract, Policy
from mlops_assets.signatures.mlflow.model_input import to_model_input
from mlops_assets.validation.shift import prediction_shift
from mlops_assets.validation.verdict import Finding, Verdict

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

_Answer = TypeVar("_Answer")
_Comparison = tuple[int, dict[str, dict[str, float]], ExplanationDiff | None]
_PROBE_ROWS = 8


@dataclass(frozen=True)
class Trial:
    """What a candidate is tried on and judged by.

    Attributes
    ----------
    load
        A pinned version -> the model, under the trust policy.
    rows
        Some rows of the inputs, as they are.
    row_key
        The columns that identify a row.
    policy
        How strict the contract is.
    mode
        The compatibility that is asked for.
    history
        (label, signature) of the champions so far, oldest first.
    params, method
        How predictions are made.
    explain
        How explanations are made.
    """

    load: Callable[[ModelReference], LoadedModel]
    rows: pa.Table
    row_key: tuple[str, ...]
    policy: Policy = field(default_factory=Policy)
    mode: Mode = Mode.FULL
    history: "Sequence[tuple[str, ModelSignature | None]]" = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    method: PredictMethod = "predict"
    explain: ExplainConfig = field(default_factory=ExplainConfig)


@dataclass
class _Asked:
    """The questions asked so far."""

    findings: list[Finding] = field(default_factory=list)

    def tell(self, name: str, passed: bool | None, detail: str) -> None:
        self.findings.append(Finding(name, passed, " ".join(detail.split())))

    def attempt(self, name: str, ask: Callable[[], _Answer], detail: str, fault: bool | None = False) -> _Answer | None:
        """The answer, or None and a finding that says why not; `fault` is what a failure says of the candidate."""
        try:
            answer = ask()
        except RegistryUnreachableError:
            raise
        except MlopsAssetsError as error:
            self.tell(name, fault, str(error))
            return None
        except Exception as error:  # noqa: BLE001 - a model is anybody's code
            # Foreign messages may hold values of the data.
            self.tell(name, fault, f"the model raised {type(error).__name__}")
            return None
        self.tell(name, True, detail)
        return answer


def validate(candidate: ModelReference, champion: ModelReference | None, trial: Trial) -> Verdict:
    """Ask the candidate everything that a run would ask of it; write nothing.

    Its own faults are findings. What is not its fault is none: where the champion cannot be asked, the comparisons are
    left out, and a finding says so.

    Raises
    ------
    RegistryUnreachableError
        Nothing can be said; try again.
    """
    asked = _Asked()
    model = asked.attempt("loads", lambda: trial.load(candidate), "under the trust policy")
    signature = model.signature if model else None
    if model is not None:
        asked.tell("signature", signature is not None, "recorded with the version" if signature else "it carries none")
    if model is None or signature is None:
        return Verdict(candidate.version, candidate.digest, _number(champion), tuple(asked.findings))
    _judge_signature(asked, signature, trial)
    rows = asked.attempt("conforms", lambda: _conformed(signature, trial.rows, trial), _share(trial.rows))
    scored = explained = None
    if rows is not None:
        scored = asked.attempt("predicts", lambda: _predictions(model, signature, rows, trial), f"{rows.num_rows} rows")
        explained = asked.attempt("explains", lambda: _probe(model, signature, rows, trial), "by the explainer it gets")
    if rows is None or scored is None:
        return Verdict(candidate.version, candidate.digest, _number(champion), tuple(asked.findings))
    compared: _Comparison = (0, {}, None)
    if champion is not None and champion.version != candidate.version:
        answer = asked.attempt(
            "compared",
            lambda: _beside(champion, model, signature, rows, scored, trial, explained is not None),
            f"with version {champion.version}",
            fault=None,
        )
        compared = answer or compared
    shared, shift, diff = compared
    return Verdict(
        candidate.version,
        candidate.digest,
        _number(champion),
        tuple(asked.findings),
        rows.num_rows,
        shared,
        shift,
        diff,
    )


def _number(reference: ModelReference | None) -> int | None:
    return reference.version if reference else None


def _share(rows: pa.Table) -> str:
    return f"rows of a sample of {rows.num_rows}"


def _judge_signature(asked: _Asked, signature: "ModelSignature", trial: Trial) -> None:
    verdict = check(trial.history, signature, trial.mode)
    against = ", ".join(verdict.differences) or "no earlier champion"
    forbidden = "; ".join(str(difference) for _, difference in verdict.forbidden[:5])
    told = forbidden or f"with {against}"
    asked.tell("compatible", verdict.compatible, f"{told} (mode {trial.mode.value})")


def _conformed(signature: "ModelSignature", rows: pa.Table, trial: Trial) -> pa.Table:
    contract = Contract(signature.inputs, rows.schema, trial.row_key, trial.policy, where="the sample of the inputs")
    accepted = [contract.apply(batch).accepted for batch in rows.to_batches()]
    table = pa.Table.from_batches(accepted, contract.accepted_schema)
    if rows.num_rows and not table.num_rows:
        raise ContractError(f"The contract refuses every one of {rows.num_rows} rows", where="the sample of the inputs")
    return table


def _predictions(model: LoadedModel, signature: "ModelSignature", rows: pa.Table, trial: Trial) -> pa.Table:
    params = validate_params(trial.params, signature.params, where=model.reference.uri)
    scorer = Scorer(
        model,
        lambda batch: to_model_input(batch, signature.inputs, trial.row_key),
        trial.row_key,
        signature.outputs,
        params,
        trial.method,
    )
    return scorer.stream(rows.to_batches(), rows.schema).read_all()


def _probe(model: LoadedModel, signature: "ModelSignature", rows: pa.Table, trial: Trial) -> bool:
    """Explain a few rows, as a run would explain them all."""
    prepared = prepare_explainer(model, signature.inputs, trial.row_key, rows, trial.explain)
    prepared.explainer.explain(prepared.to_frame(rows.slice(0, _PROBE_ROWS).combine_chunks()))
    return True


def _beside(
    champion: ModelReference,
    model: LoadedModel,
    signature: "ModelSignature",
    rows: pa.Table,
    scored: pa.Table,
    trial: Trial,
    explained: bool,
) -> _Comparison:
    """The candidate beside the champion, on the rows that both accept."""
    other = trial.load(champion)
    if other.signature is None:
        raise ContractError(f"Version {champion.version}, the champion, has no recorded signature to compare by")
    theirs = _conformed(other.signature, trial.rows, trial)
    kept = _keys(rows, trial) & _keys(theirs, trial)
    mine, theirs = _only(rows, kept, trial), _only(theirs, kept, trial)
    outputs = [name for name in scored.schema.names if name not in (*trial.row_key, "model_version", "model_digest")]
    shift = prediction_shift(_predictions(other, other.signature, theirs, trial), _only(scored, kept, trial), outputs)
    diff = None
    if explained and kept:
        old, new = ExplainedVersion(other, other.signature.inputs), ExplainedVersion(model, signature.inputs)
        diff = compare_explanations(old, new, mine, trial.row_key, trial.explain)
    return len(kept), shift, diff


def _keys(rows: pa.Table, trial: Trial) -> set[tuple[Any, ...]]:
    return set(zip(*(rows.column(name).to_pylist() for name in trial.row_key), strict=True))


def _only(rows: pa.Table, kept: set[tuple[Any, ...]], trial: Trial) -> pa.Table:
    keys = zip(*(rows.column(name).to_pylist() for name in trial.row_key), strict=True)
    return rows.filter(pa.array([key in kept for key in keys], pa.bool_()))
