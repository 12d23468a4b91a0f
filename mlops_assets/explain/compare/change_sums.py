"""Who is affected by the change of a version, and which columns cause it: sums over rows that can be merged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.arrow.value_text import values_as_text
from mlops_assets.errors import ExplanationError
from mlops_assets.explain.columns import OUTPUT
from mlops_assets.explain.compare.change_facts import ChangeFacts
from mlops_assets.explain.compare.comparison import (
    BASE_CHANGE,
    CHANGED,
    DIFFERENCE,
    DOWN,
    PREDICTION_AFTER,
    PREDICTION_BEFORE,
    PREDICTION_CHANGE,
    RESIDUAL_CHANGE,
    SWAP,
    UP,
    change_column,
)
from mlops_assets.explain.labels import to_names
from mlops_assets.trees.arrays import Floats

MOST_VALUES = 100
"""Segments of one column."""

MISSING = "(missing)"

# What is added up of each group of rows, before the parts of the columns and their absolute values.
_ROWS, _CHANGED, _UP, _DOWN, _BEFORE, _AFTER, _ABS_CHANGE, _DIFFERENCE, _ABS_DIFFERENCE, _BASE, _RESIDUAL = range(11)
_FACTS = 11

Group = tuple[str, str, str]
"""Output, segment column and segment; the last two are empty of all rows."""


@dataclass
class ChangeSums:
    """Sums over rows of the table of changes.

    Attributes
    ----------
    features
        Input columns, as `Comparison.features` has them.
    segments
        Input column -> the values that separate its segments.
    sums, largest
        Of each group of rows: the sums, and the largest absolute change of a prediction.
    """

    features: tuple[str, ...]
    segments: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    sums: dict[Group, Floats] = field(default_factory=dict)
    largest: dict[Group, float] = field(default_factory=dict)

    @property
    def groups(self) -> tuple[Group, ...]:
        """All rows of each output, in the order of the outputs, then the segments in the order of the settings."""
        columns = {"": 0} | {name: place for place, name in enumerate(self.segments, 1)}
        outputs = list(dict.fromkeys(group[0] for group in self.sums))
        return tuple(
            sorted(self.sums, key=lambda group: (outputs.index(group[0]), columns[group[1]], self._order_of(group)))
        )

    def _order_of(self, group: Group) -> tuple[Any, ...]:
        _, column, segment = group
        edges = self.segments.get(column, ())
        labels = segment_labels(edges)
        return (labels.index(segment) if segment in labels else len(labels), segment)

    def add(self, changes: pa.RecordBatch, rows: pa.RecordBatch | None = None) -> None:
        """Count these rows.

        Parameters
        ----------
        rows
            The input row of each, where there are segments.

        Raises
        ------
        ExplanationError
            A column has too many segments.
        """
        if not changes.num_rows:
            return
        numbers = _numbers(changes, self.features)
        size = np.abs(changes.column(PREDICTION_CHANGE).to_numpy())
        encoded = pc.dictionary_encode(to_names(changes.column(OUTPUT)))
        outputs, of_output = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
        for place, output in enumerate(outputs):
            chosen = slice(None) if len(outputs) == 1 else of_output == place
            self._count((output, "", ""), numbers[:, chosen].sum(axis=1), float(size[chosen].max()))
        for column, edges in self.segments.items():
            assert rows is not None
            labels, codes = _segments_of(rows.column(column), edges, column)
            cells = codes * len(outputs) + of_output
            count = len(labels) * len(outputs)
            sums = np.array([np.bincount(cells, weights=values, minlength=count) for values in numbers])
            largest = np.zeros(count)
            np.maximum.at(largest, cells, size)
            for cell in np.flatnonzero(sums[_ROWS]).tolist():
                segment, output = divmod(cell, len(outputs))
                self._count((outputs[output], column, labels[segment]), sums[:, cell], float(largest[cell]))
        self._require_few_segments()

    def merge(self, later: "ChangeSums") -> "ChangeSums":
        """With the sums of the rows that come after these."""
        for group, sums in later.sums.items():
            self._count(group, sums, later.largest[group])
        self._require_few_segments()
        return self

    def _require_few_segments(self) -> None:
        for column in self.segments:
            if len({group[2] for group in self.sums if group[1] == column}) > MOST_VALUES:
                raise _too_many(column)

    def _count(self, group: Group, sums: Floats, largest: float) -> None:
        known = self.sums.get(group)
        self.sums[group] = sums if known is None else known + sums
        self.largest[group] = max(self.largest.get(group, 0.0), largest)

    def facts(self) -> tuple[ChangeFacts, ...]:
        """Of all groups of rows, in the order of `groups`."""
        return tuple(map(self._facts_of, self.groups))

    def _facts_of(self, group: Group) -> ChangeFacts:
        sums, count = self.sums[group], len(self.features)
        rows = sums[_ROWS]
        means = sums / rows
        return ChangeFacts(
            *group,
            rows=int(rows),
            changed_rows=int(sums[_CHANGED]),
            swapped_up=int(sums[_UP]),
            swapped_down=int(sums[_DOWN]),
            mean_before=float(means[_BEFORE]),
            mean_after=float(means[_AFTER]),
            mean_abs_change=float(means[_ABS_CHANGE]),
            max_abs_change=self.largest[group],
            mean_difference=float(means[_DIFFERENCE]),
            mean_abs_difference=float(means[_ABS_DIFFERENCE]),
            mean_base_change=float(means[_BASE]),
            mean_residual_change=float(means[_RESIDUAL]),
            columns=dict(
                zip(
                    self.features,
                    zip(means[_FACTS + count :].tolist(), means[_FACTS : _FACTS + count].tolist(), strict=True),
                    strict=True,
                )
            ),
        )


def summed_columns(features: Sequence[str]) -> list[str]:
    """What `ChangeSums.add` reads of the table of changes."""
    own = [OUTPUT, CHANGED, SWAP, PREDICTION_BEFORE, PREDICTION_AFTER, PREDICTION_CHANGE]
    return [*own, DIFFERENCE, BASE_CHANGE, RESIDUAL_CHANGE, *map(change_column, features)]


def segment_labels(edges: Sequence[float]) -> list[str]:
    """What the segments of a column of numbers are called.

    Examples
    --------
    >>> segment_labels([30, 60])
    ['below 30', '30 to 60', '60 and above']
    """
    if not edges:
        return []
    # Six digits where they are all there are.
    texts = [text if float(text := f"{edge:g}") == edge else repr(float(edge)).removesuffix(".0") for edge in edges]
    between = [f"{low} to {high}" for low, high in pairwise(texts)]
    return [f"below {texts[0]}", *between, f"{texts[-1]} and above"]


def _numbers(changes: pa.RecordBatch, features: Sequence[str]) -> Floats:
    """(facts and columns twice, rows): the numbers that are added up."""
    swaps = changes.column(SWAP)
    difference = changes.column(DIFFERENCE).to_numpy()
    parts = [changes.column(change_column(name)).to_numpy() for name in features]
    facts = [
        np.ones(changes.num_rows),
        changes.column(CHANGED).to_numpy(zero_copy_only=False),
        *(pc.fill_null(pc.equal(swaps, way), False).to_numpy(zero_copy_only=False) for way in (UP, DOWN)),
        changes.column(PREDICTION_BEFORE).to_numpy(),
        changes.column(PREDICTION_AFTER).to_numpy(),
        np.abs(changes.column(PREDICTION_CHANGE).to_numpy()),
        difference,
        np.abs(difference),
        changes.column(BASE_CHANGE).to_numpy(),
        changes.column(RESIDUAL_CHANGE).to_numpy(),
    ]
    return np.array([*facts, *parts, *map(np.abs, parts)], dtype=np.float64)


def _segments_of(values: pa.Array, edges: Sequence[float], column: str) -> tuple[list[str], np.ndarray]:
    """(names, (n,) which of them each row is in)."""
    if not edges:
        encoded = pc.dictionary_encode(values_as_text(values), null_encoding="encode")
        labels = [MISSING if text is None else text for text in encoded.dictionary.to_pylist()]
        if len(labels) > MOST_VALUES:
            raise _too_many(column)
        return labels, encoded.indices.to_numpy()
    kind = values.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise ExplanationError(
            f"The column {column!r} is {kind} and has no numbers to be separated",
            where="explain.changes.segments",
            fix=f"Write `{column}: []`: each value is a segment",
        )
    numbers = pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    codes = np.searchsorted(np.asarray(edges), numbers, side="right")
    return [*segment_labels(edges), MISSING], np.where(np.isnan(numbers), len(edges) + 1, codes)


def _too_many(column: str) -> ExplanationError:
    return ExplanationError(
        f"The column {column!r} has more than {MOST_VALUES} values, and each is a segment",
        where="explain.changes.segments",
        fix=f"Separate its values by some numbers, such as `{column}: [10, 20]`, or leave the column out",
    )
