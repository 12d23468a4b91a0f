"""How far the predictions of two versions differ on the same rows."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt


def measure_shift(old: pa.Table, new: pa.Table, columns: Sequence[str]) -> dict[str, dict[str, float]]:
    """Compare two tables of predictions row by row.

    Parameters
    ----------
    old, new
        Predictions of the same rows in the same order.
    columns
        The output columns; those that only one of the tables has are left out.

    Returns
    -------
    Column -> numbers. ``changed``: the share of rows whose value differs. For numbers also ``mean_abs_change``,
    ``max_abs_change``, ``mean_change`` and ``correlation`` (Pearson; left out where a side is constant), over the rows
    where both are finite.
    """
    of_old, of_new = set(old.schema.names), set(new.schema.names)
    shared = [name for name in columns if name in of_old and name in of_new]
    return {name: _measure_column(old.column(name), new.column(name)) for name in shared}


def _measure_column(old: pa.ChunkedArray, new: pa.ChunkedArray) -> dict[str, float]:
    if not len(old):
        return {}
    if not (_is_numeric(old.type) and _is_numeric(new.type)):
        different = [one != other for one, other in zip(old.to_pylist(), new.to_pylist(), strict=True)]
        return {"changed": float(np.mean(different))}
    before, after = (pc.cast(column, pa.float64(), safe=False).to_numpy() for column in (old, new))
    finite = np.isfinite(before) & np.isfinite(after)
    equal = (before == after) | (np.isnan(before) & np.isnan(after))
    measures = {"changed": float(1 - equal.mean())}
    if finite.any():
        change = after[finite] - before[finite]
        measures |= {
            "mean_abs_change": float(np.abs(change).mean()),
            "max_abs_change": float(np.abs(change).max()),
            "mean_change": float(change.mean()),
        }
        if before[finite].std() > 0 and after[finite].std() > 0:
            measures["correlation"] = float(np.corrcoef(before[finite], after[finite])[0, 1])
    return measures


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(pt.is_integer(kind) or pt.is_floating(kind) or pt.is_boolean(kind))
