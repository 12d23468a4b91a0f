"""Tables that another asset hands over, as input tables."""

import sys
from collections.abc import Callable, Iterator, Sequence, Sized
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.batching import BATCH_ROWS
from mlops_assets.arrow.input_table import InputTable, key_rows
from mlops_assets.errors import TableError


def from_arrow_like(
    table: object,
    row_key: Sequence[str] | None = None,
    *,
    columns: Sequence[str] | None = None,
    limit: int | None = None,
    uri: str = "memory",
) -> InputTable:
    """An `InputTable` from what is in memory or lazily at hand, without copying where Arrow allows it.

    Parameters
    ----------
    table
        A ``ds.Dataset``, ``pa.Table``, ``pa.RecordBatch``, ``pa.RecordBatchReader``, a pandas DataFrame (an index with
        a name, or one that is not a RangeIndex, is the row key), or anything with ``__arrow_c_stream__`` (polars,
        DuckDB). A reader and a stream without a length are read once; the others as often as wanted.
    row_key, columns, limit
        As for `TableSource`.
    uri
        What errors call the table, for example an asset key.

    Raises
    ------
    TableError
        The object is none of these, or a column of a DataFrame mixes types.
    """
    if isinstance(table, ds.Dataset):
        schema, batches = table.schema, _from_dataset(table)
    elif isinstance(table, pa.RecordBatchReader):
        schema, batches = table.schema, _read_once(table, uri)
    elif isinstance(table, pa.RecordBatch):
        schema, batches = table.schema, _from_table(pa.Table.from_batches([table]))
    elif isinstance(table, pa.Table):
        schema, batches = table.schema, _from_table(table)
    elif _is_dataframe(table):
        converted = _from_pandas(table, uri)
        schema, batches = converted.schema, _from_table(converted)
    elif hasattr(table, "__arrow_c_stream__"):
        reader = pa.RecordBatchReader.from_stream(table)
        schema = reader.schema
        batches = _reopen_each_time(table) if isinstance(table, Sized) else _read_once(reader, uri)
    else:
        raise TableError(
            f"A {type(table).__module__}.{type(table).__qualname__} is not a table",
            where=uri,
            fix="Hand over a pyarrow Dataset, Table or RecordBatchReader, a pandas DataFrame, or an object with "
            "__arrow_c_stream__ such as a polars DataFrame",
        )
    return key_rows(schema, batches, uri=uri, row_key=row_key, columns=columns, limit=limit)


Opener = Callable[[Sequence[str]], Iterator[pa.RecordBatch]]


def _from_dataset(dataset: ds.Dataset) -> Opener:
    def batches(columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        scanner = dataset.scanner(list(columns), batch_size=BATCH_ROWS, batch_readahead=2, fragment_readahead=1)
        yield from scanner.to_batches()

    return batches


def _from_table(table: pa.Table) -> Opener:
    def batches(columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        yield from table.select(list(columns)).to_batches(BATCH_ROWS)

    return batches


def _reopen_each_time(source: object) -> Opener:
    def batches(_columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        yield from pa.RecordBatchReader.from_stream(source)

    return batches


def _read_once(reader: pa.RecordBatchReader, uri: str) -> Opener:
    unread = [reader]

    def batches(_columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        if not unread:
            raise TableError("A stream can be read only once", where=uri, fix="Hand over a Table or a Dataset")
        yield from unread.pop()

    return batches


def _is_dataframe(table: object) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(table, pandas.DataFrame)


def _from_pandas(frame: Any, uri: str) -> pa.Table:
    """The frame with its index as columns, unless it is a RangeIndex without a name, which only counts."""
    import pandas as pd

    counts = isinstance(frame.index, pd.RangeIndex) and frame.index.name is None
    if twice := sorted({str(name) for name in frame.columns[frame.columns.duplicated()]}):
        raise TableError(
            f"More than one column is called {', '.join(map(repr, twice))}",
            where=uri,
            fix="Give every column its own name",
        )
    try:
        return pa.Table.from_pandas(frame, preserve_index=not counts)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        # Arrow puts the value at fault first and the column last.
        column = str(error.args[-1]) if len(error.args) > 1 else "A column holds values of no one type"
        raise TableError(column, where=uri, fix="Give every column of the DataFrame one type") from error
