"""The writers of published tables, by the format's name in the configuration."""

from collections.abc import Mapping

from mlops_assets.errors import ConfigurationError, did_you_mean
from mlops_assets.tables.csv_writer import CsvWriter
from mlops_assets.tables.delta.writer import DeltaWriter
from mlops_assets.tables.parquet_writer import ParquetWriter
from mlops_assets.tables.table_writer import STALE, TableWriter, Written

__all__ = ["STALE", "WRITERS", "CsvWriter", "DeltaWriter", "ParquetWriter", "TableWriter", "Written", "writer_for"]

WRITERS: Mapping[str, TableWriter] = {"parquet": ParquetWriter(), "csv": CsvWriter(), "delta": DeltaWriter()}


def writer_for(format_name: str) -> TableWriter:
    """The writer of a format.

    Raises
    ------
    ConfigurationError
        There is none of that name; the message lists them.
    """
    if format_name not in WRITERS:
        raise ConfigurationError(
            f"{format_name!r} is not a format of published tables{did_you_mean(format_name, WRITERS)}",
            fix=f"Use one of {', '.join(WRITERS)}",
        )
    return WRITERS[format_name]
