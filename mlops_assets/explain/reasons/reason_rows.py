"""The reasons of a batch of explained rows, from their attributions and input values."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_assets.arrow.value_text import values_as_text
from mlops_assets.errors import ConfigurationError, list_some
from mlops_assets.explain.columns import EXPLAINED_VALUE, OUTPUT, shap_column
from mlops_assets.explain.labels import to_labels
from mlops_assets.explain.ledger.attribution_sums import add_lines
from mlops_assets.explain.ledger.residuals import residual_tolerance
from mlops_assets.explain.ledger.row_filter import RowFilter
from mlops_assets.explain.reasons.catalogue import Entry
from mlops_assets.explain.reasons.reason_words import Places, first_true, leading_values, words_at
from mlops_assets.explain.reasons.rules import ReasonRules, Units
from mlops_assets.explain.reasons.strongest import find_strongest
from mlops_assets.tables.word_columns import WORDS
from mlops_assets.trees.arrays import Floats

if TYPE_CHECKING:
    from mlops_assets.explain.reasons.ranking_kernel import ReasonLists

STANDARD_ERRORS = 3.0
"""So far may a sampled attribution be from the exact one, in standard errors, in all but a few of a thousand rows."""

RANK, FEATURE, VALUE, ATTRIBUTION, SHARE, CODE, TEXT, STABLE = (
    *("rank", "feature", "value", "attribution"),
    *("share", "code", "text", "stable"),
)
_BLOCK_ROWS = 4096
"""Rows that are ranked at once: their attributions stay in the processor's cache."""

MODEL_VERSION, MODEL_DIGEST = "model_version", "model_digest"
_STANDARD_ERROR = "standard_error"
_COLUMNS = (
    pa.field(RANK, pa.int32(), nullable=False),
    pa.field(FEATURE, WORDS, nullable=False),
    pa.field(VALUE, pa.string()),
    pa.field(ATTRIBUTION, pa.float64(), nullable=False),
    pa.field(SHARE, pa.float64(), nullable=False),
    pa.field(CODE, WORDS),
    pa.field(TEXT, WORDS),
    pa.field(STABLE, pa.bool_(), nullable=False),
    pa.field(MODEL_VERSION, pa.int64(), nullable=False),
    pa.field(MODEL_DIGEST, WORDS, nullable=False),
)
REASON_COLUMNS = (OUTPUT, *(column.name for column in _COLUMNS))
"""Of the table of reasons, behind the row key."""


