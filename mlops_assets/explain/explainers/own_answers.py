"""The forms in which people's ``explain_samples()`` returns attributions."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

_BASES = ("base_value", "base_values", "expected_value", "expected_values", "base", "bias")
# What shap tables often carry along, and no attribution.
_BESIDE = ("prediction", "predictions", "predicted", "explained_value", "output_value", "residual")


def read_own_answer(answer: Any, rows: int, outputs: Sequence[str]) -> "tuple[list[pd.DataFrame] | Any, Any]":
    """Attributions as one table per output where their columns have names, else as an array; and the base, or None.

    Taken are a DataFrame; a mapping of columns; a list of a mapping per row; an array (n, columns) or (n, columns,
    outputs), or lists of such shape; a list, or a mapping by output, of a table or array (n, columns) per output; an
    object with ``values`` and ``base_values``; and a pair of attributions and base.
    """
    import pandas as pd

    if hasattr(answer, "values") and hasattr(answer, "base_values"):
        return np.asarray(answer.values), np.asarray(answer.base_values)
    if isinstance(answer, tuple) and len(answer) == 2 and _ndim(answer[0]) >= 2 > _ndim(answer[1]):
        attributions, _ = read_own_answer(answer[0], rows, outputs)
        return attributions, np.asarray(answer[1])
    if isinstance(answer, pd.DataFrame):
        return [answer], None
    if isinstance(answer, Mapping):
        by_output = {str(name): value for name, value in answer.items()}
        if by_output and all(_ndim(value) == 2 for value in by_output.values()):
            answer = (
                [by_output[name] for name in outputs] if set(outputs) <= by_output.keys() else [*by_output.values()]
            )
        else:
            return [pd.DataFrame(dict(answer))], None
    if isinstance(answer, list | tuple) and answer:
        if all(isinstance(row, Mapping) for row in answer):
            return [pd.DataFrame(list(answer))], None
        if all(isinstance(part, pd.DataFrame) for part in answer):
            # Both classes of a binary model: the positive one is explained.
            return list(answer[1:] if len(outputs) == 1 and len(answer) == 2 else answer), None
        if len(answer) in (len(outputs), 2) and all(_ndim(part) == 2 and len(part) == rows for part in answer):
            return np.stack([np.asarray(part) for part in answer], axis=-1), None
    return np.asarray(answer), None


def split_base(answer: "pd.DataFrame", known: set[Any]) -> "tuple[Any, pd.DataFrame]":
    """The column that holds the base, or None, and the table without it and without copies of the prediction."""
    beside = [name for name in answer.columns if name not in known and str(name).lower() in (*_BASES, *_BESIDE)]
    bases = [name for name in beside if str(name).lower() in _BASES]
    base = answer[bases[0]].to_numpy() if len(bases) == 1 else None
    return base, answer.drop(columns=beside)


def _ndim(value: Any) -> int:
    return int(getattr(value, "ndim", None) or np.ndim(value))
