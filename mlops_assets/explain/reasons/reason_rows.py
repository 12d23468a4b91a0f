"""The reasons of a batch of explained rows, from their attributions and input values."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_assets.arrow.value_text import values_as_text
from mlops_assets.errors import ConfigurationError, list_some
from mlops_assets.explain.columns import EXPLAINED_VALUE, OUTPUT, shap_column
from mlops_assets.explain.labels import to_labels
from mlops_assets.explain.ledger.residuals import residual_tolerance
from mlops_assets.explain.ledger.row_filter import RowFilter
from mlops_assets.explain.reasons.catalogue import Entry
from mlops_assets.explain.reasons.rules import ReasonRules, Units
from mlops_assets.explain.reasons.strongest import find_strongest
from mlops_assets.tables.word_columns import WORDS
from mlops_assets.trees.arrays import Floats

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
        outputs = to_labels(ledger.column(OUTPUT), self.output_type).take(taken)
        columns = [
            *(ledger.column(name).take(taken) for name in self.key.names),
            outputs.dictionary_encode() if pa.types.is_string(outputs.type) else outputs,
            pa.array(ranked.ranks.astype(np.int32)),
            _words_at(ranked.units, self.units.names),
            texts,
            pa.array(ranked.attributions),
            pa.array(ranked.shares),
            _words_at(entries, codes),
            _words_at(entries, words),
            pa.array(ranked.stable),
            pa.repeat(pa.scalar(self.version, pa.int64()), len(ranked.rows)),
            _words_at(np.zeros(len(ranked.rows), np.intp), (self.digest,)),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _rank(self, ledger: pa.RecordBatch) -> "_Ranked":
        """Everything that numbers alone say."""
        columns = [ledger.column(shap_column(name)).to_numpy() for name in self.features]
        held = set(ledger.schema.names)
        names = (EXPLAINED_VALUE, "base_value", "residual", *({_STANDARD_ERROR} & held))
        numbers = {name: ledger.column(name).to_numpy(zero_copy_only=False) for name in names}
        blocks = []
        for start in range(0, max(ledger.num_rows, 1), _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            attributions = np.stack([column[block] for column in columns])
            values, error = self._attributions(attributions, {name: each[block] for name, each in numbers.items()})
            blocks.append(_rank_block(values, error, self.rules, start, self.compiled))
        return _Ranked(*map(np.concatenate, zip(*blocks, strict=True)))

    def _attributions(self, columns: Floats, numbers: dict[str, Floats]) -> tuple[Floats, Floats]:
        """(units, n), all finite, and (n,) by how much each may be wrong."""
        magnitude = np.abs(columns).sum(axis=0)
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
        return np.stack([columns[list(places)].sum(axis=0) for places in self.units.members]), error

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
    ) -> tuple[pa.Array, NDArray[np.intp]]:
        """The value of each reason as text, and which of all entries it has."""
        units, rows = ranked.units, places[ranked.rows]
        entries = np.array([first for first, _ in self._entries_of_units], dtype=np.intp)[units]
        texts, order = [pa.array([], pa.string())], [np.zeros(0, dtype=np.intp)]
        for alike in self._units_of_one_type(inputs):
            # Of most tables all columns are of one type, and what is in order need not be put in order.
            is_alike = np.isin(np.arange(len(self.units.names)), alike)
            order.append(np.arange(len(units)) if is_alike.all() else np.flatnonzero(is_alike[units]))
            first = np.zeros(len(is_alike), dtype=np.intp)
            first[alike] = np.arange(len(alike)) * inputs.num_rows
            columns = pa.concat_arrays([inputs.column(self.features[self.units.members[unit][0]]) for unit in alike])
            taken = pa.array(first[units[order[-1]]] + rows[order[-1]])
            texts.append(values_as_text(columns.take(taken), compiled=self.compiled))
        for unit, members in enumerate(self.units.members):
            possible = self._entries_of_units[unit][1]
            if len(members) == 1 and len(possible) <= 1:
                continue
            reasons = np.flatnonzero(units == unit)
            if not len(reasons):
                continue
            taken = pa.array(rows[reasons])
            values = {name: inputs.column(name).take(taken) for name in (self.features[place] for place in members)}
            entries[reasons] += _choose(possible, values, len(reasons))
            if len(members) > 1:
                order.append(reasons)
                texts.append(_leading(ledger, ranked.rows[reasons], values))
        if len(order) == 2:
            return texts[1], entries
        back = np.empty(len(units), dtype=np.int64)
        back[np.concatenate(order)] = np.arange(len(units))
        return pa.concat_arrays(texts).take(pa.array(back)), entries

    def _units_of_one_type(self, inputs: pa.RecordBatch) -> list[list[int]]:
        """The units that are one column each: those of numbers and times by their types, each other one alone."""
        by_type: dict[object, list[int]] = {}
        for unit, members in enumerate(self.units.members):
            if len(members) == 1:
                kind = inputs.schema.field(self.features[members[0]]).type
                by_type.setdefault(kind if pa.types.is_primitive(kind) else unit, []).append(unit)
        return list(by_type.values())


class _Ranked(NamedTuple):
    """Reasons as numbers, one after the other; `rows` and `stable` are of the ledger's rows."""

    rows: NDArray[np.intp]
    ranks: NDArray[np.intp]
    units: NDArray[np.intp]
    attributions: Floats
    shares: Floats
    stable: NDArray[np.bool_]


