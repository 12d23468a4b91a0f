"""Input tables in files: Parquet, CSV, JSON Lines and Delta, from any place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs as arrow_fs

from mlops_assets.arrow.input_table import InputTable
from mlops_assets.arrow.type_names import arrow_type
from mlops_assets.errors import ConfigurationError, TableError, did_you_mean
from mlops_assets.progress.report import counted_items
from mlops_assets.storage.location import Location
from mlops_assets.tables.csv_files import CsvFiles
from mlops_assets.tables.delimiter import check_delimiter
from mlops_assets.tables.delta.log import is_delta
from mlops_assets.tables.delta.reader import delta_table
from mlops_assets.tables.file_format import FileFormat
from mlops_assets.tables.files import (
    TableFile,
    refuse_large_schema,
    refuse_other_names,
    table_files,
)
from mlops_assets.tables.json_lines_files import JsonLinesFiles
from mlops_assets.tables.many_files import look_at_each
from mlops_assets.tables.mixed_columns import refuse_inconvertible
from mlops_assets.tables.parquet_files import ParquetFiles, scan_format
from mlops_assets.tables.promotion import promote
from mlops_assets.tables.reading_plan import FilePart, ReadingPlan
from mlops_assets.tables.splits import open_plan

__all__ = ["FORMATS", "InputTable", "TableFormat", "TableSource"]

TableFormat = Literal["parquet", "csv", "jsonl", "delta"]
FORMATS: tuple[str, ...] = get_args(TableFormat)


@dataclass(frozen=True)
class TableSource:
    """A table in a file or a folder of files, and how to read it.

    Attributes
    ----------
    location
        A file, or a folder: all its files of the format at any depth, sorted by path, hidden ones left out. The folders
        of a hive-partitioned one (``year=2024/``) become columns.
    format
        None: by the extension, of the file or of the folder's files.
    row_key
        The columns that identify a row. None: the pandas index stored in a Parquet file, else a generated `row_number`.
    columns
        What to read beside the row key; None is everything.
    limit
        At most so many rows, from the start.
    types
        Arrow type names by column (``{"age": "int64"}``); see `declare_types`.
    delimiter
        Of CSV: one character; None is a comma (a tab for ``.tsv``).
    null_values
        Of CSV: what is read as null where it is not in quotes.
    follow_links
        Whether links in the folder may lead out of it; the location itself may always be one.
    version, timestamp
        Of a Delta table: the version's number, or a time at which it was the newest. None: the newest.
    """

    location: Location
    format: TableFormat | None = None
    row_key: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    limit: int | None = None
    types: Mapping[str, str] = field(default_factory=dict, hash=False)
    delimiter: str | None = None
    null_values: tuple[str, ...] = ("",)
    follow_links: bool = False
    version: int | None = None
    timestamp: str | None = None

    def __post_init__(self) -> None:
        where = self.location.uri
        if self.format is not None and self.format not in FORMATS:
            raise ConfigurationError(
                f"{self.format!r} is not a format of input tables{did_you_mean(self.format, FORMATS)}",
                where=where,
                fix=f"Use one of {', '.join(FORMATS)}",
            )
        if self.limit is not None and self.limit < 0:
            raise ConfigurationError(
                f"limit is {self.limit}", where=where, fix="Use a number of rows from 0 up, or null"
            )
        if self.delimiter is not None:
            check_delimiter(self.delimiter, where)

    def open(self) -> InputTable:
        """The table; only schemas (footers, headers, a first block of JSON) are read until its batches are.

        Raises
        ------
        TableError
            Missing, empty, of another format, without matching files, with files that disagree on a column's type, or
            without a column that was asked for.
        ConfigurationError
            The format is neither given nor clear from an extension; a type's name is unknown.
        """
        uri = self.location.uri
        if self.format == "delta" or (self.format is None and is_delta(self.location)):
            return self._delta()
        reader = self._reader()
        files = table_files(self.location, reader, follow_links=self.follow_links)
        declared = {name: arrow_type(kind, where=uri) for name, kind in self.types.items()}
        with refuse_other_names(self.location):
            stored, mixed = _common_schema(files, reader, declared)
        partitions = _partition_fields(files, stored)
        plan = ReadingPlan(
            uri,
            reader,
            tuple(
                FilePart(file.location, file.name, {column.name: _constant(file, column) for column in partitions})
                for file in files
            ),
            pa.schema([*stored, *partitions], metadata=stored.metadata),
            self.row_key,
            self.columns,
            self.limit,
            self.types,
            mixed,
            frozenset(column.name for column in partitions),
            names_files=len(files) > 1 and not isinstance(reader, ParquetFiles),
        )

        def lazy(shown: pa.Schema) -> ds.Dataset:
            return ds.dataset(
                [file.location.path for file in files],
                schema=shown,
                format=scan_format(),
                filesystem=self.location.filesystem,
                partitioning=ds.partitioning(pa.schema(partitions), flavor="hive") if partitions else None,
                partition_base_dir=self.location.path if partitions else None,
            )

        return open_plan(plan, lazy if isinstance(reader, ParquetFiles) and reader.is_as_stored else None)

    def _delta(self) -> InputTable:
        return delta_table(
            self.location,
            version=self.version,
            timestamp=self.timestamp,
            row_key=self.row_key,
            columns=self.columns,
            limit=self.limit,
            types=self.types,
        )

    def _reader(self) -> FileFormat:
        readers: dict[str, FileFormat] = {
            "parquet": ParquetFiles(),
            "csv": CsvFiles({}, self.delimiter, self.null_values),
            "jsonl": JsonLinesFiles(frozenset(self.types)),
        }
        if self.format is not None:
            return readers[self.format]
        names = [self.location.name]
        if not any(names[0].lower().endswith(reader.extensions) for reader in readers.values()):
            names = [name for name in self.location.files() if not any(part[0] in "._" for part in name.split("/"))]
        formats = {key for key, reader in readers.items() for name in names if name.lower().endswith(reader.extensions)}
        if len(formats) == 1:
            return readers[formats.pop()]
        if not self.location.exists():
            raise TableError("No such file or folder", where=self.location.uri, fix="Check the path")
        if self.location.kind() == arrow_fs.FileType.Directory and not names:
            raise TableError(
                "The folder holds no files", where=self.location.uri, fix="Check the path, or put files there"
            )
        if not formats and (unread := next(filter(is_spreadsheet, [self.location.name, *names]), None)) is not None:
            raise ConfigurationError(
                f"A spreadsheet is not read: {unread}",
                where=self.location.uri,
                fix="Save it as CSV or Parquet, and name that file; for example pandas.read_excel(...).to_parquet(...)",
            )
        what = "There are files of several formats" if formats else "The extension does not show the table's format"
        raise ConfigurationError(what, where=self.location.uri, fix=f"Set format to one of {', '.join(FORMATS)}")


def is_spreadsheet(name: str) -> bool:
    """Of a file's name: no format that can be set makes it readable."""
    return name.lower().endswith((".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"))


