"""The profile of a run: its inputs, predictions and attributions, as sums and sketches that merge."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from typing import Self, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.explain.columns import EXPLAINED_VALUE, OUTPUT, shap_column
from mlops_assets.explain.drift.column_profile import (
    ColumnProfile,
    ColumnProfiler,
    add_exactly,
    batch_sum,
    merge_profiles,
    sum_finite,
)

BASE_VALUE, RESIDUAL = "base_value", "residual"
ALL_ROWS = "all rows"
"""The name of the segment that all rows are in."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class OutputProfile:
    """Sums over the ledger's rows of one output: rounded within a batch of rows, and exact from there on.

    Attributes
    ----------
    rows, not_finite
        Explained rows; those with a value that is not finite, which are in no sum.
    explained, base, residual
        Of `explained_value`, `base_value` and `residual`.
    attributions
        Of each input column.
    """

    rows: int
    not_finite: int
    explained: Fraction
    base: Fraction
    residual: Fraction
    attributions: Mapping[str, Fraction]

    @property
    def counted(self) -> int:
        """Rows that are in the sums."""
        return self.rows - self.not_finite


def merge_outputs(profiles: Sequence[OutputProfile]) -> OutputProfile:
    """The sums over the rows of all of them, of which there is one at least; the same in any order."""
    if len(profiles) == 1:
        return profiles[0]
    names = dict.fromkeys(name for each in profiles for name in each.attributions)
    return OutputProfile(
        sum(each.rows for each in profiles),
        sum(each.not_finite for each in profiles),
        add_exactly([each.explained for each in profiles]),
        add_exactly([each.base for each in profiles]),
        add_exactly([each.residual for each in profiles]),
        {
            name: add_exactly([each.attributions[name] for each in profiles if name in each.attributions])
            for name in names
        },
    )


@dataclass(frozen=True)
class RowsProfile:
    """What is known of some rows; each mapping is in the order of the table's columns.

    Attributes
    ----------
    inputs, predictions
        By column.
    outputs
        By the ledger's output.
    """

    inputs: Mapping[str, ColumnProfile] = field(default_factory=dict)
    predictions: Mapping[str, ColumnProfile] = field(default_factory=dict)
    outputs: Mapping[str, OutputProfile] = field(default_factory=dict)


def merge_rows(profiles: Sequence[RowsProfile]) -> RowsProfile:
    """Of the rows of all of them; the same in any order, but for that of the names."""
    return RowsProfile(
        merge_by_name([each.inputs for each in profiles], merge_profiles),
        merge_by_name([each.predictions for each in profiles], merge_profiles),
        merge_by_name([each.outputs for each in profiles], merge_outputs),
    )


Segments = Mapping[str, RowsProfile]
"""Segment -> the profile of its rows; `ALL_ROWS` is always there."""


def merge_segments(profiles: Sequence[Segments]) -> Segments:
    """The profiles of the rows of all of them; the same in any order, but for that of the names."""
    return merge_by_name(profiles, merge_rows)


def merge_by_name(
    several: Sequence[Mapping[str, Value]], merge: Callable[[Sequence[Value]], Value]
) -> dict[str, Value]:
    """Values of all by name, those of one name merged."""
    named: dict[str, list[Value]] = {}
    for each in several:
        for name, value in each.items():
            named.setdefault(name, []).append(value)
    return {name: merge(values) for name, values in named.items()}


