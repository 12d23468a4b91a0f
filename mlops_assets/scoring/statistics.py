"""Summary statistics of a column that is seen once, batch by batch."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

# A column with more different values than this is not a label, and its values are not listed.
MOST_LABELS = 20


@dataclass
class ColumnStatistics:
    """Count, nulls, non-finite values, mean, standard deviation, minimum and maximum; shares of few labels.

    Batches are merged by Chan's update, so the result does not depend on how the rows were cut, up to rounding.
    """

    rows: int = 0
    nulls: int = 0
    not_finite: int = 0
    finite: int = 0
    mean: float = 0.0
    squares: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    numeric: bool = False
    labels: Counter[str] = field(default_factory=Counter)
    has_labels: bool = True

    def add(self, column: pa.Array) -> None:
        """Add a batch of the column."""
        self.rows += len(column)
        self.nulls += column.null_count
        self._count_labels(column)
        if pt.is_integer(column.type) or pt.is_floating(column.type) or pt.is_decimal(column.type):
            self.numeric = True
            self._add_numbers(column.drop_null().cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))

    def merge(self, later: "ColumnStatistics") -> None:
        """Add the rows that come after these, of the same column."""
        self.rows += later.rows
        self.nulls += later.nulls
        self.not_finite += later.not_finite
        self.numeric |= later.numeric
        self.has_labels &= later.has_labels
        self.labels = self.labels + later.labels if self.has_labels else Counter()
        self.has_labels &= len(self.labels) <= MOST_LABELS
        self._add_moments(later.finite, later.mean, later.squares)
        self.minimum = min(self.minimum, later.minimum)
        self.maximum = max(self.maximum, later.maximum)

    def _add_numbers(self, numbers: np.ndarray) -> None:
        finite = numbers[np.isfinite(numbers)]
        self.not_finite += numbers.size - finite.size
        if not finite.size:
            return
        self._add_moments(finite.size, float(finite.mean()), float(((finite - finite.mean()) ** 2).sum()))
        self.minimum = min(self.minimum, float(finite.min()))
        self.maximum = max(self.maximum, float(finite.max()))

    def _add_moments(self, count: int, mean: float, squares: float) -> None:
        if not count:
            return
        total, shift = self.finite + count, mean - self.mean
        self.squares += squares + shift**2 * self.finite * count / total
        self.mean += shift * count / total
        self.finite = total

    def _count_labels(self, column: pa.Array) -> None:
        label_like = pt.is_integer(column.type) or pt.is_boolean(column.type) or pt.is_string(column.type)
        if not self.has_labels or not label_like:
            self.has_labels = False
            return
        counted = pc.value_counts(column.drop_null())
        if len(counted) > MOST_LABELS:
            self.has_labels = False
            self.labels.clear()
            return
        for label, count in zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True):
            self.labels[str(label)] += count
        self.has_labels = len(self.labels) <= MOST_LABELS

    def as_json(self) -> dict[str, Any]:
        """All of it, exactly."""
        return {**vars(self), "labels": dict(self.labels)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ColumnStatistics":
        """What `as_json` returned."""
        return cls(**{**values, "labels": Counter(values["labels"])})

    def as_floats(self) -> dict[str, float]:
        """``mean``, ``std``, ``min``, ``max`` (finite values), ``null_count``, and ``share[<label>]`` for labels."""
        values = {"null_count": float(self.nulls)}
        if self.numeric and self.finite:
            values |= {
                "mean": self.mean,
                "std": math.sqrt(self.squares / self.finite),
                "min": self.minimum,
                "max": self.maximum,
            }
        if self.numeric:
            values["not_finite_count"] = float(self.not_finite)
        if self.has_labels:
            known = max(self.rows - self.nulls, 1)
            values |= {f"share[{label}]": count / known for label, count in sorted(self.labels.items())}
        return values
