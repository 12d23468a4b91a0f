"""The true answers beside the rows, as the numbers that a loss takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_assets.errors import ExplanationError
from mlops_assets.trees.arrays import Floats

if TYPE_CHECKING:
    import pandas as pd

_WHERE = "label"
_SHOWN = 10


@dataclass(frozen=True)
class LabelReader:
    """How the column of labels is read.

    Attributes
    ----------
    column
        Its name.
    classes
        The model's labels, in its order; None: the label is a number.
    shares
        Without `classes`: it is the probability of the positive class, from 0 to 1.
    """

    column: str
    classes: tuple[Any, ...] | None = None
    shares: bool = False

    def read(self, rows: "pd.DataFrame") -> Floats:
        """(n,), float64: the place of each label among the classes, or the number itself.

        Raises
        ------
        ExplanationError
            The rows have no such column, or a value of it is missing, no class of the model's, or no finite number; no
            value is named.
        """
        if self.column not in rows.columns:
            raise ExplanationError(
                f"The rows lack the column of labels {self.column!r}",
                where=_WHERE,
                fix="Name a column of the table that is explained",
            )
        values = rows[self.column]
        missing = values.isna().to_numpy()
        if missing.any():
            raise self._failure(missing, "has no value", "Leave out the rows without a label")
        return self._numbers(values) if self.classes is None else self._places(values, self.classes)

    def _places(self, values: "pd.Series[Any]", classes: Sequence[Any]) -> Floats:
        known = {_plain(label): place for place, label in enumerate(classes)}
        distinct = {value: _place(value, known) for value in {_plain(value) for value in values.tolist()}}
        found = np.array([distinct[_plain(value)] for value in values.tolist()], np.float64)
        if (found < 0).any():
            kinds = sorted({type(_plain(value)).__name__ for value in values.tolist()})
            names = ", ".join(repr(_plain(label)) for label in classes[:_SHOWN])
            raise self._failure(
                found < 0,
                f"is none of the model's classes ({names}{', ...' if len(classes) > _SHOWN else ''}); it is of the type"
                f" {', '.join(kinds)}",
                "Write the labels as the model knows them",
            )
        return found

    def _numbers(self, values: "pd.Series[Any]") -> Floats:
        try:
            numbers = np.asarray(values.astype(float), np.float64)
        except (TypeError, ValueError) as error:
            raise self._failure(np.ones(len(values), bool), "is no number", "Name a column of numbers") from error
        wrong = ~np.isfinite(numbers)
        if self.shares:
            wrong |= (numbers < 0) | (numbers > 1)
        if wrong.any():
            what = "is no class 0 or 1, and no probability between them" if self.shares else "is no finite number"
            raise self._failure(wrong, what, "Mend the column, or leave these rows out")
        return numbers

    def _failure(self, wrong: "np.ndarray", what: str, fix: str) -> ExplanationError:
        error = ExplanationError(
            f"The label {self.column!r} of {int(wrong.sum())} of {len(wrong)} rows {what}", where=_WHERE, fix=fix
        )
        error.places = tuple(np.flatnonzero(wrong)[:_SHOWN].tolist())
        return error


def _plain(value: Any) -> Any:
    """As Python's own value: 1, 1.0 and True are one label, as they are for NumPy."""
    return value.item() if isinstance(value, np.generic) else value


def _place(value: Any, known: Mapping[Any, int]) -> int:
    """Which class a value is; -1: none. Text, as a CSV file has it, may stand for a number or a truth value."""
    if value in known or not isinstance(value, str):
        return known.get(value, -1)
    for label, place in known.items():
        if isinstance(label, bool):
            if value.strip().lower() == str(label).lower():
                return place
        elif isinstance(label, int | float) and _number(value) == label:
            return place
    return -1


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
