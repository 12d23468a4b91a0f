"""The explanation report of a run: one HTML file beside the tables."""

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.batching import first_rows
from mlops_assets.arrow.views import rows_of
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
        The rows that were explained, where they are still published: they give the plots their colours.
    """
    from mlops_assets.explain.report.contents import collect_contents
    from mlops_assets.explain.report.report import report_html

    contents = collect_contents(ledger, summary, inputs, *_rejected(tables))
    place = tables.place(REPORT)
    place.write_text_atomically(report_html(contents))
    return place


def _rejected(tables: TableIOManager) -> tuple[pa.Table | None, int]:
    if not tables.exists("rejected_samples"):
        return None, 0
    dataset = tables.read("rejected_samples")
    return pa.Table.from_batches(first_rows(rows_of(dataset), REJECTED_SHOWN), dataset.schema), dataset.count_rows()