@dataclass(frozen=True)
class Reasoner:
    """Makes reasons of explained rows. Can be pickled.

    Attributes
    ----------
    rules
        Which attributions are reasons.
    features
        The model's input columns, in the ledger's order.
    key
        The row key's fields.
    output_type
        Of the outputs' names.
    precision
        The name of the floating-point type that the model computes in.
    version, digest
        Of the model.
    compiled
        There are many rows: what is compiled pays. The reasons are the same.
    """

    rules: ReasonRules
    features: tuple[str, ...]
    key: pa.Schema
    output_type: pa.DataType
    precision: str
    version: int
    digest: str
    compiled: bool = False

    @cached_property
    def units(self) -> Units:
        """What may be a reason."""
        return self.rules.units(self.features)

    @cached_property
    def schema(self) -> pa.Schema:
        """Of the reasons; columns of few words are numbers into a list of them, and text when they are published.

        Raises
        ------
        ConfigurationError
            A row key column has the name of one of the others.
        """
        if conflicts := sorted(set(self.key.names) & set(REASON_COLUMNS)):
            raise ConfigurationError(
                f"The row key columns {list_some(conflicts)} have names that the table of reasons uses itself",
                where="inputs.row_key",
                fix="Rename them, or leave out explain.reasons",
            )
        output = WORDS if pa.types.is_string(self.output_type) else self.output_type
        return pa.schema([*self.key, pa.field(OUTPUT, output, nullable=False), *_COLUMNS])

    def check_conditions(self, inputs: pa.Schema) -> None:
        """Raises where a condition of the catalogue cannot be asked of input columns of these types.

        Raises
        ------
        ConfigurationError
            It compares a column with something of another type.
        """
        for name, members, filters in zip(self.units.names, self.units.members, self._filters_of_units, strict=True):
            columns = [self.features[member] for member in members]
            try:
                first_true(filters, {column: pa.array([], inputs.field(column).type) for column in columns}, 0)
            except ConfigurationError as error:
                raise ConfigurationError(
                    error.what, where=f"explain.reasons.catalogue, reasons.{name}", fix=error.fix
                ) from error

    def ledger_columns(self, held: Sequence[str]) -> list[str]:
        """Those of a ledger's columns that `reasons` looks at."""
        own = {*self.key.names, OUTPUT, EXPLAINED_VALUE, "base_value", "residual", _STANDARD_ERROR}
        own.update(map(shap_column, self.features))
        return [name for name in held if name in own]

    def reasons(self, ledger: pa.RecordBatch, inputs: pa.RecordBatch, places: NDArray[np.intp]) -> pa.RecordBatch:
        """The reasons of some rows of a ledger, in their order; of a row without any there is none.

        Parameters
        ----------
        ledger
            Rows of `ledger_columns`.
        inputs, places
            Rows with the model's input columns, and which of them each row of the ledger explains.
        """
        ranked = self._rank(ledger)
        texts, entries = self._words(inputs, ledger, ranked, places)
        taken = pa.array(ranked.rows)
        codes, words = ([getattr(entry, name) for entry in self._entries] for name in ("code", "text"))
        columns = [
            *(ledger.column(name).take(taken) for name in self.key.names),
            self._outputs(ledger).take(taken),
            pa.array(ranked.ranks.astype(np.int32, copy=False)),
            words_at(ranked.units, self.units.names),
            texts,
            pa.array(ranked.attributions),
            pa.array(ranked.shares),
            words_at(entries, codes),
            words_at(entries, words),
            pa.array(ranked.stable),
            pa.repeat(pa.scalar(self.version, pa.int64()), len(ranked.rows)),
            words_at(np.zeros(len(ranked.rows), np.int32), (self.digest,)),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _rank(self, ledger: pa.RecordBatch) -> "_Ranked":
        """Everything that numbers alone say."""
        columns = [ledger.column(shap_column(name)).to_numpy() for name in self.features]
        held = set(ledger.schema.names)
        names = (EXPLAINED_VALUE, "base_value", "residual", *({_STANDARD_ERROR} & held))
        numbers = {name: ledger.column(name).to_numpy(zero_copy_only=False) for name in names}
        lists = _reason_lists(ledger.num_rows, self.rules) if self.compiled else None
        blocks = []
        for start in range(0, max(ledger.num_rows, 1), _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            attributions = np.stack([column[block] for column in columns])
            values, error = self._attributions(attributions, {name: each[block] for name, each in numbers.items()})
            if lists is None:
                blocks.append(_rank_block(values, error, self.rules, start))
            else:
                lists.add(values, error, start)
        return _Ranked(*map(np.concatenate, zip(*blocks, strict=True))) if lists is None else _Ranked.of(lists)

    def _outputs(self, ledger: pa.RecordBatch) -> pa.Array:
        """The output of each row, as the schema has it."""
        outputs = to_labels(ledger.column(OUTPUT), self.output_type)
        # Words are numbered before their rows are taken, of which there are several reasons.
        return outputs.dictionary_encode() if pa.types.is_string(outputs.type) else outputs

    def _attributions(self, columns: Floats, numbers: dict[str, Floats]) -> tuple[Floats, Floats]:
        """(units, n), all finite, and (n,) by how much each may be wrong."""
        magnitude = add_lines(np.abs(columns))
        error = np.abs(numbers["residual"]) + residual_tolerance(
            numbers[EXPLAINED_VALUE],
            numbers["base_value"],
            len(self.features),
            np.dtype(self.precision),
            magnitude=magnitude,
        )
        if _STANDARD_ERROR in numbers:
            sampled = numbers[_STANDARD_ERROR]
            # Where it is not known, nothing is.
            error += STANDARD_ERRORS * self.units.largest * np.where(np.isnan(sampled), np.inf, sampled)
        known = np.isfinite(magnitude) & np.isfinite(error)
        if not known.all():
            error = np.where(known, error, np.inf)
            columns = np.where(np.isfinite(columns), columns, 0.0)
        if len(self.units.names) == len(self.features):
            return columns, error
        return np.stack([add_lines(columns[list(places)]) for places in self.units.members]), error

    @cached_property
    def _entries(self) -> tuple[Entry, ...]:
        """All entries of the catalogue that are used, those of one unit after the other."""
        return tuple(entry for _, entries in self._entries_of_units for entry in entries)

    @cached_property
    def _entries_of_units(self) -> list[tuple[int, tuple[Entry, ...]]]:
        """Of each unit the place of its first entry, and its entries."""
        catalogue = self.rules.catalogue
        listed, first = [], 0
        for name in self.units.names:
            entries = () if catalogue is None else catalogue.of(name)
            listed.append((first, entries))
            first += len(entries)
        return listed

    def _words(
        self, inputs: pa.RecordBatch, ledger: pa.RecordBatch, ranked: "_Ranked", places: NDArray[np.intp]
    ) -> tuple[pa.Array, Places]:
        """The value of each reason as text, and which of all entries it has."""
        units, rows = ranked.units, places.astype(np.int32)[ranked.rows]
        texts, order = [pa.array([], pa.string())], [np.zeros(0, dtype=np.intp)]
        for alike in self._units_of_one_type(inputs):
            # Of most tables all columns are of one type, and what is in order need not be put in order.
            is_alike = np.isin(np.arange(len(self.units.names)), alike)
            order.append(np.arange(len(units)) if is_alike.all() else np.flatnonzero(is_alike[units]))
            columns = [inputs.column(self.features[self.units.members[unit][0]]) for unit in alike]
            among = (units, rows) if is_alike.all() else (units[order[-1]], rows[order[-1]])
            place = np.zeros(len(is_alike), dtype=np.int64)
            place[alike] = np.arange(len(alike))
            texts.append(values_as_text(self._pick_values(columns, place, *among), compiled=self.compiled))
        for unit in self._groups:
            members, reasons = self.units.members[unit], np.flatnonzero(units == unit)
            if not len(reasons):
                continue
            taken = pa.array(rows[reasons])
            order.append(reasons)
            values = {name: inputs.column(name).take(taken) for name in (self.features[place] for place in members)}
            texts.append(leading_values(ledger, ranked.rows[reasons], ranked.attributions[reasons], values))
        entries = self._chosen_entries(inputs, units, rows)
        if len(order) == 2:
            return texts[1], entries
        back = np.empty(len(units), dtype=np.int64)
        back[np.concatenate(order)] = np.arange(len(units))
        return pa.concat_arrays(texts).take(pa.array(back)), entries

    def _pick_values(
        self, columns: Sequence[pa.Array], place: NDArray[np.int64], units: Places, rows: Places
    ) -> pa.Array:
        """(reasons,): of each reason the value in its row of the column at the place of its unit."""
        if self.compiled and pa.types.is_float64(columns[0].type):
            # What is null is NaN then: either is missing.
            cells = np.stack([column.to_numpy(zero_copy_only=False) for column in columns])
            return pa.array(self._pick_cells(cells, place, units, rows))
        return pa.concat_arrays(columns).take(pa.array(place[units] * len(columns[0]) + rows))

    def _pick_cells(self, cells: NDArray[Any], place: NDArray[np.int64], units: Places, rows: Places) -> NDArray[Any]:
        """(reasons,): the cell in the line at the place of each reason's unit, and in the column of its row."""
        if not self.compiled:
            return np.asarray(cells[place[units], rows])
        from mlops_assets.explain.reasons.ranking_kernel import pick_cells

        return pick_cells(cells, place, units, rows)

    def _chosen_entries(self, inputs: pa.RecordBatch, units: Places, rows: Places) -> Places:
        """(reasons,): which of all entries each reason has."""
        # Conditions are looked at once per row, whichever of its reasons they are about.
        chosen = [np.zeros(inputs.num_rows, np.int32)]
        place = np.zeros(len(self.units.names), np.int64)
        occurs = np.bincount(units, minlength=len(place)) > 0
        for unit, members in enumerate(self.units.members):
            filters = self._filters_of_units[unit]
            if filters and occurs[unit]:
                place[unit] = len(chosen)
                values = {name: inputs.column(name) for name in (self.features[member] for member in members)}
                chosen.append(first_true(filters, values, inputs.num_rows))
        entries = np.array([first for first, _ in self._entries_of_units], dtype=np.int32)[units]
        if len(chosen) > 1:
            entries += self._pick_cells(np.stack(chosen), place, units, rows)
        return entries

    @cached_property
    def _filters_of_units(self) -> list[list[RowFilter | None]]:
        """Of each unit the conditions of its entries, of which the last has none.

        None: the condition is about a column of the group that this model does not have, and never true.
        """
        conditions = [[entry.when for entry in entries[:-1]] for _, entries in self._entries_of_units]
        filters = [[RowFilter(when) for when in each if when is not None] for each in conditions]
        known = set(self.features)
        return [[one if one.columns <= known else None for one in each] for each in filters]

    @cached_property
    def _groups(self) -> tuple[int, ...]:
        """The units that are groups, of which a model may have one column alone."""
        named = enumerate(zip(self.units.names, self.units.members, strict=True))
        return tuple(unit for unit, (name, each) in named if len(each) > 1 or self.features[each[0]] != name)

    def _units_of_one_type(self, inputs: pa.RecordBatch) -> list[list[int]]:
        """The units that are one column each: those of numbers and times by their types, each other one alone."""
        by_type: dict[object, list[int]] = {}
        for unit, members in enumerate(self.units.members):
            if unit not in self._groups:
                kind = inputs.schema.field(self.features[members[0]]).type
                by_type.setdefault(kind if pa.types.is_primitive(kind) else unit, []).append(unit)
        return list(by_type.values())


class _Ranked(NamedTuple):
    """Reasons as numbers, one after the other; `rows` and `stable` are of the ledger's rows."""

    rows: Places
    ranks: Places
    units: Places
    attributions: Floats
    shares: Floats
    stable: NDArray[np.bool_]

    @classmethod
    def of(cls, lists: "ReasonLists") -> "_Ranked":
        """What a compiled kernel has listed."""
        (rows, ranks, units), (attributions, shares) = lists.numbers, lists.floats
        return cls(rows, ranks, units, attributions, shares, lists.stable)


def _reason_lists(rows: int, rules: ReasonRules) -> "ReasonLists":
    from mlops_assets.explain.reasons.ranking_kernel import ReasonLists

    return ReasonLists(rows, rules.toward, rules.top)


def _rank_block(values: Floats, error: Floats, rules: ReasonRules, start: int) -> _Ranked:
    strongest = find_strongest(values, rules.toward, rules.top, error)
    rows, ranks = np.nonzero(np.arange(len(strongest.places)) < strongest.counts[:, None])
    units = strongest.places[ranks, rows]
    attributions = values[units, rows]
    shares = np.abs(attributions) / add_lines(np.abs(values))[rows]
    stable = (strongest.stable & np.isfinite(error))[rows]
    return _Ranked(rows + start, ranks + 1, units, attributions, shares, stable)
