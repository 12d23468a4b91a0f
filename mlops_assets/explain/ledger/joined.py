"""Predictions beside their explanations: one table in place of a join."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from mlops_assets.arrow.key_hash import canonical
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.errors import ConfigurationError, ExplanationError
from mlops_assets.explain.columns import EXPLAINED_VALUE, OUTPUT, SPACE
from mlops_assets.explain.labels import to_labels
from mlops_assets.explain.ledger.match_rows import AGAIN, WHERE, match_rows
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.stored import StoredLedger, stored_name, todays_schema

_MODEL = ("model_version", "model_digest")


def join_explanations(
    predictions: object, explanations: object, row_key: Sequence[str] | None = None
) -> pa.RecordBatchReader:
    """The explained predictions: each row of the ledger with what `predictions` says of the same row.

    Columns: the row key; the model's outputs as `predictions` names them (``predicted_<name>`` where the ledger has a
    column of that name); the ledger's own; `model_version` and `model_digest`, once. Rows come in the ledger's order,
    one per explained row and output; a row that was not explained is left out. Streams: memory holds a few batches.

    Parameters
    ----------
    predictions, explanations
        The tables `predictions` and `sample_explanations` of one run: a ``ds.Dataset``, ``pa.Table``, pandas DataFrame,
        or anything with ``__arrow_c_stream__`` (polars, DuckDB). Ledgers of earlier releases are taken as well.
    row_key
        The columns that identify a row; None: those that the ledger holds before `output`.

    Raises
    ------
    ConfigurationError
        A table lacks the columns that make it what it should be.
    ExplanationError
        The tables are of different model versions or rows, or not in the same order.

    Examples
    --------
    >>> join_explanations(pq.read_table("predictions.parquet"), pq.read_table("sample_explanations.parquet"))
    ... # doctest: +SKIP
    """
    join = _Join.of(open_dataset(predictions, WHERE), open_dataset(explanations, WHERE), row_key)
    return pa.RecordBatchReader.from_batches(join.schema, join.batches())


def trace_joined_columns(
    predictions: pa.Schema, explanations: pa.Schema, row_key: Sequence[str]
) -> dict[str, tuple[str | None, str | None]]:
    """Each column of the joined table -> its columns in the two tables; None where it has none there."""
    ledger, stored = todays_schema(explanations).names, set(explanations.names)
    older = stored_name(EXPLAINED_VALUE, explanations)
    shared = {*row_key, *_MODEL}
    columns: dict[str, tuple[str | None, str | None]] = {name: (name, name) for name in row_key}
    taken = {*ledger, *columns}
    for name in predictions.names:
        if name not in shared:
            beside = _beside(name, taken)
            columns[beside] = (name, None)
            taken.add(beside)
    for name in ledger:
        if name not in shared:
            old = older if name == EXPLAINED_VALUE else name
            columns[name] = (None, old if old in stored else None)
    return columns | {name: (name, name) for name in _MODEL}


def _beside(name: str, taken: set[str]) -> str:
    """What a model's output is called beside the ledger's columns."""
    while name in taken:
        name = f"predicted_{name}"
    return name


@dataclass(frozen=True)
class _Join:
    predictions: ds.Dataset
    ledger: StoredLedger
    key: tuple[str, ...]
    columns: dict[str, tuple[str | None, str | None]]
    ledger_schema: pa.Schema

    @classmethod
    def of(cls, predictions: ds.Dataset, explanations: ds.Dataset, row_key: Sequence[str] | None) -> "_Join":
        ledger = StoredLedger.of(explanations)
        names = explanations.schema.names
        if OUTPUT not in names:
            raise ConfigurationError(
                "The explanations have no column `output`", where=WHERE, fix="Pass a table of sample_explanations"
            )
        key = tuple(row_key) if row_key is not None else tuple(names[: names.index(OUTPUT)])
        for table, schema in (("predictions", predictions.schema), ("explanations", explanations.schema)):
            if missing := [name for name in (*key, *_MODEL) if name not in schema.names]:
                raise ConfigurationError(
                    f"The {table} lack the columns {missing[:20]}",
                    where=WHERE,
                    fix="Pass the tables as they were published, and in row_key the columns that identify a row",
                )
        if not key:
            raise ConfigurationError(
                "No column before `output` identifies a row", where=WHERE, fix="Name the row key: row_key=[...]"
            )
        refuse_other_rows(Provenance.of(predictions.schema), ledger.provenance)
        if SPACE not in names:
            LedgerProvenance.of(ledger.provenance)  # refuses a ledger that does not say its space
        columns = trace_joined_columns(predictions.schema, explanations.schema, key)
        return cls(predictions, ledger, key, columns, todays_schema(explanations.schema))

    @property
    def schema(self) -> pa.Schema:
        of_predictions, of_ledger = self.predictions.schema, self.ledger_schema
        fields = []
        for name, (scored, _) in self.columns.items():
            own = scored is not None and name not in _MODEL
            fields.append(of_predictions.field(scored).with_name(name) if own else of_ledger.field(name))
        return pa.schema(fields)

    def batches(self) -> Iterator[pa.RecordBatch]:
        ledger = map(self._typed, self.ledger.rows())
        of = self.predictions.schema
        for explained, scored, places in match_rows(ledger, rows_of(self.predictions), self.key, of, "predictions"):
            yield self._joined(scored.take(pa.array(places)), explained)

    def _typed(self, ledger: pa.RecordBatch) -> pa.RecordBatch:
        columns: dict[str, pa.Array] = dict(zip(ledger.schema.names, ledger.columns, strict=True))
        columns[OUTPUT] = to_labels(columns[OUTPUT], self.ledger_schema.field(OUTPUT).type)
        arrays = [columns[field.name].cast(field.type) for field in self.ledger_schema]
        return pa.RecordBatch.from_arrays(arrays, schema=self.ledger_schema)

    def _joined(self, scored: pa.RecordBatch, ledger: pa.RecordBatch) -> pa.RecordBatch:
        for name in (*self.key, *_MODEL):
            one, other = canonical(scored.column(name)), canonical(ledger.column(name).cast(scored.column(name).type))
            if not pc.all(pc.fill_null(pc.equal(one, other), True)).as_py() and not pa.types.is_floating(one.type):
                raise ExplanationError(f"Predictions and explanations differ in {name}", where=WHERE, fix=AGAIN)
        arrays = [
            ledger.column(name) if source is None or name in _MODEL else scored.column(source)
            for name, (source, _) in self.columns.items()
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def refuse_other_rows(scored: Provenance, explained: Provenance) -> None:
    pairs = {
        "model version": (scored.model_uri, explained.model_uri),
        "model files": (scored.model_digest, explained.model_digest),
        "input rows": (scored.inputs_version, explained.inputs_version),
    }
    for what, (one, other) in pairs.items():
        if one is not None and other is not None and one != other:
            raise ExplanationError(
                f"Predictions and explanations are of different {what}: {one} and {other}", where=WHERE, fix=AGAIN
            )


def open_dataset(table: object, where: str) -> ds.Dataset:
    """A table that somebody has read, as what Arrow scans; raises `ConfigurationError` for anything else."""
    if isinstance(table, ds.Dataset):
        return table
    if isinstance(table, pa.RecordBatch):
        return ds.dataset(pa.Table.from_batches([table]))
    if isinstance(table, pa.Table):
        return ds.dataset(table)
    if any(base.__module__.split(".")[0] == "pandas" for base in type(table).__mro__):
        return ds.dataset(pa.Table.from_pandas(table))
    if hasattr(table, "__arrow_c_stream__"):
        stream: Any = table
        return ds.dataset(pa.table(stream))
    raise ConfigurationError(
        f"A {type(table).__qualname__} is not a table",
        where=where,
        fix="Pass a pyarrow Dataset or Table, a DataFrame of pandas or polars, or a relation of DuckDB",
    )
