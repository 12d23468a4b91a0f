"""A table as the rest of the package meets it: a keyed stream of Arrow batches."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.batching import BATCH_ROWS, split_batches
from mlops_assets.arrow.plain_types import plain_batch, plain_schema
from mlops_assets.errors import TableError, list_some, list_with_suggestions
from mlops_assets.progress.report import track
from mlops_assets.signatures.contract.delimiters import delimiter_advice
from mlops_assets.storage.location import Location

ROW_NUMBER = "row_number"
"""The generated row key: the row's position, from 0."""


class InputSplit(Protocol):
    """Consecutive rows of a table, as a small value that another process opens; see `tables.splits.Split`."""

    @property
    def number(self) -> int:
        """Its place among the table's splits, from 0."""

    @property
    def identity(self) -> str:
        """What changes when its rows do."""

    @property
    def rows(self) -> int | None:
        """How many; None where only reading shows it."""

    @property
    def first_row(self) -> int | None:
        """The position of its first row in the table; None where only reading shows it."""

    @property
    def lacks_first_row(self) -> bool:
        """Whether it can be opened only once it is told its first row (`starting_at`), because rows are numbered."""

    @property
    def location(self) -> Location:
        """The first file that its rows are in."""

    def count_rows(self) -> int:
        """How many rows it has; reads them where nothing else shows it."""

    def starting_at(self, first_row: int) -> "InputSplit":
        """The same rows, the first of which has this position in the table."""

    def open(self) -> "InputTable":
        """Its rows, as a table like the one they are of."""


