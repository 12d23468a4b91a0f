"""A published table as the type that its consumer asks for."""

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.batching import BATCH_ROWS, first_rows
from mlops_assets.errors import TableError
from mlops_assets.progress.report import track

_FEW_ROWS, _FEW_CELLS = 8_192, 262_144


def as_type(dataset: ds.Dataset, annotation: object) -> Any:
    """`dataset` as the type that a consumer annotates.

    ``pa.Table`` and a pandas DataFrame (row keys stay columns) are read whole; ``pa.RecordBatchReader`` streams in
    batches of at most 65,536 rows; ``ds.Dataset``, ``Any`` and everything else get the lazy dataset itself.
    ``X | None`` and ``Annotated[X, ...]`` count as ``X``.
    """
    annotation = _unwrap(annotation)
    if annotation is pa.Table:
        return _read_whole(dataset)
    if annotation is pa.RecordBatchReader:
        return dataset.scanner(batch_size=BATCH_ROWS, batch_readahead=2, fragment_readahead=1).to_reader()
    if _is_pandas_dataframe(annotation):
        # Without its metadata: a stored pandas index would otherwise take the row key out of the columns.
        return _read_whole(dataset).to_pandas(ignore_metadata=True)
    return dataset


def _read_whole(dataset: ds.Dataset) -> pa.Table:
    with track("reading a table into memory", unit=""):
        return dataset.to_table()


def rows_of(
    dataset: ds.Dataset, columns: Sequence[str] | None = None, batch_rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """The rows in order, in batches of 1 to `batch_rows`; one row group of a Parquet table is in memory at most.

    Row group by row group, because Arrow's scanner reads on while its batches wait: half a gigabyte of a table
    of ten million rows, whatever its readahead is set to.
    """
    names = None if columns is None else list(columns)
    # Who asks for small batches wants the first of them: what is read ahead is decoded for nothing.
    ahead = {"batch_readahead": 2 if batch_rows == BATCH_ROWS else 0, "fragment_readahead": 1}
    # Whoever works on the rows says so itself; what only looks at them, such as a check, is heard of by this.
    with track("reading rows", lambda: int(dataset.count_rows()), behind=True) as stage:
        for fragment in dataset.get_fragments():
            pieces = fragment.split_by_row_group() if isinstance(fragment, ds.ParquetFileFragment) else [fragment]
            for piece in pieces:
                scanner = piece.scanner(schema=dataset.schema, columns=names, batch_size=batch_rows, **ahead)
                for batch in scanner.to_batches():
                    if batch.num_rows:
                        yield batch
                        stage.advance(batch.num_rows)


def rows_between(dataset: ds.Dataset, start: int, stop: int) -> Iterator[pa.RecordBatch]:
    """The rows of these positions (from 0, `stop` left out), in order; row groups without any of them are not read."""
    position = 0
    for fragment in dataset.get_fragments():
        pieces = fragment.split_by_row_group() if isinstance(fragment, ds.ParquetFileFragment) else [fragment]
        for piece in pieces:
            if position >= stop:
                return
            rows = _count(piece)
            if position + rows > start:
                at = position
                for batch in piece.scanner(schema=dataset.schema, batch_size=BATCH_ROWS).to_batches():
                    first, last = max(start - at, 0), min(stop - at, batch.num_rows)
                    if first < last:
                        yield batch.slice(first, last - first)
                    at += batch.num_rows
            position += rows


def _count(piece: ds.Fragment) -> int:
    """Rows of a fragment; of some row groups of a file, `count_rows` counts the whole file (pyarrow 25)."""
    if isinstance(piece, ds.ParquetFileFragment):
        return sum(int(group.num_rows) for group in piece.row_groups)
    return int(piece.count_rows())


def first_of(dataset: ds.Dataset, count: int) -> pa.Table:
    """The first `count` rows; unlike `Dataset.head` it reads little more than these."""
    # A scanner cuts a whole row group, whoever stops reading: many batches of few rows would take long.
    least = min(_FEW_ROWS, max(1, _FEW_CELLS // max(1, len(dataset.schema))))
    batches = rows_of(dataset, batch_rows=max(least, min(count, BATCH_ROWS)))
    return pa.Table.from_batches(first_rows(batches, count), dataset.schema)


def concatenate(datasets: Sequence[ds.Dataset], limit: int | None = None) -> ds.Dataset:
    """Partitions of one table as one lazy dataset, in order; its metadata is that of none of them.

    A column that some of them lack is null there.

    Raises
    ------
    TableError
        A column has different types in two of them.
    """
    kinds: dict[str, set[pa.DataType]] = {}
    for dataset in datasets:
        for field in dataset.schema:
            kinds.setdefault(field.name, set()).add(field.type)
    if differing := {name: kind for name, kind in kinds.items() if len(kind - {pa.null()}) > 1}:
        listed = ", ".join(f"{name!r} ({' and '.join(sorted(map(str, kind)))})" for name, kind in differing.items())
        raise TableError(
            f"The partitions differ in the types of the columns {listed}",
            fix="Materialize the older partitions again, or load each by itself: annotate dict[str, pa.Table]",
        )
    everywhere = set.intersection(*(set(dataset.schema.names) for dataset in datasets))
    whole = ds.dataset(
        [
            dataset.replace_schema(
                pa.schema(field if field.name in everywhere else field.with_nullable(True) for field in dataset.schema)
            )
            for dataset in datasets
        ]
    )
    return whole if limit is None else ds.dataset(first_of(whole, limit))


def _unwrap(annotation: object) -> object:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _unwrap(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        some = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        return _unwrap(some[0]) if len(some) == 1 else annotation
    return annotation


def _is_pandas_dataframe(annotation: object) -> bool:
    return isinstance(annotation, type) and any(
        base.__module__.split(".")[0] == "pandas" and base.__name__ == "DataFrame" for base in annotation.__mro__
    )


def by_partition(annotation: object) -> object | None:
    """What a consumer wants of each partition: ``X`` where it annotates ``dict[str, X]``, else None."""
    if typing.get_origin(annotation) in (dict, Mapping):
        value_type: object = typing.get_args(annotation)[1]
        return value_type
    return None
