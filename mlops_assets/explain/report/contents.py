"""From a ledger and the tables beside it to the explanation report."""

from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.batching import first_rows
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.residuals import judge_residuals
from mlops_assets.explain.ledger.summary import LedgerSummary, matching_rows
from mlops_assets.explain.report.notable_rows import notable_rows
from mlops_assets.explain.report.report import ReportContents, report_html

REJECTED_SHOWN = 50


def report_of(
    ledger: ds.Dataset, summary: LedgerSummary, inputs: ds.Dataset | None, rejected: ds.Dataset | None
) -> str:
    """The report as one HTML document.

    Parameters
    ----------
    ledger
        The published sample explanations.
    summary
        Of this ledger.
    inputs
        The rows that were explained, where they are still published: they give the plots their colours.
    rejected
        The rows that the contract refused; None: not known.

    Raises
    ------
    ExplanationError
        `ledger` is no ledger.
    """
    source = Provenance.of(ledger.schema)
    origin = LedgerProvenance.of(source)
    contents = ReportContents(
        title=f"{source.model} {(source.model_uri or '').rpartition('/')[2]}",
        facts={
            "Model": source.model or "",
            "Version": source.model_uri or "",
            "Digest": source.model_digest or "",
            "Explained by": f"{origin.explainer}: {origin.reason}",
            "Rows": origin.selection,
            "Inputs' version": source.inputs_version or "",
        },
        summary=summary,
        space=origin.space,
        row_key=source.row_key,
        residuals=judge_residuals(rows_of(ledger), source.row_key, origin.precision),
        rejected=_first_rows(rejected) if rejected is not None else None,
        rejected_count=rejected.count_rows() if rejected is not None else 0,
        **_rows(ledger, summary, inputs, source),
    )
    return report_html(contents)


def _rows(ledger: ds.Dataset, summary: LedgerSummary, inputs: ds.Dataset | None, source: Provenance) -> dict[str, Any]:
    notable = notable_rows(rows_of(ledger))
    if inputs is None:
        return {"notable": notable}
    keys, features = list(source.row_key), list(summary.features)
    sampled = {}
    for output in summary.outputs:
        sample = summary.sample(output)
        if sample is not None:
            sampled[output] = matching_rows(rows_of(inputs), sample, keys, features)
    wanted = [found.row for rows in notable.values() for found in rows]
    unique = list({tuple(row[name] for name in keys): {name: row[name] for name in keys} for row in wanted}.values())
    if not unique:
        return {"notable": notable, "inputs": sampled}
    key_schema = pa.schema([ledger.schema.field(name) for name in keys])
    found = matching_rows(rows_of(inputs), pa.Table.from_pylist(unique, key_schema), keys, features).to_pylist()
    values = {tuple(key.values()): row for key, row in zip(unique, found, strict=True)}
    return {"notable": notable, "inputs": sampled, "notable_inputs": values}


def _first_rows(rejected: ds.Dataset) -> pa.Table:
    return pa.Table.from_batches(first_rows(rows_of(rejected), REJECTED_SHOWN), rejected.schema)