@dataclass(frozen=True)
class InputTable:
    """Rows with a key, in order, read in bounded memory.

    Attributes
    ----------
    schema
        Plain types (no dictionary encoding), no metadata. Key columns keep their place; those that were not selected
        come first.
    row_key
        The columns that identify a row, at least one. That they do is checked by `tables.keys`, not here.
    text_columns
        Columns that are text only because their file has no types (CSV): to be parsed where their type is known.
    uri
        Where the rows come from, without credentials.
    raw
        The table before its columns were converted to declared types, row key apart; None where none are declared.
    types
        The declared types of columns that are not in the row key.
    listing
        Which files there were before it was opened, as one token; None where nobody looked.
    """

    schema: pa.Schema
    row_key: tuple[str, ...]
    text_columns: frozenset[str]
    uri: str
    _open: Callable[[], Iterator[pa.RecordBatch]] = field(repr=False)
    _lazy: Callable[[pa.Schema], ds.Dataset] | None = field(default=None, repr=False)
    _parts: Callable[[], tuple[int, ...]] | None = field(default=None, repr=False)
    raw: "InputTable | None" = field(default=None, repr=False)
    types: Mapping[str, pa.DataType] = field(default_factory=dict, hash=False)
    listing: str | None = None
    _place: Callable[[int], tuple[int, str]] | None = field(default=None, repr=False)
    _splits: Callable[[], tuple[InputSplit, ...] | None] | None = field(default=None, repr=False)
    _narrow: Callable[[Sequence[str]], "InputTable"] | None = field(default=None, repr=False)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows in order, in batches of 1 to 65,536; every call starts anew, save for a stream that cannot.

        Raises
        ------
        TableError
            A row key is null, the files are damaged, or a stream was read before.
        """
        return self._open()

    def reader(self) -> pa.RecordBatchReader:
        """`batches` as a reader."""
        return pa.RecordBatchReader.from_batches(self.schema, self.batches())

    def narrow(self, columns: Sequence[str]) -> "InputTable":
        """The same rows with the row key and these columns, without reading others where the table can be asked so.

        One that cannot is returned as it is.
        """
        return self._narrow(columns) if self._narrow else self

    def parts(self) -> tuple[int, ...]:
        """Rows of each file that `batches` has read the last time, in order; empty where there are no files.

        No batch holds rows of two files.
        """
        return self._parts() if self._parts else ()

    def splits(self) -> tuple[InputSplit, ...] | None:
        """The table in pieces of the size of a part, whose rows one after the other are its rows.

        Empty where it is one piece; None where it cannot be cut: a stream, a query, rows up to a limit. Reads no rows.

        Raises
        ------
        TableError
            A file of the table is gone or unreadable.
        """
        return self._splits() if self._splits else None

    def place_of(self, position: int) -> tuple[int, str]:
        """How an error names a row that `batches` has just handed on: its number, and the table or file it counts in.

        Parameters
        ----------
        position
            Among the rows of `batches`, from 0.
        """
        return self._place(position) if self._place else (position, self.uri)

    def dataset(self) -> ds.Dataset | None:
        """The same rows and columns as a lazy dataset, where the files themselves hold exactly these; else None.

        Does not check row keys for nulls.
        """
        return self._lazy(self.schema) if self._lazy else None


def key_rows(
    schema: pa.Schema,
    batches: Callable[[Sequence[str]], Iterator[pa.RecordBatch]],
    *,
    uri: str,
    row_key: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    limit: int | None = None,
    text_columns: frozenset[str] = frozenset(),
    lazy: Callable[[pa.Schema], ds.Dataset] | None = None,
    parts: Callable[[], tuple[int, ...]] | None = None,
    count: Callable[[], int | None] | None = None,
    share: Callable[[], float | None] | None = None,
    first_row: int = 0,
    place: Callable[[int], tuple[int, str]] | None = None,
) -> InputTable:
    """An `InputTable` over rows that a callback reads.

    Parameters
    ----------
    schema
        The rows' columns; the pandas metadata in it names the index columns.
    batches
        Opens the rows, with at least the stored columns asked for.
    row_key
        The key's columns; None takes pandas' stored index, else a generated `row_number`.
    columns
        What to hand on beside the key; None is everything.
    limit
        At most so many rows, from the start.
    count
        The number of rows by the table's own bookkeeping; None where that does not say.
    share
        The part of the table that `batches` has read the last time, from 0 to 1.
    first_row
        What generated row numbers begin with.
    place
        See `InputTable.place_of`.

    Raises
    ------
    TableError
        A column is asked for that is not there, two have one name, or `row_number` is taken.
    """
    _refuse_duplicates(schema, uri)
    index = _pandas_index(schema, uri, needed=not row_key)
    shown = {name: index.get(name, name) for name in schema.names}
    available = list(shown.values())
    if row_key:
        key = tuple(row_key)
        _refuse_unknown(key, available, "Row key column", uri)
    else:
        key = tuple(index.values())
    _refuse_unknown(columns or (), available, "Column", uri)
    if columns is None:
        selected = available
    else:
        asked = dict.fromkeys(columns)
        selected = [*(name for name in key if name not in asked), *asked]
    generated = not key
    if generated and ROW_NUMBER in available:
        raise TableError(
            f"The table has a column {ROW_NUMBER!r}, so none can be generated as its row key",
            where=uri,
            fix=f"Set row_key: [{ROW_NUMBER}] if it identifies a row, else name the columns that do",
        )
    stored_by_shown = {name: stored for stored, name in shown.items()}
    stored = [stored_by_shown[name] for name in selected]
    plain = plain_schema(pa.schema([schema.field(name) for name in stored]))
    fields = [field.with_name(name) for field, name in zip(plain, selected, strict=True)]
    if generated:
        key = (ROW_NUMBER,)
        fields = [pa.field(ROW_NUMBER, pa.int64(), nullable=False), *fields]
    result = pa.schema(fields)

    def expected() -> int | None:
        rows = None if count is None else count()
        return rows if rows is None or limit is None else min(rows, limit)

    def opened() -> Iterator[pa.RecordBatch]:
        with track("reading the inputs", expected, share=share) as stage:
            position = 0
            for batch in split_batches(batches(stored), BATCH_ROWS):
                if limit is not None and position >= limit:
                    return
                taken = batch if limit is None else batch.slice(0, limit - position)
                arrays = plain_batch(taken.select(stored), plain).columns
                if generated:
                    start = first_row + position
                    arrays = [pa.array(np.arange(start, start + taken.num_rows, dtype=np.int64)), *arrays]
                keyed_batch = pa.RecordBatch.from_arrays(arrays, schema=result)
                _refuse_null_keys(keyed_batch, key, *(place(position) if place else (position, uri)))
                position += taken.num_rows
                yield keyed_batch
                stage.advance(taken.num_rows)

    def narrow(names: Sequence[str]) -> InputTable:
        return key_rows(
            schema,
            batches,
            uri=uri,
            row_key=row_key,
            columns=names,
            limit=limit,
            text_columns=text_columns,
            lazy=lazy,
            parts=parts,
            count=count,
            share=share,
            first_row=first_row,
            place=place,
        )

    as_stored = not generated and limit is None and stored == selected and plain.types == _types_of(schema, stored)
    dataset = lazy if as_stored else None
    return InputTable(
        result, key, text_columns & set(selected), uri, opened, dataset, parts, _place=place, _narrow=narrow
    )


def _types_of(schema: pa.Schema, names: Sequence[str]) -> list[pa.DataType]:
    return [schema.field(name).type for name in names]


def _pandas_index(schema: pa.Schema, uri: str, *, needed: bool) -> dict[str, str]:
    """The columns that hold a pandas index, as ``{stored name: name to show}``; a RangeIndex is not stored in columns.

    An index without a name is shown as pandas' ``reset_index`` would: ``index``, or ``level_0``, ``level_1``, ... ;
    under its stored name where another column has that one. Unreadable metadata is an error where an index is needed.
    """
    text = (schema.metadata or {}).get(b"pandas")
    if text is None:
        return {}
    try:
        described = list(json.loads(text).get("index_columns", []))
    except (ValueError, RecursionError, TypeError, AttributeError) as error:
        if not needed:
            return {}
        raise TableError(
            f"The pandas metadata of the file, which names its index, cannot be read ({type(error).__name__})",
            where=uri,
            fix="Set row_key to the columns that identify a row",
        ) from error
    names = set(schema.names)
    stored = [name for name in described if isinstance(name, str) and name in names]
    shown = {}
    for level, name in enumerate(stored):
        unnamed = name == f"__index_level_{level}__"
        column = ("index" if len(stored) == 1 else f"level_{level}") if unnamed else name
        shown[name] = name if unnamed and column in names else column
    return shown


def keep_index_names(schema: pa.Schema) -> pa.Schema:
    """`schema` with no metadata of its own but the names by which `key_rows` finds a pandas index.

    The rest may be long, and says how many rows the file has that it comes from.
    """
    index = list(_pandas_index(schema, "", needed=False))
    return schema.with_metadata({b"pandas": json.dumps({"index_columns": index}).encode()} if index else None)


def _refuse_duplicates(schema: pa.Schema, uri: str) -> None:
    if twice := sorted(name for name, count in Counter(schema.names).items() if count > 1):
        names = ", ".join(map(repr, twice))
        raise TableError(f"More than one column is called {names}", where=uri, fix="Give every column its own name")


def _refuse_unknown(names: Sequence[str], available: Sequence[str], role: str, uri: str) -> None:
    known = set(available)
    if unknown := [name for name in names if name not in known]:
        listed = list_with_suggestions(unknown, available)
        raise TableError(
            f"{role}{'s' if len(unknown) > 1 else ''} {listed} not in the table",
            where=uri,
            fix=delimiter_advice(available) or f"Use its columns: {list_some(available)}",
        )


def _refuse_null_keys(batch: pa.RecordBatch, key: Sequence[str], position: int, uri: str) -> None:
    for name in key:
        column = batch.column(name)
        if column.null_count:
            rows = np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)) + position
            shown = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
            raise TableError(
                f"Row key column {name!r} is null at row {shown} (counting from 0)",
                where=uri,
                fix="Fill the column, or choose a row_key that every row has",
            )
