"""Two versions of a model on the same rows: how their predictions and their explanations differ."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from mlops_assets.errors import ContractError
from mlops_assets.explain.compare.changes import ExplanationDiff
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


def compare_explanations(
    old: ExplainedVersion,
    new: ExplainedVersion,
    rows: pa.Table,
    row_key: tuple[str, ...],
    config: ExplainConfig,
    top_k: int = 10,
) -> ExplanationDiff:
    """Explain the same rows with both versions, each by the explainer that fits it, and compare the ledgers.

    Parameters
    ----------
    rows
        Rows that conform to the new version's inputs; those of the old one are cast from them, without loss.

    Raises
    ------
    ContractError
        The rows do not conform to the old version's inputs, which the compatibility check reports in detail.
    ExplanationError
        A version cannot be explained, or the two have no output in common.
    """
    return compare_ledgers(
        _ledger(old, conform_rows(rows, old, row_key), row_key, config),
        _ledger(new, rows, row_key, config),
        row_key,
        top_k=top_k,
    )


def conform_rows(rows: pa.Table, version: ExplainedVersion, row_key: tuple[str, ...]) -> pa.Table:
    """Rows of one version as another one takes them, without loss; `ContractError` where it takes others."""
    contract = Contract(version.inputs, rows.schema, row_key, ContractPolicy(missing="allow"), where="input_samples")
    verdicts = [contract.apply(batch) for batch in rows.to_batches()]
    if any(verdict.rejected.num_rows for verdict in verdicts):
        raise ContractError(
            "Rows of the new version do not conform to the old one's inputs", where=version.model.reference.uri
        )
    return pa.Table.from_batches([verdict.accepted for verdict in verdicts], contract.accepted_schema)


def _ledger(
    version: ExplainedVersion, rows: pa.Table, row_key: tuple[str, ...], config: ExplainConfig
) -> Iterator[pa.RecordBatch]:
    prepared = prepare_for_rows(version.model, version.inputs, row_key, rows, config)
    return explain_batches(rows.to_batches(), prepared.explainer, prepared.to_frame, row_key, version.model.reference)
