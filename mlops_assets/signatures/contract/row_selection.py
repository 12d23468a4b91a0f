"""Picking rows of a record batch, whatever its types."""

import numpy as np
import pyarrow as pa

from mlops_assets.signatures.contract.rejection_reasons import Mask


def select_rows(batch: pa.RecordBatch, rows: Mask) -> pa.RecordBatch:
    """The rows of `batch` where `rows` is true, in their order and with their types."""
    keep = pa.array(rows)
    return pa.RecordBatch.from_arrays(
        [_select_rows(column, keep, rows) for column in batch.columns], schema=batch.schema
    )


def _select_rows(column: pa.Array, keep: pa.Array, rows: Mask) -> pa.Array:
    try:
        return column.filter(keep)
    except pa.ArrowNotImplementedError:
        # Arrow 25 cannot filter string views (what polars gives) and run-end-encoded arrays, but it can join slices.
        edges = np.flatnonzero(np.diff(rows.astype(np.int8), prepend=0, append=0))
        runs = [column.slice(start, end - start) for start, end in zip(edges[::2], edges[1::2], strict=True)]
        return pa.concat_arrays(runs) if runs else column.slice(0, 0)
