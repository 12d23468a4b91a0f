"""Values of input columns as text."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.arrow.plain_types import plain_array
from mlops_assets.arrow.python_values import python_values

MOST_CHARACTERS = 200
"""Of a value; of a longer one the beginning is shown."""

_NO_TEXTS = (pa.types.is_nested, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)


def values_as_text(values: pa.Array, *, compiled: bool = False) -> pa.Array:
    """(n,) string: each value as people read it; null for what is missing, NaN among it.

    `compiled`: doubles by a compiled kernel, whose texts are the same; it pays for millions of them.

    Examples
    --------
    >>> values_as_text(pa.array([1.5, 2.0, None])).to_pylist()
    ['1.5', '2', None]
    """
    values = plain_array(values)
    kind = values.type
    if compiled and pa.types.is_float64(kind):
        from mlops_assets.arrow.number_text import number_texts

        numbers = values.to_numpy(zero_copy_only=False)
        return number_texts(numbers, np.isnan(numbers))
    if pa.types.is_floating(kind):
        if pa.types.is_float16(kind):
            values = values.cast(pa.float32())
        if len(values) and pc.any(pc.is_nan(values)).as_py():
            values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return _shortened(_cast(values))


def _cast(values: pa.Array) -> pa.Array:
    if not (
        pa.types.is_nested(values.type) or pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type)
    ):
        try:
            return values.cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass  # Times in zones that Arrow does not know, numbers of kinds without a text.
    return pa.array([None if value is None else _text(value) for value in python_values(values)], pa.string())


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)


def _shortened(texts: pa.Array) -> pa.Array:
    if not len(texts) or (pc.max(pc.binary_length(texts)).as_py() or 0) <= MOST_CHARACTERS:
        return texts
    cut = pc.binary_join_element_wise(pc.utf8_slice_codeunits(texts, 0, MOST_CHARACTERS - 1), "…", "")
    return pc.if_else(pc.greater(pc.utf8_length(texts), MOST_CHARACTERS), cut, texts)