def _rank_block(values: Floats, error: Floats, rules: ReasonRules, start: int, compiled: bool) -> _Ranked:
    if compiled:
        from mlops_assets.explain.reasons.ranking_kernel import list_reasons

        (rows, ranks, units), (attributions, shares), stable = list_reasons(values, rules.toward, rules.top, error)
        return _Ranked(rows + start, ranks, units, attributions, shares, stable)
    strongest = find_strongest(values, rules.toward, rules.top, error)
    rows, ranks = np.nonzero(np.arange(len(strongest.places)) < strongest.counts[:, None])
    units = strongest.places[ranks, rows]
    attributions = values[units, rows]
    shares = np.abs(attributions) / np.abs(values).sum(axis=0)[rows]
    stable = (strongest.stable & np.isfinite(error))[rows]
    return _Ranked(rows + start, ranks + 1, units, attributions, shares, stable)


def _words_at(places: NDArray[np.intp], words: Sequence[str]) -> pa.Array:
    """(n,): the word at each place; all null where there are no words."""
    if not words:
        return pa.DictionaryArray.from_arrays(pa.nulls(len(places), pa.int32()), pa.array([], pa.string()))
    # Each word once, though several entries may have the same.
    distinct = {word: number for number, word in enumerate(dict.fromkeys(words))}
    numbers = np.array([distinct[word] for word in words], dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(numbers[places]), pa.array(list(distinct), pa.string()))


def _leading(ledger: pa.RecordBatch, rows: NDArray[np.intp], values: dict[str, pa.Array]) -> pa.Array:
    """Of each reason that is a group, name and value of the column that moves the row most in its direction."""
    taken = pa.array(rows)
    parts = np.stack([ledger.column(shap_column(name)).take(taken).to_numpy() for name in values])
    leading = (parts * np.sign(parts.sum(axis=0))).argmax(axis=0)
    texts = [
        pc.binary_join_element_wise(name, pc.fill_null(values_as_text(each), "missing"), " = ")
        for name, each in values.items()
    ]
    return pc.choose(pa.array(leading), *texts)


def _choose(entries: Sequence[Entry], values: dict[str, pa.Array], count: int) -> NDArray[np.int64]:
    """(count,): the first entry whose condition is true."""
    chosen = np.full(count, max(len(entries) - 1, 0), dtype=np.int64)
    for number in range(len(entries) - 2, -1, -1):
        when = entries[number].when
        assert when is not None
        chosen[RowFilter(when).mask(values).to_numpy(zero_copy_only=False)] = number
    return chosen
