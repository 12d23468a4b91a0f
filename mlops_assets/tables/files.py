"""The files of an input table: which ones count, what their folders say, and how each format is opened."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar
from urllib.parse import unquote

import pyarrow as pa
from pyarrow import fs as arrow_fs

from mlops_assets.errors import TableError, describe_without_values
from mlops_assets.storage.location import Location

_PARTITION = re.compile(r"([^=/]+)=([^/]*)")
DELTA_LOG = "_delta_log"
_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_MAGIC = (
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow IPC file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"PK\x03\x04", "a zip archive (or an Excel workbook)"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)


@dataclass(frozen=True)
class TableFile:
    """One file of a table, with what the folders above it say (``year=2024/``): text, None for a null."""

    location: Location
    partition: Mapping[str, str | None]


class FileFormat(ABC):
    """How the files of one format are read: a strategy."""

    name: ClassVar[str]
    extensions: ClassVar[tuple[str, ...]]

    @abstractmethod
    def schema(self, file: Location) -> pa.Schema:
        """The columns of one file, with its own metadata.

        Raises
        ------
        TableError
            The file is not of this format.
        """

    def is_without_rows(self, _file: Location, /) -> bool:
        """Whether a file's own bookkeeping says that it has no rows; False where only reading would show it."""
        return False

    def several_kinds(self, _name: str, /) -> pa.Field | None:
        """The column that carries values of several kinds, for the contract to judge; None where a format has none."""
        return None

    def promoted(self, first: pa.Field, _second: pa.Field, both: pa.DataType, /) -> pa.Field | None:
        """The column of two files whose types one type holds; None: perhaps not every value."""
        return first.with_type(both)

    @abstractmethod
    def batches(self, file: Location, schema: pa.Schema, columns: Sequence[str], /) -> Iterator[pa.RecordBatch]:
        """The rows of one file in order, with at least those of `columns` that it has; bounded memory.

        `schema` is the whole table's: what the formats without types of their own read the columns as.
        """


def table_files(location: Location, reader: FileFormat) -> tuple[TableFile, ...]:
    """The file itself, or those below the folder that have the format's extension, sorted by path.

    Names that start with ``.`` or ``_`` are temporary or bookkeeping files, in folders and as folders.

    Raises
    ------
    TableError
        Nothing is there, the folder has no such files, or a file has no bytes.
    """
    kind = location.kind()
    if kind == arrow_fs.FileType.NotFound:
        raise TableError("No such file or folder", where=location.uri, fix="Check the path")
    if kind == arrow_fs.FileType.Directory:
        everything = location.files()
        _refuse_delta(location, everything, reader)
        names = [name for name in everything if _counts(name, reader)]
        if not names:
            raise TableError(
                f"The folder holds no {reader.name} files",
                where=location.uri,
                fix=f"Put files there that end in {' or '.join(reader.extensions)}, or set another format",
            )
        files = tuple(TableFile(location.child(name), _partition_of(name)) for name in names)
    else:
        files = (TableFile(location, {}),)
    for file in files:
        if file.location.size() == 0:
            raise TableError("The file is empty (0 bytes)", where=file.location.uri, fix="Write it again, or remove it")
    return files


def _refuse_delta(location: Location, names: Sequence[str], reader: FileFormat) -> None:
    """Refuse to read a Delta table's files by themselves: the log says which of them still count."""
    if reader.name != "parquet":
        return
    inside = next((name for name in names if f"/{DELTA_LOG}/" in f"/{name}"), None)
    table = location
    # The folder of a partition is inside its table's.
    while inside is None and _PARTITION.fullmatch(table.name) and table.address.endswith(table.name):
        table = replace(table, address=table.address.removesuffix(table.name).rstrip("/"))
        if table.child(DELTA_LOG).kind() == arrow_fs.FileType.Directory:
            inside = DELTA_LOG
    if inside is not None:
        raise TableError(
            "The folder is or holds a Delta table: read as Parquet, rows that were removed would come back",
            where=location.uri,
            fix="Set format: delta and the path of the table's own folder",
        )


def _counts(name: str, reader: FileFormat) -> bool:
    return name.lower().endswith(reader.extensions) and not any(part[0] in "._" for part in name.split("/"))


def _partition_of(name: str) -> dict[str, str | None]:
    pairs = (_PARTITION.fullmatch(folder) for folder in name.split("/")[:-1])
    values = {unquote(pair[1]): unquote(pair[2]) for pair in pairs if pair}
    return {column: None if value == _NULL_PARTITION else value for column, value in values.items()}


def looks_like(head: bytes) -> str | None:
    """What the first bytes of a file betray: a known binary format, ``text``, or None for unknown bytes."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if b"\0" in head:
        return None
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return "JSON Lines"
    return "text"


@contextmanager
def translate_read_errors(file: Location) -> Iterator[None]:
    """Turn an operating system's refusal into an error that names the file."""
    try:
        yield
    except OSError as error:
        # Arrow's own OSErrors have no strerror.
        reason = error.strerror or describe_without_values(error)
        raise TableError(
            f"The file cannot be read: {reason}", where=file.uri, fix="Check that it is whole and that it may be read"
        ) from error


def align_columns(
    batch: pa.RecordBatch, schema: pa.Schema, partition: Mapping[str, pa.Scalar], file: Location
) -> pa.RecordBatch:
    """`batch` with exactly the columns of `schema`: partition values repeated, columns that the file lacks null.

    Raises
    ------
    TableError
        A column cannot be cast to the table's type without loss.
    """
    columns = []
    for field in schema:
        if field.name in partition:
            columns.append(pa.repeat(partition[field.name], batch.num_rows))
            continue
        at = batch.schema.get_field_index(field.name)
        if at < 0:
            columns.append(pa.nulls(batch.num_rows, field.type))
            continue
        column = batch.column(at)
        try:
            columns.append(column if column.type == field.type else column.cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise TableError(
                f"Column {field.name!r} is {column.type} here and {field.type} in the whole table, which cannot hold "
                "every value of this file exactly",
                where=file.uri,
                fix="Write the files with one type, or declare the column's under inputs.types",
            ) from error
    return pa.RecordBatch.from_arrays(columns, schema=schema)
