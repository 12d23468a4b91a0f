"""How far the predictions of two versions lie apart on the same rows."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt


def prediction_shift(old: pa.Table, new: pa.Table, columns: Sequence[str]) -> dict[str, dict[str, float]]:
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
    shared = [name for name in columns if name in old.schema.names and name in new.schema.names]
    return {name: _shift(old.column(name), new.column(name)) for name in shared}


def _shift(old: pa.ChunkedArray, new: pa.ChunkedArray) -> dict[str, float]:
    if not len(old):
        return {}
    if not (_numeric(old.type) and _numeric(new.type)):
        different = [one != other for one, other in zip(old.to_pylist(), new.to_pylist(), strict=True)]
        return {"changed": float(np.mean(different))}
    before, after = (pc.cast(column, pa.float64(), safe=False).to_numpy() for column in (old, new))
    both = np.isfinite(before) & np.isfinite(after)
    equal = (before == after) | (np.isnan(before) & np.isnan(after))
    told = {"changed": float(1 - equal.mean())}
    if both.any():
        change = after[both] - before[both]
        told |= {
            "mean_abs_change": float(np.abs(change).mean()),
            "max_abs_change": float(np.abs(change).max()),
            "mean_change": float(change.mean()),
        }
        if before[both].std() > 0 and after[both].std() > 0:
            told["correlation"] = float(np.corrcoef(before[both], after[both])[0, 1])
    return told


def _numeric(kind: pa.DataType) -> bool:
    return bool(pt.is_integer(kind) or pt.is_floating(kind) or pt.is_boolean(kind))
