"""Tables as they are handed over, and where results go."""

from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

import pyarrow as pa

from mlops_assets.arrow.declared_types import declare_types
from mlops_assets.arrow.foreign_tables import from_arrow_like
from mlops_assets.arrow.input_table import InputTable
from mlops_assets.direct.settings import DirectSettings
from mlops_assets.errors import ConfigurationError
from mlops_assets.scoring.reason_text import format_reasons
from mlops_assets.storage.location import Location
from mlops_assets.tables.csv_writer import PlainCsvWriter
from mlops_assets.tables.parquet_writer import ParquetWriter
from mlops_assets.tables.source import TableSource
from mlops_assets.tables.table_writer import TableWriter, Written

_DATABASES = ("sqlite://", "postgresql://", "postgres://", "duckdb://")
_WRITERS: Mapping[str, TableWriter] = {".parquet": ParquetWriter(), ".csv": PlainCsvWriter()}


def open_table(
    table: object, settings: DirectSettings, limit: int | None = None, label: str | None = None
) -> InputTable:
    """A path or URL, or whatever holds a table in memory, as a keyed stream of rows.

    Parameters
    ----------
    label
        Read as well, where the settings say which columns are read.

    Raises
    ------
    TableError, ConfigurationError
        See `TableSource.open` and `from_arrow_like`.
    """
    if limit is not None and limit < 0:
        raise ConfigurationError(f"limit is {limit}", fix="Use a number of rows from 0 up, or leave it out")
    columns = settings.columns
    if columns and label is not None and label not in columns:
        columns = (*columns, label)
    if isinstance(table, str | PathLike):
        if str(fspath(table)).startswith(_DATABASES):
            raise ConfigurationError(
                "A database is not read here",
                where=str(fspath(table)).partition("://")[0] + "://",
                fix="Write the table into a file first, or make a project: mlops-assets init --inputs URL --table NAME",
            )
        return TableSource(
            Location.parse(str(fspath(table))),
            format=settings.format,
            row_key=settings.row_key,
            columns=columns,
            limit=limit,
            types=settings.types,
            delimiter=settings.delimiter,
        ).open()
    if settings.format or settings.delimiter:
        raise ConfigurationError(
            "format and delimiter say how a file is read, and the table is in memory",
            where=type(table).__name__,
            fix="Leave them out",
        )
    in_memory = from_arrow_like(
        table, settings.row_key, columns=columns, limit=limit, uri=f"the {type(table).__name__}"
    )
    return declare_types(in_memory, settings.types)


def without_numbering(table: object) -> Any:
    """A table whose rows need no key: a DataFrame of pandas that was sampled has no numbers that occur twice."""
    index = getattr(table, "index", None)
    is_numbered = type(table).__module__.startswith("pandas.") and [*getattr(index, "names", ())] == [None]
    return table.reset_index(drop=True) if is_numbered else table  # type: ignore[attr-defined]  # a DataFrame has it


def find_writer(out: str, inputs: object = None) -> tuple[TableWriter, Location]:
    """The writer for a file's extension, and the place that it is given.

    Raises
    ------
    ConfigurationError
        There is no writer for it, or it is where the inputs are.
    """
    target = Location.parse(out)
    writer = next((each for each in _WRITERS.values() if target.name.endswith(each.extension)), None)
    if writer is None:
        raise ConfigurationError(
            "The extension does not show a format that is written", where=out, fix=f"Use {' or '.join(_WRITERS)}"
        )
    if isinstance(inputs, str | PathLike) and Location.parse(str(fspath(inputs))).address == target.address:
        raise ConfigurationError(
            "The result would replace the table that is read", where=out, fix="Write to another file"
        )
    address = target.address.removesuffix(writer.extension)
    return writer, Location(address, target.storage_options)


def write_table(reader: pa.RecordBatchReader, out: str, inputs: object = None) -> Written:
    """Write a file, whole or not at all; as CSV, the reasons of refused rows are text.

    Raises
    ------
    ConfigurationError, TableError
        See `find_writer` and `TableWriter.write`.
    """
    writer, place = find_writer(out, inputs)
    return writer.write(format_reasons(reader) if isinstance(writer, PlainCsvWriter) else reader, place)