@dataclass(frozen=True)
class Origin:
    """Of which run a profile is; two attributions are comparable where what made them is the same.

    Attributes
    ----------
    version
        A hash of all that the profile depends on.
    model_uri, model_digest
        The pinned version. None: no model has seen these rows.
    space, explainer, background, selection
        Of the ledger: the unit of its numbers, how it was made, the digest of the rows that it compares with (None: the
        method needs none), and which rows it explains.
    """

    version: str
    model_uri: str | None = None
    model_digest: str | None = None
    space: str | None = None
    explainer: str | None = None
    background: str | None = None
    selection: str | None = None

    def to_json(self) -> str:
        """As text; `from_json` reads it."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote; what a later release added is left out."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in json.loads(text).items() if name in known})


@dataclass(frozen=True)
class Profile:
    """Of one run, or one partition.

    Attributes
    ----------
    origin
        Which one.
    segments
        What is known of its rows.
    """

    origin: Origin
    segments: Segments


def is_same_run(one: Profile, other: Profile) -> bool:
    """Whether both are of the same rows and the same model version, however these were explained and cut."""
    if one.origin.version == other.origin.version:
        return True
    models = {(each.origin.model_uri, each.origin.model_digest) for each in (one, other)}
    mine, theirs = (each.segments[ALL_ROWS] for each in (one, other))
    return len(models) == 1 and all(
        set(columns) == set(before) and all(column.has_values_of(before[name]) for name, column in columns.items())
        for columns, before in ((mine.inputs, theirs.inputs), (mine.predictions, theirs.predictions))
    )


class Profiler:
    """Profiles the rows of one table, batch by batch.

    Parameters
    ----------
    columns
        Which ones; of a ledger: the explained input columns.
    is_ledger
        Whether batches are those of `ledger_columns`, whose sums alone are taken.
    output
        Of a ledger whose rows are all of one output: its name; then the column that says so is not needed.
    """

    def __init__(self, columns: Sequence[str], *, is_ledger: bool = False, output: str | None = None) -> None:
        self._columns, self._is_ledger, self._output = tuple(columns), is_ledger, output
        self._profilers = {} if is_ledger else {name: ColumnProfiler() for name in columns}
        self._outputs: dict[str, OutputProfile] = {}

    def add(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Add some rows."""
        if self._is_ledger:
            for output, rows in _by_output(batch) if self._output is None else [(self._output, batch)]:
                one = _profile_output(rows, self._columns)
                known = [self._outputs[output]] if output in self._outputs else []
                self._outputs[output] = merge_outputs([*known, one])
        else:
            for name, profiler in self._profilers.items():
                profiler.add(batch.column(name))

    def add_outputs(self, outputs: Mapping[str, OutputProfile]) -> None:
        """Add the sums of other rows of the ledger."""
        self._outputs = merge_by_name([self._outputs, outputs], merge_outputs)

    def columns(self) -> dict[str, ColumnProfile]:
        """Of all rows that were added, of which there was a batch at least."""
        return {name: profiler.profile() for name, profiler in self._profilers.items()}

    def outputs(self) -> dict[str, OutputProfile]:
        """Of a ledger: the sums by output."""
        return self._outputs


def ledger_columns(features: Sequence[str]) -> list[str]:
    """The columns of a ledger that a `Profiler` takes."""
    return [OUTPUT, EXPLAINED_VALUE, BASE_VALUE, RESIDUAL, *map(shap_column, features)]


def _by_output(batch: pa.RecordBatch | pa.Table) -> Iterator[tuple[str, pa.RecordBatch | pa.Table]]:
    names = batch.column(OUTPUT)
    outputs = pc.unique(names).to_pylist()
    for output in outputs:
        yield output, batch if len(outputs) == 1 else batch.filter(pc.equal(names, output))


def _profile_output(rows: pa.RecordBatch | pa.Table, features: Sequence[str]) -> OutputProfile:
    names = [EXPLAINED_VALUE, BASE_VALUE, RESIDUAL, *map(shap_column, features)]
    columns = [rows.column(name).to_numpy(zero_copy_only=False) for name in names]
    not_finite, totals = 0, [batch_sum(column) for column in columns]
    # Sums of finite numbers are finite, but for numbers close to the largest one.
    if all(map(math.isfinite, totals)):
        sums = [Fraction(total) for total in totals]
    else:
        finite = np.logical_and.reduce([np.isfinite(column) for column in columns])
        not_finite = int(np.count_nonzero(~finite))
        sums = [sum_finite(column[finite]) for column in columns]
    explained, base, residual, *attributions = sums
    return OutputProfile(
        rows.num_rows, not_finite, explained, base, residual, dict(zip(features, attributions, strict=True))
    )
