"""The sums of a batch of a ledger that several ask for: each attribution is looked at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from mlops_assets.trees.arrays import Floats


class AttributionSums(NamedTuple):
    """Sums of a batch of n rows.

    Attributes
    ----------
    absolute, signed
        (columns,): of the absolute attributions, and of the attributions.
    magnitude
        (n,): of each row, of its absolute attributions.
    """

    absolute: Floats
    signed: Floats
    magnitude: Floats


def add_lines(lines: Floats) -> Floats:
    """(n,): the sum of the lines of an array of (lines, n), one after the other.

    NumPy adds the lines of a single column in another order, so that a row alone has other last digits.
    """
    total: Floats = lines[0].copy()
    for line in lines[1:]:
        total += line
    return total


def sum_attributions(ledger: pa.RecordBatch | pa.Table, columns: Sequence[str]) -> AttributionSums:
    """The sums of these columns of a batch, none of which is null."""
    absolute, signed = np.zeros(len(columns)), np.zeros(len(columns))
    magnitude, size = np.zeros(ledger.num_rows), np.empty(ledger.num_rows)
    for place, name in enumerate(columns):
        values = ledger.column(name).to_numpy()
        np.abs(values, out=size)
        absolute[place], signed[place] = size.sum(), values.sum()
        magnitude += size
    return AttributionSums(absolute, signed, magnitude)
