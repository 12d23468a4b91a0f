"""Parquet as input."""

import re
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from mlops_assets.arrow.batching import BATCH_ROWS
from mlops_assets.arrow.type_kinds import is_nested
from mlops_assets.errors import TableError, describe_without_values
from mlops_assets.storage.location import Location
from mlops_assets.tables.files import FileFormat, looks_like, translate_read_errors

_BUFFER_BYTES = 1 << 20
"""Column chunks are read through a buffer of this size; whole ones would make memory grow with the row group."""

# What Arrow says of files whose bytes were changed or cut, and of those that it was built without the means to read.
_DAMAGED = re.compile(
    r"magic bytes|[Cc]orrupt|Unexpected end|deserialize|not in dictionary bounds|base64|[Tt]runcated|EOF|out of bounds"
)
_NOT_BUILT = re.compile(r"not built|not supported|[Uu]nsupported|codec")


class ParquetFiles(FileFormat):
    name = "parquet"
    extensions = (".parquet", ".pq", ".parq")

    def schema(self, file: Location) -> pa.Schema:
        with translate_read_errors(file), file.filesystem.open_input_file(file.path) as stream:
            return self._fragment(stream, file).physical_schema

    def open_fragment(self, file: Location) -> ds.ParquetFileFragment:
        """A local file that stays open, its footer read."""
        with translate_read_errors(file):
            return self._fragment(pa.OSFile(file.path), file)

    def _fragment(self, stream: pa.NativeFile, file: Location) -> ds.ParquetFileFragment:
        """Half the time of a `pq.ParquetFile`, which also builds the paths of all columns."""
        self._check_head(stream, file)
        try:
            fragment = scan_format().make_fragment(stream)
            fragment.ensure_complete_metadata()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise _unreadable(file, error) from error
        return fragment

    def is_without_rows(self, file: Location, /) -> bool:
        with translate_read_errors(file), file.filesystem.open_input_file(file.path) as stream:
            return bool(self._open(stream, file).metadata.num_rows == 0)

    def batches(self, file: Location, _schema: pa.Schema, columns: Sequence[str], /) -> Iterator[pa.RecordBatch]:
        with translate_read_errors(file), file.filesystem.open_input_file(file.path) as stream:
            parquet = self._open(stream, file)
            names_in_file = set(parquet.schema_arrow.names)
            names = [column for column in columns if column in names_in_file]
            if not names:
                # Rows without columns still count: a batch keeps its number of rows only with one column in it.
                names = parquet.schema_arrow.names[:1]
            try:
                yield from parquet.iter_batches(BATCH_ROWS, columns=names)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
                if isinstance(error, pa.ArrowInvalid) and _has_nulls_in_fixed_size_lists(parquet, names):
                    # https://github.com/apache/arrow/issues/35692: it can be written, and not be read.
                    raise TableError(
                        "A fixed-size list is null, which Arrow cannot read from Parquet",
                        where=file.uri,
                        fix="Write the column as a list without a fixed size",
                    ) from error
                raise _unreadable(file, error) from error

    @staticmethod
    def _check_head(stream: pa.NativeFile, file: Location) -> None:
        head = stream.read(512)
        if not head.startswith((b"PAR1", b"PARE")):
            what = looks_like(head) or "unknown bytes"
            raise TableError(
                f"The file is not Parquet, it looks like {what}",
                where=file.uri,
                fix="Set format to what the file is, or write it as Parquet",
            )
        stream.seek(0)

    def _open(self, stream: pa.NativeFile, file: Location) -> pq.ParquetFile:
        self._check_head(stream, file)
        try:
            return pq.ParquetFile(stream, buffer_size=_BUFFER_BYTES, pre_buffer=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise _unreadable(file, error) from error


def scan_format() -> ds.ParquetFileFormat:
    """The format of a lazy dataset that is read in bounded memory.

    Arrow's default keeps every byte that it has fetched until a file is read to its end: two gigabytes of memory for
    two gigabytes of file.
    """
    return ds.ParquetFileFormat(default_fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False))


def _has_nulls_in_fixed_size_lists(parquet: pq.ParquetFile, names: Sequence[str]) -> bool:
    """By the statistics of the file; null elements count as well, but these alone can be read."""
    fixed = {name for name in names if _holds_fixed_size_list(parquet.schema_arrow.field(name).type)}
    metadata = parquet.metadata
    for group in range(metadata.num_row_groups):
        for at in range(metadata.num_columns):
            column = metadata.row_group(group).column(at)
            if column.path_in_schema.partition(".")[0] in fixed:
                statistics = column.statistics
                if statistics is None or not statistics.has_null_count or statistics.null_count:
                    return True
    return False


def _holds_fixed_size_list(kind: pa.DataType) -> bool:
    if pa.types.is_fixed_size_list(kind):
        return True
    children = (kind.field(at).type for at in range(kind.num_fields))
    return is_nested(kind) and any(_holds_fixed_size_list(child) for child in children)


def _unreadable(file: Location, error: Exception) -> TableError:
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        return TableError(f"The file cannot be read: {error.strerror}", where=file.uri, fix="Check that it may be read")
    if "ncrypt" in text or "ecrypt" in text:
        return TableError("The Parquet file is encrypted", where=file.uri, fix="Write it without encryption")
    if _NOT_BUILT.search(text):
        return TableError(
            f"The Parquet file uses what the installed pyarrow lacks: {describe_without_values(error)}",
            where=file.uri,
            fix="Write it with another codec or encoding, such as compression='zstd'",
        )
    if _DAMAGED.search(text):
        return TableError(
            "The Parquet file is damaged or was not written to its end", where=file.uri, fix="Write it again"
        )
    return TableError(
        f"The Parquet file cannot be read, and Arrow gives as the reason: {describe_without_values(error)}",
        where=file.uri,
        fix="Read it with pyarrow.parquet.read_table to see whether it is whole, or write it again",
    )