def _common_schema(
    files: Sequence[TableFile], reader: FileFormat, declared: Mapping[str, pa.DataType]
) -> tuple[pa.Schema, dict[str, pa.DataType]]:
    """The columns of all files: those of the first, then what later ones add; null where a file lacks one.

    With them, the declared types of the columns that are text there because files store them as different types.
    """
    common: pa.Schema | None = None
    mixed: dict[str, pa.DataType] = {}
    met: dict[str, tuple[pa.DataType, TableFile]] = {}
    # JSON Lines are read whole for it: by one thread, which holds one block.
    one_by_one = all(file.location.is_local for file in files) or isinstance(reader, JsonLinesFiles)
    schemas = look_at_each([file.location for file in files], reader.schema, one_by_one=one_by_one)
    for file, schema in zip(counted_items(files, "looking at the columns of the files", "files"), schemas, strict=True):
        refuse_large_schema(schema, file.location)
        met = {column.name: (column.type, file) for column in schema if not pa.types.is_null(column.type)} | met
        if common is None:
            common = schema
            continue
        if schema.names == common.names and schema.types == common.types and _marks(schema) == _marks(common):
            continue
        for column in schema:
            at = common.get_field_index(column.name)
            if at < 0:
                common = common.append(column)
                continue
            earlier = common.field(at)
            several = reader.several_kinds(column.name)
            if several is not None and several.metadata in (column.metadata, earlier.metadata):
                common = common.set(at, several)
            elif pa.types.is_null(earlier.type):
                common = common.set(at, column)
            elif column.type == earlier.type:
                common = common.set(at, reader.promoted(earlier, column, column.type) or earlier)
            elif not pa.types.is_null(column.type):
                if (kind := declared.get(column.name)) is not None:
                    first, first_file = met[column.name]
                    refuse_inconvertible(column.name, first, kind, first_file.location)
                    refuse_inconvertible(column.name, column.type, kind, file.location)
                    mixed[column.name] = kind
                    common = common.set(at, earlier.with_type(pa.string()))
                    continue
                if reader.is_without_rows(file.location):
                    continue
                if reader.is_without_rows(met[column.name][1].location):
                    met[column.name] = (column.type, file)
                    common = common.set(at, column)
                    continue
                both = promote(earlier.type, column.type)
                if both is not None and (promoted := reader.promoted(earlier, column, both)) is not None:
                    common = common.set(at, promoted)
                    continue
                if several is not None:
                    common = common.set(at, several)
                    continue
                raise TableError(
                    f"Column {column.name!r} is {column.type} here and {earlier.type} in the table's earlier files",
                    where=file.location.uri,
                    fix="Write the files with one type, or declare the column's under inputs.types: each value is then "
                    "converted, or its row rejected",
                )
    if common is None:
        raise TableError("The table has no files", fix="Check the path")
    # A column that some file lacks holds nulls, whatever the first file promises.
    if len(files) > 1:
        common = pa.schema([each.with_nullable(True) for each in common], common.metadata)
    return common, mixed


def _marks(schema: pa.Schema) -> list[Mapping[bytes, bytes] | None]:
    return [column.metadata for column in schema]


def _partition_fields(files: Sequence[TableFile], stored: pa.Schema) -> list[pa.Field]:
    """One field per ``name=value`` folder, as text: a type found in all values would change with another folder."""
    names = list(dict.fromkeys(name for file in files for name in file.partition))
    fields, in_files = [], set(stored.names)
    for name in names:
        if name in in_files:
            raise TableError(
                f"Column {name!r} is both in the files and in their folders' names",
                where=files[0].location.uri,
                fix="Rename one of them",
            )
        fields.append(pa.field(name, pa.string()))
    return fields


def _constant(file: TableFile, field: pa.Field) -> pa.Scalar:
    return pa.scalar(file.partition.get(field.name), pa.string()).cast(field.type)
