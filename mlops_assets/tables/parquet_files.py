"""Parquet as input."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from mlops_assets.arrow.type_kinds import is_nested
from mlops_assets.errors import TableError, describe_without_values
from mlops_assets.storage.location import Location
from mlops_assets.tables.file_facts import refuse_replaced
from mlops_assets.tables.file_format import FileFormat, FilePieces
from mlops_assets.tables.files import (
    DEEPEST,
    looks_like,
    refuse_other_bytes,
    translate_read_errors,
)
from mlops_assets.tables.int96 import Unit, int96_columns, int96_unit
from mlops_assets.tables.parquet_batches import rows_at_a_time
from mlops_assets.tables.part_size import Piece

_BUFFER_BYTES = 1 << 20
"""Column chunks are read through a buffer of this size; whole ones would make memory grow with the row group."""

_TAIL_BYTES, _LEAST_BYTES, _MOST_KEPT_BYTES = 8, 12, 4 << 20
"""Of a file: the footer's length and the magic at its end; the two with a magic before them; a footer that is kept."""

_MOST_FOOTER_BYTES = 1 << 30
"""Of text in a footer: a limit of Arrow's, which by default is a tenth of it."""
# What Arrow says of footers that are larger than its limits: more text or more entries in a list; and of schemas that
# its check of flatbuffers finds too deep, or damaged.
_TOO_LARGE = re.compile(r"[Ee]xceeded size limit|MaxMessageSize")
_TOO_DEEP = "Invalid flatbuffers message"

# What Arrow says of files whose bytes were changed or cut, and of those that it was built without the means to read.
_DAMAGED = re.compile(
    r"magic bytes|[Cc]orrupt|Unexpected end|deserialize|not in dictionary bounds|base64|[Tt]runcated|EOF|out of bounds|"
    r"smaller than the minimum"
)
_NOT_BUILT = re.compile(r"not built|not supported|[Uu]nsupported|codec")


class ParquetFiles(FileFormat):
    name = "parquet"
    extensions = (".parquet", ".pq", ".parq")

    def __init__(self) -> None:
        self.is_as_stored = True
        """Whether Arrow by itself reads the files whose schemas were asked for to the same values."""
        self._pieces: dict[str, FilePieces] = {}

    def __reduce__(self) -> tuple[type["ParquetFiles"], tuple[()]]:
        # What it has learnt of the files is of use where a table is planned, not where its rows are read.
        return ParquetFiles, ()

    def schema(self, file: Location) -> pa.Schema:
        with translate_read_errors(file), file.filesystem.open_input_file(file.path) as stream:
            schema = self.schema_of(stream, file)
            if not any(_holds_nanoseconds(kind) for kind in schema.types):
                return schema
            # Arrow reads INT96 as nanoseconds unless it is told otherwise.
            columns = int96_columns(self._open(stream, file))
            if not columns:
                return schema
            self.is_as_stored = False
            try:
                with file.filesystem.open_input_file(file.path) as other:
                    streams = {"ns": stream, "us": other}
                    unit = int96_unit(lambda unit: self._open(streams[unit], file, unit), columns, file)
                return self._open(stream, file, unit).schema_arrow
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
                raise _unreadable(file, error) from error

    def schema_of(self, stream: pa.NativeFile, file: Location) -> pa.Schema:
        """The schema of an open file; `stream` stands at its start afterwards.

        A run looks at the same few tables a dozen times, and thousands of columns take a while: the footer's bytes say
        whether it is the same.
        """
        self._check_head(stream, file)
        bytes_of_footer = _footer(stream)
        try:
            footer = _Footer.read(stream) if bytes_of_footer is None else _footer_in(bytes_of_footer)
            self._pieces[file.address] = footer.pieces
            return footer.schema
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise _unreadable(file, error) from error
        finally:
            stream.seek(0)

    def read_whole(self, file: Location) -> pa.Table:
        """All rows of a small file, in memory, as they are stored; on one thread."""
        with translate_read_errors(file):
            with file.filesystem.open_input_file(file.path) as stream:
                content = stream.read_buffer()
            parquet = self._open(pa.BufferReader(content), file)
            try:
                return parquet.read(use_threads=False)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
                raise _unreadable(file, error) from error

    def is_without_rows(self, file: Location, /) -> bool:
        return self.count_rows(file) == 0

    def count_rows(self, file: Location, /) -> int:
        return sum(piece.rows or 0 for piece in self.pieces(file).pieces)

    def pieces(self, file: Location, /) -> FilePieces:
        """Its row groups, by the footer that its schema was read from."""
        if file.address not in self._pieces:
            with translate_read_errors(file), file.filesystem.open_input_file(file.path) as stream:
                self.schema_of(stream, file)
        return self._pieces[file.address]

    def batches(
        self,
        file: Location,
        schema: pa.Schema,
        columns: Sequence[str],
        _watch: Callable[[pa.NativeFile], None] = lambda _stream: None,
        /,
        *,
        pieces: range | None = None,
        digest: bytes | None = None,
    ) -> Iterator[pa.RecordBatch]:
        with translate_read_errors(file), file.filesystem.open_input_file(file.path) as stream:
            metadata = None if digest is None else self._planned_metadata(stream, file, digest)
            parquet = self._open(stream, file, _unit_of(schema), metadata)
            names_in_file = set(parquet.schema_arrow.names)
            names = [column for column in columns if column in names_in_file]
            if not names:
                # Rows without columns still count: a batch keeps its number of rows only with one column in it.
                names = parquet.schema_arrow.names[:1]
            try:
                if pieces is not None and pieces.stop > parquet.metadata.num_row_groups:
                    raise refuse_replaced(file)
                # Of the file that is open: another one may have taken its place.
                rows = rows_at_a_time(parquet, stream, names, file, pieces)
                for batch in parquet.iter_batches(rows, row_groups=pieces, columns=names):
                    refuse_other_bytes(batch, file)
                    yield batch
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
        stream.seek(0)
        head = stream.read(512)
        if not head.startswith((b"PAR1", b"PARE")):
            what = looks_like(head) or "unknown bytes"
            raise TableError(
                f"The file is not Parquet, it looks like {what}",
                where=file.uri,
                fix="Set format to what the file is, or write it as Parquet",
            )
        stream.seek(0)

    def _planned_metadata(self, stream: pa.NativeFile, file: Location, digest: bytes) -> pq.FileMetaData:
        """The footer's content; an error where it is another one than the digest's."""
        self._check_head(stream, file)
        footer = _footer(stream)
        if footer is None or _digest_of(footer) != digest:
            raise refuse_replaced(file)
        try:
            return _metadata_in(footer)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise _unreadable(file, error) from error

    def _open(
        self, stream: pa.NativeFile, file: Location, int96: Unit = "us", metadata: pq.FileMetaData | None = None
    ) -> pq.ParquetFile:
        self._check_head(stream, file)
        try:
            return pq.ParquetFile(
                stream,
                metadata=metadata,
                buffer_size=_BUFFER_BYTES,
                pre_buffer=False,
                coerce_int96_timestamp_unit=int96,
                thrift_string_size_limit=_MOST_FOOTER_BYTES,
            )
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise _unreadable(file, error) from error


