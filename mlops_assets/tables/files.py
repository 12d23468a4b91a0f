"""The files of an input table: which ones count, what their folders say, and how each format is opened."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
from pyarrow import fs as arrow_fs

from mlops_assets.errors import MlopsAssetsError, TableError, describe_without_values
from mlops_assets.redaction.errors import redact_chain
from mlops_assets.storage.local_files import kind_of, list_below
from mlops_assets.storage.location import Location
from mlops_assets.tables.file_format import FileFormat

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
    name: str
    partition: Mapping[str, str | None]


def table_files(location: Location, reader: FileFormat, *, follow_links: bool = True) -> tuple[TableFile, ...]:
    """The file itself, or those below the folder that have the format's extension, sorted by path.

    Parameters
    ----------
    follow_links
        Whether links in a folder may lead out of it. The place itself may always be a link.

    Names that start with ``.`` or ``_`` are temporary or bookkeeping files, in folders and as folders.

    Raises
    ------
    TableError
        Nothing is there, the folder has no such files, or a file has no bytes, is a pipe or a device, or is reached
        twice by links.
    """
    kind = location.kind()
    refuse_special(location)
    if kind == arrow_fs.FileType.NotFound:
        raise TableError("No such file or folder", where=location.uri, fix="Check the path")
    if kind == arrow_fs.FileType.Directory:
        everything = location.files()
        _refuse_delta(location, everything, reader)
        names = [name for name in everything if _counts(name, reader)]
        if location.is_local:
            _refuse_links(location, reader, follow_links)
        if not names:
            raise TableError(
                f"The folder holds no {reader.name} files",
                where=location.uri,
                fix=f"Put files there that end in {' or '.join(reader.extensions)}, or set another format",
            )
        files = tuple(TableFile(location.child(name), name, _partition_of(name)) for name in names)
    else:
        files = (TableFile(location, location.name, {}),)
    for file in files:
        if file.location.size() == 0:
            raise TableError("The file is empty (0 bytes)", where=file.location.uri, fix="Write it again, or remove it")
    return files


MOST_COLUMNS, DEEPEST = 100_000, 100
"""Of a table that is read; and levels of lists, structs and JSON objects inside each other."""


def refuse_large_schema(schema: pa.Schema, file: Location) -> None:
    """Refuse a table of more columns, or of deeper ones, than anything here is made for.

    Raises
    ------
    TableError
        Names the limit.
    """
    refuse_too_wide(len(schema), file)
    for field in schema:
        if field.type.num_fields:
            str(field.type)  # with the names of the fields inside, which may be no text
        if _depth(field.type) > DEEPEST:
            raise TableError(
                f"Column {field.name!r} is nested more than {DEEPEST} levels deep",
                where=file.uri,
                fix=f"Write lists and structs inside each other in at most {DEEPEST} levels",
            )


def _depth(kind: pa.DataType) -> int:
    depth, level = 0, [kind]
    while level and depth <= DEEPEST:
        level = [each.field(at).type for each in level for at in range(each.num_fields)]
        depth += bool(level)
    return depth


def refuse_too_wide(columns: int, file: Location) -> None:
    """The same of a number of columns."""
    if columns > MOST_COLUMNS:
        raise TableError(
            f"The table has {columns} columns, and {MOST_COLUMNS} is the most that is read",
            where=file.uri,
            fix="Write a table of fewer columns, for example with lists in place of numbered columns",
        )


def refuse_other_bytes(batch: pa.RecordBatch, file: Location) -> None:
    """Refuse text that is no UTF-8, which Arrow's readers of JSON and Parquet let pass.

    Raises
    ------
    TableError
        Names the column.
    """
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        try:
            values.validate(full=True)
        except pa.ArrowInvalid as error:
            raise TableError(
                f"Column {name!r} holds bytes that are not UTF-8, or half of a surrogate pair",
                where=file.uri,
                fix="Write the file again as UTF-8",
            ) from error


@contextmanager
def refuse_other_names(place: Location) -> Iterator[None]:
    """Turn what Python says of a column's name that is no UTF-8 into an error that says so."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise TableError(
            "The name of a column holds bytes that are not UTF-8", where=place.uri, fix="Write the file again as UTF-8"
        ) from error


def refuse_special(location: Location) -> None:
    """Refuse what is neither a file nor a folder, before it is opened: to open a pipe waits for its other end.

    Raises
    ------
    TableError
        Names what it is.
    """
    try:
        facts = Path(location.path).stat() if location.is_local else None
    except OSError:
        return  # whoever opens it says why
    if facts is not None and kind_of(facts) not in ("a file", "a folder"):
        raise TableError(
            f"This is {kind_of(facts)}, not a file", where=location.uri, fix="Write the table to a file, and name that"
        )


def _refuse_links(location: Location, reader: FileFormat, follow_links: bool) -> None:
    """Refuse pipes and devices among the files that count, links out of the folder, and files that count twice."""
    once: dict[tuple[int, int], str] = {}
    for entry in sorted(list_below(location.path), key=lambda entry: entry.through_link):
        if not _counts(entry.name, reader):
            continue
        if not entry.is_file or entry.facts is None:
            raise TableError(
                f"{entry.name} is {entry.kind}, not a file",
                where=location.uri,
                fix="Remove it, or give it a name that begins with a dot",
            )
        if entry.leads_out and not follow_links:
            raise TableError(
                f"{entry.name} leads out of the folder, by a link",
                where=location.uri,
                fix="Put the file itself there, or set follow_links: true under inputs",
            )
        file = (entry.facts.st_dev, entry.facts.st_ino)
        if entry.through_link and file in once:
            raise TableError(
                f"{once[file]} and {entry.name} are one file, by a link: its rows would be read twice",
                where=location.uri,
                fix="Remove the link",
            )
        once.setdefault(file, entry.name)


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
    except (MlopsAssetsError, pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise
    except MemoryError as error:
        raise TableError(
            "The file's rows do not fit into memory once they are decoded",
            where=file.uri,
            fix="Write shorter texts and lists, leave columns out with inputs.columns, or give the process more memory",
        ) from error
    except Exception as error:
        if file.is_local and not isinstance(error, OSError):
            raise
        # Arrow's own OSErrors have no strerror.
        reason = type(error).__name__
        if isinstance(error, OSError):
            reason = error.strerror or describe_without_values(error)
        raise TableError(
            f"The file cannot be read: {reason}", where=file.uri, fix="Check that it is whole and that it may be read"
        ) from redact_chain(error)


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
