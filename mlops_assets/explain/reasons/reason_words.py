"""What is said of reasons, which are numbers: words at their places, the leading column of a group, which entry."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_assets.arrow.value_text import values_as_text
from mlops_assets.explain.columns import shap_column
from mlops_assets.explain.ledger.row_filter import RowFilter
from mlops_assets.trees.arrays import Floats

Places = NDArray[np.signedinteger[Any]]


def words_at(places: Places, words: Sequence[str]) -> pa.Array:
    """(n,): the word at each place; all null where there are no words."""
    if not words:
        return pa.DictionaryArray.from_arrays(pa.nulls(len(places), pa.int32()), pa.array([], pa.string()))
    # Each word once, though several entries may have the same.
    distinct = {word: number for number, word in enumerate(dict.fromkeys(words))}
    if len(distinct) < len(words):
        places = np.array([distinct[word] for word in words], dtype=np.int32)[places]
    numbers = places.astype(np.int32, copy=False)
    return pa.DictionaryArray.from_arrays(pa.array(numbers), pa.array(list(distinct), pa.string()))


def leading_values(ledger: pa.RecordBatch, rows: Places, attributions: Floats, values: dict[str, pa.Array]) -> pa.Array:
    """Of each reason that is a group, name and value of the column that moves the row most in its direction."""
    taken = pa.array(rows)
    parts = np.stack([ledger.column(shap_column(name)).take(taken).to_numpy() for name in values])
    leading = (parts * np.sign(attributions)).argmax(axis=0)
    texts = [
        pc.binary_join_element_wise(name, pc.fill_null(values_as_text(each), "missing"), " = ")
        for name, each in values.items()
    ]
    return pc.choose(pa.array(leading), *texts)


def first_true(filters: Sequence[RowFilter | None], values: dict[str, pa.Array], count: int) -> NDArray[np.int32]:
    """(count,): the first of these conditions that is true, of which None never is; behind the last one: none is."""
    chosen = np.full(count, len(filters), dtype=np.int32)
    for number, condition in reversed(list(enumerate(filters))):
        if condition is not None:
            np.copyto(chosen, number, where=condition.mask(values).to_numpy(zero_copy_only=False))
    return chosen