def _unit_of(schema: pa.Schema) -> Unit:
    """What INT96 is read as: the table's schema was made of what its files need."""
    return "ns" if any(map(_holds_nanoseconds, schema.types)) else "us"


def _holds_nanoseconds(kind: pa.DataType) -> bool:
    return "timestamp[ns" in str(kind)


def _footer(stream: pa.NativeFile) -> bytes | None:
    """The end of a file from its metadata on; None where it is long, encrypted or damaged."""
    size = stream.size()
    if size < _LEAST_BYTES:
        return None
    stream.seek(size - _TAIL_BYTES)
    tail = stream.read(_TAIL_BYTES)
    length = int.from_bytes(tail[:4], "little") + _TAIL_BYTES
    if not tail.endswith(b"PAR1") or not _TAIL_BYTES < length <= min(size - len(b"PAR1"), _MOST_KEPT_BYTES):
        return None
    stream.seek(size - length)
    return bytes(stream.read(length))


@dataclass(frozen=True)
class _Footer:
    """What planning needs of a footer."""

    schema: pa.Schema
    pieces: FilePieces

    @classmethod
    def read(cls, source: pa.NativeFile | pa.Buffer, digest: bytes | None = None) -> "_Footer":
        """Faster than by a `pq.ParquetFile`, which builds the paths of all columns."""
        fragment = scan_format().make_fragment(source)
        return cls(fragment.physical_schema, FilePieces(_row_groups(fragment.metadata), digest))


@lru_cache(maxsize=8)
def _footer_in(footer: bytes) -> _Footer:
    return _Footer.read(pa.py_buffer(b"PAR1" + footer), _digest_of(footer))


@lru_cache(maxsize=2)
def _metadata_in(footer: bytes) -> pq.FileMetaData:
    """Kept: a worker reads one split of a file after the other."""
    return scan_format().make_fragment(pa.py_buffer(b"PAR1" + footer)).metadata


def _digest_of(footer: bytes) -> bytes:
    return hashlib.sha256(footer).digest()[:16]


def _row_groups(metadata: pq.FileMetaData) -> tuple[Piece, ...]:
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    return tuple(Piece(group.num_rows, group.total_byte_size) for group in groups)


def scan_format() -> ds.ParquetFileFormat:
    """The format of a lazy dataset that is read in bounded memory.

    Arrow's default keeps every byte that it has fetched until a file is read to its end: two gigabytes of memory for
    two gigabytes of file.
    """
    options = ds.ParquetFragmentScanOptions(pre_buffer=False, thrift_string_size_limit=_MOST_FOOTER_BYTES)
    return ds.ParquetFileFormat(default_fragment_scan_options=options)


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
    if _TOO_LARGE.search(text):
        return TableError(
            f"The Parquet file's footer holds more than {_MOST_FOOTER_BYTES >> 30} GiB of text, or more than a million "
            "columns or row groups",
            where=file.uri,
            fix="Write it with less metadata, fewer columns or larger row groups",
        )
    if _TOO_DEEP in text:
        return TableError(
            f"A column is nested more than {DEEPEST} levels deep, or the schema in the footer is damaged",
            where=file.uri,
            fix=f"Write lists and structs inside each other in at most {DEEPEST} levels",
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
