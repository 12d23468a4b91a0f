"""Whether a model's prediction for a row depends on the other rows of its batch: then it depends on the batch size."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.batching import join_batches
from mlops_assets.engines.work import ChunkFunction

LEAST_ROWS, MOST_ROWS = 6, 96
FEW_ROWS = 4
# What another order of summation does to a number; a model that looks at its batch is off by far more.
_RELATIVE = {2: 2e-2, 4: 1e-4, 8: 1e-7}


@dataclass(frozen=True)
class BatchDependence:
    """The result for a sample.

    Attributes
    ----------
    rows
        How many rows were compared; 0: there were too few to compare.
    different
        How many of them got another prediction in a smaller batch.
    """

    rows: int
    different: int


def measure_batch_dependence(score: ChunkFunction, sample: pa.Table) -> BatchDependence:
    """Score the first rows at once, then in thirds from the last to the first, and compare row by row.

    Numbers may differ by rounding: relative to their column's largest by 1e-7 (float64), 1e-4 (float32).

    Parameters
    ----------
    sample
        Accepted rows; at most `MOST_ROWS` of them are used. Fewer than `LEAST_ROWS` are not compared.
    """
    if sample.num_rows < LEAST_ROWS:
        return BatchDependence(0, 0)
    rows = join_batches(sample.slice(0, MOST_ROWS).to_batches())
    whole = score(rows)
    third = rows.num_rows // 3
    cuts = [(0, third), (third, third), (2 * third, rows.num_rows - 2 * third)]
    pieces = [score(rows.slice(start, length)) for start, length in reversed(cuts)][::-1]
    different = np.zeros(rows.num_rows, dtype=bool)
    names_of_pieces = [set(piece.schema.names) for piece in pieces]
    for name in whole.schema.names:
        column = whole.column(name)
        columns_of_pieces = [
            piece.column(name) if name in names else None for piece, names in zip(pieces, names_of_pieces, strict=True)
        ]
        for (start, length), piece in zip(cuts, columns_of_pieces, strict=True):
            different[start : start + length] |= _differ(column, column.slice(start, length), piece)
    return BatchDependence(rows.num_rows, int(different.sum()))


def has_same_bits_alone(score: ChunkFunction, sample: pa.Table) -> bool:
    """Whether a few rows have the same predictions, bit for bit, at once and as one row and the others.

    That one row is multiplied by other routines than several is where libraries of linear algebra differ first.
    """
    if sample.num_rows < 2:
        return False
    rows = join_batches(sample.slice(0, FEW_ROWS).to_batches())
    whole, first, others = score(rows), score(rows.slice(0, 1)), score(rows.slice(1))
    same_types = first.schema == others.schema == whole.schema
    return same_types and bool(pa.concat_batches([first, others]).equals(whole))


def _differ(whole: pa.Array, one: pa.Array, other: pa.Array | None) -> np.ndarray:
    if other is None:
        return np.ones(len(one), dtype=bool)
    if pa.types.is_floating(one.type) and (pa.types.is_floating(other.type) or pa.types.is_integer(other.type)):
        scale = np.abs(_numbers(whole))
        allowed = _RELATIVE[one.type.bit_width // 8] * max(scale[np.isfinite(scale)], default=0.0)
        left, right = _numbers(one), _numbers(other)
        with np.errstate(invalid="ignore"):
            same = (np.abs(left - right) <= allowed) | (left == right) | (np.isnan(left) & np.isnan(right))
        return np.asarray(~same)
    return np.array([left != right for left, right in zip(one.to_pylist(), other.to_pylist(), strict=True)], bool)


def _numbers(array: pa.Array) -> np.ndarray:
    return np.asarray(array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
