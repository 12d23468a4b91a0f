"""Columns of a model's answer as the numbers that are explained."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from mlops_assets.errors import ExplanationError, did_you_mean
from mlops_assets.trees.arrays import Floats


def flatten_lists(columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Columns of lists as one column per element, ``<name>_0``, ``<name>_1``, ...; the others as they are.

    Raises
    ------
    ExplanationError
        The lists of a column differ in length.
    """
    flat: dict[str, pa.Array] = {}
    for name, column in columns.items():
        parts = _elements(name, column)
        flat |= {name: parts[0]} if len(parts) == 1 else {f"{name}_{place}": part for place, part in enumerate(parts)}
    return flat


def _elements(name: str, column: pa.Array) -> list[pa.Array]:
    if not (pat.is_list(column.type) or pat.is_large_list(column.type) or pat.is_fixed_size_list(column.type)):
        return [column]
    lengths = pc.unique(pc.list_value_length(column)).to_pylist()
    if len(lengths) > 1 or lengths == [None]:
        raise ExplanationError(
            f"The model returns lists of different lengths in the column {name!r}, which are no outputs",
            where="predict",
            fix="Return as many values for every row, or name another output: `explain: {output: ...}`",
        )
    parts = [pc.list_element(column, place) for place in range(lengths[0] if lengths else 0)]
    return [element for part in parts for element in _elements(name, part)]


def is_numeric(column: pa.Array) -> bool:
    """Whether its values are numbers, whole or not; booleans are none."""
    return bool(pat.is_integer(column.type) or pat.is_floating(column.type) or pat.is_decimal(column.type))


def to_floats(columns: Mapping[str, pa.Array]) -> Floats:
    """(n, columns) of numeric columns, float64; null is NaN. Whole numbers beyond 2**53 are rounded."""
    return np.column_stack(
        [
            np.asarray(pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False))
            for column in columns.values()
        ]
    )


def finite(values: Floats, rows: int, outputs: int, of: str = "rows") -> Floats:
    """`values`, checked to be (rows, outputs) and finite.

    Raises
    ------
    ExplanationError
        They are not; `places` of the error are the rows at fault.
    """
    if values.shape != (rows, outputs):
        raise ExplanationError(
            f"The model returned numbers of shape {values.shape}, not ({rows}, {outputs})",
            where="predict",
            fix="Return the same columns for every row",
        )
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        kinds = [
            word
            for word, found in (("NaN or null", np.isnan(values).any()), ("infinity", np.isinf(values).any()))
            if found
        ]
        error = ExplanationError(
            f"The model predicts values that are not finite ({' and '.join(kinds)}) for {len(bad)} of {rows} {of}, "
            "which cannot be attributed",
            fix="Correct the model so that it returns a number for these rows, or leave them out of the inputs",
        )
        error.places = tuple(bad.tolist())
        raise error
    return values


def choose_output(columns: Mapping[str, pa.Array], output: str | None, where: str) -> tuple[str | None, str]:
    """Which column of an answer is explained, and a note that says so; None: the answer as a whole.

    Raises
    ------
    ExplanationError
        `output` is none of its columns; or it is None, and several columns are numbers while others are not.
    """
    names = list(columns)
    numeric = [name for name in names if is_numeric(columns[name])]
    if output is not None:
        if output not in names:
            raise ExplanationError(
                f"explain.output is {output!r}{did_you_mean(output, names)}, and the model returns {', '.join(names)}",
                where=where,
                fix=f"Write `explain: {{output: {(numeric or names)[0]}}}` into its YAML, or another of its columns",
            )
        return output, f"explain.output names {output!r}"
    if len(names) == 1 or len(numeric) == len(names):
        return None, ""
    if len(numeric) == 1:
        return numeric[0], f"explained is {numeric[0]!r}, the only number among the model's outputs {', '.join(names)}"
    candidates = numeric or names
    raise ExplanationError(
        f"The model returns {len(names)} columns ({', '.join(names)}), of which "
        + (f"several are numbers ({', '.join(numeric)})" if numeric else "none is a number"),
        where=where,
        fix=f"Say which one is explained: `explain: {{output: {candidates[0]}}}` in its YAML, or "
        + " or ".join(candidates[1:]),
    )
