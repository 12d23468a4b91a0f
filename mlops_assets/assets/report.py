"""The explanation report of a run: one HTML file beside the tables."""

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.batching import first_rows
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.residuals import judge_residuals
from mlops_assets.io_managers.tables import TableIOManager
from mlops_assets.naming import REPORT
from mlops_assets.storage.location import Location

if TYPE_CHECKING:
    from mlops_assets.explain.ledger.summary import LedgerSummary

REJECTED_SHOWN = 50


def publish_report(
    tables: TableIOManager, ledger: ds.Dataset, summary: "LedgerSummary", inputs: ds.Dataset | None
) -> Location:
    """Write the report, replacing an earlier one whole; returns its place.

    Parameters
    ----------
    inputs
        The rows that were explained, where they are still there: they give the plots their colours.
    """
    from mlops_assets.explain.report.report import ReportContents, report_html

    source = Provenance.of(ledger.schema)
    origin = LedgerProvenance.of(source)
    rejected, count = _rejected(tables)
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
        rejected=rejected,
        rejected_count=count,
        **_rows(ledger, summary, inputs, source),
    )
    place = tables.place(REPORT)
    place.write_text_atomically(report_html(contents))
    return place


def _rows(
    ledger: ds.Dataset, summary: "LedgerSummary", inputs: ds.Dataset | None, source: Provenance
) -> dict[str, Any]:
    from mlops_assets.explain.ledger.summary import matching_rows
    from mlops_assets.explain.report.notable_rows import notable_rows

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


def _rejected(tables: TableIOManager) -> tuple[pa.Table | None, int]:
    if not tables.exists("rejected_samples"):
        return None, 0
    dataset = tables.read("rejected_samples")
    return pa.Table.from_batches(first_rows(rows_of(dataset), REJECTED_SHOWN), dataset.schema), dataset.count_rows()
