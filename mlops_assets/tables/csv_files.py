"""CSV as input: text unless other types are given.

Types guessed from the values of a first block would make the verdict on one row depend on others. So a column without a
declared type is read as text, and the contract parses it, row by row.
"""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from pyarrow import csv as arrow_csv

from mlops_assets.errors import TableError, describe_without_values
from mlops_assets.storage.location import Location
from mlops_assets.tables.file_format import FileFormat
from mlops_assets.tables.files import refuse_too_wide, translate_read_errors
from mlops_assets.tables.text_files import lines_of, open_text_file, with_compressed

_BLOCK_BYTES, _MOST_BLOCK_BYTES, _BYTES_PER_COLUMN = 8 << 20, 64 << 20, 8 << 10
_MOST_HEADER = 4 << 20
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)
_RAGGED = re.compile(r"Expected (\d+) columns, got (\d+)")
_UNREADABLE = re.compile(r"In CSV column #(\d+): .*?(?:conversion error to ([^:]+): (invalid UTF8 data)?|$)")


@dataclass(frozen=True)
class CsvFiles(FileFormat):
    """The CSV strategy.

    Attributes
    ----------
    types
        Columns with a type of their own; every other is text.
    delimiter
        One character; None is a comma, or a tab for ``.tsv``.
    null_values
        What is read as null where it is not in quotes.
    """

    name = "csv"
    extensions = with_compressed(".csv", ".tsv")

    types: Mapping[str, pa.DataType] = field(default_factory=dict)
    delimiter: str | None = None
    null_values: tuple[str, ...] = ("",)

    def settings(self) -> str:
        types = sorted((name, str(kind)) for name, kind in self.types.items())
        return repr((types, self.delimiter, self.null_values))

    def schema(self, file: Location) -> pa.Schema:
        with translate_read_errors(file):
            _refuse_separator_line(file)
        names = self._names(file)
        return pa.schema([(name, self.types.get(name, pa.string())) for name in names])

    def batches(
        self,
        file: Location,
        schema: pa.Schema,
        columns: Sequence[str],
        watch: Callable[[pa.NativeFile], None] = lambda _stream: None,
        /,
        *,
        pieces: range | None = None,
        digest: bytes | None = None,
    ) -> Iterator[pa.RecordBatch]:
        schema_of_file = self.schema(file)
        in_file, known = set(schema_of_file.names), set(schema.names)
        names = [column for column in columns if column in in_file] or schema_of_file.names[:1]
        types = {name: schema.field(name).type if name in known else pa.string() for name in names}
        rows = 0
        with open_text_file(file, self.name) as stream:
            explanation = self._explain(file, schema_of_file.names, rows)
            with explanation:
                reader = arrow_csv.open_csv(stream, **self._options(file, names, types, len(in_file)))
            watch(stream)
            while True:
                with self._explain(file, names, rows):
                    try:
                        batch = reader.read_next_batch()
                    except StopIteration:
                        return
                rows += batch.num_rows
                yield batch

    def _names(self, file: Location) -> list[str]:
        """The header, as Arrow reads it: from its line alone, because it guesses types for a whole block."""
        with open_text_file(file, self.name) as stream:
            head = _first_line(stream, self._delimiter(file))
        if head is not None:
            refuse_too_wide(head.count(self._delimiter(file).encode()), file)
        if head is not None:
            try:
                return list(arrow_csv.open_csv(pa.BufferReader(head), **self._options(file)).schema.names)
            except pa.ArrowInvalid:
                # The file has the same fault, and there it is explained.
                pass
        with open_text_file(file, self.name) as stream, self._explain(file, [], 0):
            return list(arrow_csv.open_csv(stream, **self._options(file)).schema.names)

    def _options(
        self,
        file: Location,
        columns: Sequence[str] | None = None,
        types: Mapping[str, pa.DataType] | None = None,
        width: int = 0,
    ) -> dict[str, object]:
        # A batch costs a time per column, whatever its rows: those of wide files are not ever shorter.
        block_bytes = min(max(_BLOCK_BYTES, width * _BYTES_PER_COLUMN), _MOST_BLOCK_BYTES)
        return {
            "read_options": arrow_csv.ReadOptions(block_size=block_bytes),
            "parse_options": arrow_csv.ParseOptions(delimiter=self._delimiter(file), newlines_in_values=True),
            "convert_options": arrow_csv.ConvertOptions(
                include_columns=columns,
                column_types=types,
                null_values=list(self.null_values),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        }

    def _delimiter(self, file: Location) -> str:
        return self.delimiter or ("\t" if ".tsv" in file.name.lower() else ",")

    def _explain(self, file: Location, columns: Sequence[str], rows: int) -> "_ErrorExplanation":
        return _ErrorExplanation(file, self._delimiter(file), columns, rows)


def _first_line(stream: pa.NativeFile, delimiter: str) -> bytes | None:
    """The header's line alone, where it surely ends with its line: each field is quoted whole, or has no quote."""
    mark = re.escape(delimiter.encode())
    a_field = rb'(?:"(?:[^"\r\n]|"")*"|[^"\r\n' + mark + rb"]*)"
    header = re.compile(rb"(?:\xef\xbb\xbf)?" + a_field + rb"(?:" + mark + a_field + rb")*\r?\n")
    head = b""
    while len(head) < _MOST_HEADER and (piece := stream.read(1 << 16)):
        head += piece
        line, end, _ = head.partition(b"\n")
        if end:
            return line + end if line.strip() and header.fullmatch(line + end) else None
    return None


def _refuse_separator_line(file: Location) -> None:
    """Refuse Excel's ``sep=;`` as a first line: read as the header, every column of the table would be missing."""
    with lines_of(file) as text:
        found = _SEPARATOR_LINE.fullmatch(text.readline(16))
    if found:
        raise TableError(
            f"The first line is Excel's separator line sep={found[1]}, not the columns' names",
            where=file.uri,
            fix=f"Remove the line, and set `inputs: {{delimiter: {json.dumps(found[1])}}}`",
        )


@dataclass(frozen=True)
class _ErrorExplanation:
    """Arrow's parse errors as ours: without the data they quote, with the line they lack."""

    file: Location
    delimiter: str
    columns: Sequence[str]
    rows: int

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, pa.ArrowInvalid):
            return
        text = str(error)
        if ragged := _RAGGED.search(text):
            raise TableError(
                f"Line {self._ragged_line(int(ragged[1]))} has {ragged[2]} fields, the header has {ragged[1]}",
                where=self.file.uri,
                fix="Mend the line (a delimiter or line break inside a value needs quotes), or set delimiter",
            ) from error
        if unreadable := _UNREADABLE.search(text):
            at = int(unreadable[1])
            name = f"Column {self.columns[at]!r}" if at < len(self.columns) else f"Column number {at + 1}"
            if unreadable[3]:
                what, fix = f"{name} holds bytes that are not UTF-8", "Write the file again as UTF-8"
            else:
                kind_name = unreadable[2] or "the declared type"
                what = f"{name} holds a value that is not {kind_name}, after row {self.rows}"
                fix = "Mend the value, or take the column out of types: it is then read as text"
            raise TableError(what, where=self.file.uri, fix=fix) from error
        if "Empty CSV" in text:
            raise TableError(
                "The file has no header line, or nothing else and no line break after it",
                where=self.file.uri,
                fix="Write the columns' names in its first line, and end the line",
            ) from error
        if "straddl" in text or "out of sync" in text:
            raise TableError(
                f"After row {self.rows}, a row is longer than {_BLOCK_BYTES >> 20} MiB, or has a quote without its end",
                where=self.file.uri,
                fix="Close the quote, or write shorter values",
            ) from error
        raise TableError(
            f"The file cannot be parsed as CSV, after row {self.rows}; Arrow says {describe_without_values(error)}",
            where=self.file.uri,
            fix="Look at the row, and compare it with the settings delimiter and types",
        ) from error

    def _ragged_line(self, width: int) -> int | str:
        with lines_of(self.file) as text:
            rows = csv.reader(text, delimiter=self.delimiter)
            while True:
                first = rows.line_num + 1
                try:
                    row = next(rows)
                except (StopIteration, csv.Error):
                    return f"(after row {self.rows})"
                if row and len(row) != width:
                    return first
