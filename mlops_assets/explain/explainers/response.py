"""A model's answers as numbers: the function that is explained, and what explainers are checked against."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_assets.explain.decisions import Decision
from mlops_assets.trees.arrays import Floats, Space

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Response:
    """A model seen as a function from rows to numbers.

    Attributes
    ----------
    space
        The scale of these numbers: `identity`, `probability` or `margin`.
    outputs
        Their names; one (the positive class) for a binary classification.
    classes
        The labels, in the model's order; None for a regression.
    of
        Rows -> (n, outputs), float64.
    note
        What was chosen of the model's answer, where there was a choice.
    decision
        How what `predict` returns follows from these numbers; None for a regression.
    """

    space: Space
    outputs: tuple[str, ...]
    classes: tuple[Any, ...] | None
    of: "Callable[[pd.DataFrame], Floats]"
    note: str = ""
    decision: Decision | None = None


def classes_of(estimator: object) -> list[Any] | None:
    """The labels of a single-output classifier; None for anything else."""
    classes = getattr(estimator, "classes_", None)
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or not len(classes):
        return None
    # To NumPy, the values of dates in nanoseconds are whole numbers.
    return list(pa.array(classes).to_pylist() if classes.dtype.kind == "M" else classes.tolist())


def positive_class_scores(values: NDArray[Any], classes: int) -> Floats:
    """(n, classes) scores with a binary pair reduced to its positive class, as float64."""
    scores = np.asarray(values, dtype=np.float64)
    return scores[:, 1:] if classes == 2 and scores.shape[1] == 2 else scores


def class_output_names(classes: Sequence[Any]) -> tuple[str, ...]:
    """The output names of a classification: the positive class of two, else every class."""
    return tuple(str(label) for label in (classes[1:] if len(classes) == 2 else classes))
