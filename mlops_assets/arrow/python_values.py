"""Values as Python's, for keys and messages, whatever a column holds."""

from collections.abc import Iterable, Sequence

import pyarrow as pa


def python_value(value: pa.Scalar) -> object:
    """The value; a description of what Python's classes do not hold: the year 294000, bytes that are no UTF-8."""
    try:
        return value.as_py()
    except (OverflowError, ValueError):
        kind = value.type
        if not pa.types.is_temporal(kind):
            return f"a {kind} that Python cannot hold"
        ticks = value.cast(pa.int32() if kind.bit_width == 32 else pa.int64()).as_py()
        return f"{ticks} ({kind})"


def python_values(values: pa.Array | pa.ChunkedArray) -> list[object]:
    """The values of a column, each as `python_value` gives it."""
    try:
        python: list[object] = values.to_pylist()
    except (OverflowError, ValueError):
        return [python_value(value) for value in values]
    return python


def comparable_keys(rows: pa.RecordBatch | pa.Table, names: Sequence[str]) -> list[tuple[object, ...]]:
    """The key of each row, such that equal keys are equal: every NaN is the text ``NaN``."""
    return list(map(comparable_key, zip(*(python_values(rows.column(name)) for name in names), strict=True)))


def comparable_key(key: Iterable[object]) -> tuple[object, ...]:
    """The values of a key, such that equal keys are equal: every NaN is the text ``NaN``."""
    return tuple("NaN" if part != part else part for part in key)
