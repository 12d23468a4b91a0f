"""Two versions of a model on the same rows: how their predictions and their explanations differ."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mlops_assets.errors import ContractError
from mlops_assets.explain.compare.change_rows import change_batches
from mlops_assets.explain.compare.change_rules import ChangeRules
from mlops_assets.explain.compare.change_summary import ChangesOrigin, ChangeSummary, require_columns
from mlops_assets.explain.compare.change_sums import ChangeSums
from mlops_assets.explain.compare.changes import ExplanationDiff
from mlops_assets.explain.compare.comparable import VersionOrigin
from mlops_assets.explain.compare.comparison import Comparison
from mlops_assets.explain.compare.diff import compare_ledgers
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.explain.explainers.setup import prepare_for_rows
from mlops_assets.explain.ledger.ledger import explain_batches
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.signatures.contract.contract import Contract, ContractPolicy

if TYPE_CHECKING:
    from mlflow.types import Schema


@dataclass(frozen=True)
class ExplainedVersion:
    """A loaded version and the signature's inputs that it is explained by."""

    model: LoadedModel
    inputs: "Schema | None"


@dataclass(frozen=True)
class ExplainedRows:
    """The ledger of a few rows, by one version.

    Attributes
    ----------
    origin
        The version, and how it was explained.
    ledger
        One row per row and output.
    """

    origin: VersionOrigin
    ledger: tuple[pa.RecordBatch, ...]


def explain_versions(
    old: ExplainedVersion,
    new: ExplainedVersion,
    rows: pa.Table,
    row_key: tuple[str, ...],
    config: ExplainConfig,
    old_rows: pa.Table | None = None,
) -> tuple[ExplainedRows, ExplainedRows]:
    """Explain the same few rows with both versions, each by the explainer that fits it.

    Parameters
    ----------
    rows
        Rows that conform to the new version's inputs.
    old_rows
        The same rows as the old version takes them; None: they are cast from `rows`, without loss.

    Raises
    ------
    ContractError
        The rows do not conform to the old version's inputs, which the compatibility check reports in detail.
    ExplanationError
        A version cannot be explained.
    """
    conformed = conform_rows(rows, old, row_key) if old_rows is None else old_rows
    return _explain(old, conformed, row_key, config), _explain(new, rows, row_key, config)


def compare_explanations(
    old: ExplainedVersion,
    new: ExplainedVersion,
    rows: pa.Table,
    row_key: tuple[str, ...],
    config: ExplainConfig,
    top_k: int = 10,
) -> ExplanationDiff:
    """Explain the same rows with both versions, and compare the ledgers.

    Parameters, and errors, as of `explain_versions`; also where the two have no output in common.
    """
    before, after = explain_versions(old, new, rows, row_key, config)
    return compare_ledgers(before.ledger, after.ledger, row_key, top_k=top_k)


def summarize_changes(
    before: ExplainedRows, after: ExplainedRows, rows: pa.Table, row_key: tuple[str, ...], rules: ChangeRules
) -> ChangeSummary:
    """What changes in these rows, for whom, and why.

    Parameters
    ----------
    rows
        Those that both explain, in which the segments are found.

    Raises
    ------
    ConfigurationError
        The rows lack a column of the segments.
    ExplanationError
        The versions cannot be compared.
    """
    require_columns(rules.segments, rows.schema.names)
    key = pa.schema([rows.schema.field(name) for name in row_key])
    comparison = Comparison(before.origin, after.origin, "after", key, rules)
    sums = ChangeSums(comparison.features, rules.segments)
    segments, start = rows.select(list(rules.segments)), 0
    for batch in change_batches(comparison, after.ledger, before.ledger):
        count = batch.num_rows // len(comparison.outputs)
        places = np.repeat(np.arange(start, start + count), len(comparison.outputs))
        beside = segments.take(pa.array(places)).combine_chunks() if rules.segments else None
        sums.add(batch, None if beside is None else beside.to_batches()[0])
        start += count
    return ChangeSummary(ChangesOrigin.of_comparison(comparison), sums.facts(), rules.limits)


def conform_rows(rows: pa.Table, version: ExplainedVersion, row_key: tuple[str, ...]) -> pa.Table:
    """Rows of one version as another one takes them, without loss; `ContractError` where it takes others."""
    contract = Contract(version.inputs, rows.schema, row_key, ContractPolicy(missing="allow"), where="input_samples")
    verdicts = [contract.apply(batch) for batch in rows.to_batches()]
    if any(verdict.rejected.num_rows for verdict in verdicts):
        raise ContractError(
            "Rows of the new version do not conform to the old one's inputs", where=version.model.reference.uri
        )
    return pa.Table.from_batches([verdict.accepted for verdict in verdicts], contract.accepted_schema)


def _explain(
    version: ExplainedVersion, rows: pa.Table, row_key: tuple[str, ...], config: ExplainConfig
) -> ExplainedRows:
    prepared = prepare_for_rows(version.model, version.inputs, row_key, rows, config)
    reference = version.model.reference
    ledger = explain_batches(rows.to_batches(), prepared.explainer, prepared.to_frame, row_key, reference)
    return ExplainedRows(VersionOrigin.of_explainer(reference, prepared.explainer, config), tuple(ledger))
