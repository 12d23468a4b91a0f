"""JSON Lines as input: one object per line, with the types that Arrow finds unless others are given.

JSON has no dates: what stands in quotes is text, at any depth, whatever it looks like. Where a signature asks for a
datetime, the contract reads it as ISO 8601, row by row.
"""

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import json as arrow_json

from mlops_assets.errors import TableError, describe_without_values
from mlops_assets.signatures.contract.column_matching import ISO_TEXT, JSON_VALUES
from mlops_assets.storage.location import Location
from mlops_assets.tables.file_format import FileFormat
from mlops_assets.tables.files import refuse_other_bytes, refuse_too_wide
from mlops_assets.tables.json_depth import ShallowLines
from mlops_assets.tables.json_kinds import ColumnKinds, holds_large_floats
from mlops_assets.tables.json_text import JsonValuesAsText, parse_line
from mlops_assets.tables.text_files import lines_of, open_text_file, with_compressed

_BLOCK_BYTES, _KIND_BYTES = 32 << 20, 4 << 20
_CHANGED = re.compile(r"Column\(/?([^)]*)\) changed from (\S+) to (\S+)(?: in row (\d+))?")
_UNCONVERTED = re.compile(r"Failed to convert JSON to ([^,]+),")
_INVALID = re.compile(r"JSON parse error: (.*?)(?: in row (\d+))?$")
_LARGE = {b"large": b"integers"}
"""Metadata of a column with an integer that a double may not hold."""
_EXACT = 2**53
_SIXTEEN_DIGITS = re.compile("[0-9]{16}")
_HOLDS_ANYTHING = "Give the column a type under types, for example string or double"


@dataclass(frozen=True)
class JsonLinesFiles(FileFormat):
    """The JSON Lines strategy.

    Attributes
    ----------
    declared
        Columns whose type is declared: read as text, each value as it is written. The others have the type that all
        their values have; where these are of several kinds, the column is the JSON text of each, for the contract.
    """

    name = "jsonl"
    extensions = with_compressed(".jsonl", ".ndjson")

    declared: frozenset[str] = frozenset()

    def settings(self) -> str:
        return repr(sorted(self.declared))

    def schema(self, file: Location) -> pa.Schema:
        kinds, rows = ColumnKinds(self.declared), 0
        with self._open(file) as (stream, rewritten):
            for block in _line_blocks(stream, file):  # all of them: a type is no guess from a first block
                refused = None
                try:
                    table = _read_json(block, self.declared)
                    is_added, count = kinds.add_table(table), table.num_rows
                except pa.ArrowInvalid as error:
                    refused, is_added, count = error, False, sum(not line.isspace() for line in _lines_in(block))
                if not is_added and not kinds.add_lines(_lines_in(block)) and refused is not None:
                    raise _explain(refused, file, None, rows) from refused
                rows += count
                refuse_too_wide(len(kinds.types()), file)
        absent = self.declared - rewritten.met if rewritten is not None else set()
        large = kinds.large()
        fields = [
            pa.field(name, pa.string(), metadata=JSON_VALUES)
            if kind is None
            else pa.field(name, kind, metadata=ISO_TEXT | (_LARGE if name in large else {}))
            for name, kind in kinds.types().items()
            if name not in absent
        ]
        return pa.schema(fields)

    def promoted(self, first: pa.Field, second: pa.Field, both: pa.DataType, /) -> pa.Field | None:
        """None: an integer that a double may not hold is in one file, and fractions are in another."""
        large = [field.type for field in (first, second) if _is_large(field)]
        if any(kind != both for kind in large):
            return None
        return pa.field(first.name, both, metadata=ISO_TEXT | (_LARGE if large else {}))

    def several_kinds(self, name: str, /) -> pa.Field | None:
        return pa.field(name, pa.string(), metadata=JSON_VALUES)

    def batches(
        self,
        file: Location,
        schema: pa.Schema,
        _columns: Sequence[str],
        watch: Callable[[pa.NativeFile], None] = lambda _stream: None,
        /,
        *,
        pieces: range | None = None,
        digest: bytes | None = None,
    ) -> Iterator[pa.RecordBatch]:
        rows, checked = 0, False
        values = frozenset(field.name for field in schema if field.metadata == JSON_VALUES)
        with self._open(file, values, watch) as (stream, _):
            reader = self._reader(stream, schema, file)
            while True:
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    return
                except pa.ArrowInvalid as error:
                    raise _explain(error, file, reader.schema, rows) from error
                rows += batch.num_rows
                if not checked and any(holds_large_floats(column) for column in batch.columns):
                    _refuse_rounded(file, self.declared | values)
                    checked = True
                refuse_other_bytes(batch, file)
                yield batch

    @contextmanager
    def _open(
        self,
        file: Location,
        values: frozenset[str] = frozenset(),
        watch: Callable[[pa.NativeFile], None] = lambda _stream: None,
    ) -> Iterator[tuple[pa.NativeFile, JsonValuesAsText | None]]:
        with open_text_file(file, self.name) as stream:
            if not self.declared and not values:
                watch(stream)
                yield pa.PythonFile(ShallowLines(stream, file), mode="r"), None
                return
            with lines_of(file, errors="surrogateescape") as lines:
                watch(lines.buffer)
                rewritten = JsonValuesAsText(lines, self.declared, values)
                text = pa.PythonFile(rewritten, mode="r")
                yield pa.PythonFile(ShallowLines(text, file), mode="r"), rewritten

    @staticmethod
    def _reader(stream: pa.NativeFile, schema: pa.Schema | None, file: Location) -> "arrow_json.JSONStreamingReader":
        try:
            return _open_json(stream, schema)
        except pa.ArrowInvalid as error:
            raise _explain(error, file, schema, 0) from error


def _open_json(stream: pa.NativeFile, schema: pa.Schema | None) -> "arrow_json.JSONStreamingReader":
    return arrow_json.open_json(
        stream,
        read_options=arrow_json.ReadOptions(block_size=_BLOCK_BYTES),
        parse_options=arrow_json.ParseOptions(explicit_schema=schema, newlines_in_values=False),
    )


def _read_json(block: bytes, declared: frozenset[str]) -> pa.Table:
    schema = pa.schema([(name, pa.string()) for name in sorted(declared)]) if declared else None
    return arrow_json.read_json(
        pa.BufferReader(block),
        read_options=arrow_json.ReadOptions(block_size=len(block) + 1, use_threads=False),
        parse_options=arrow_json.ParseOptions(explicit_schema=schema, newlines_in_values=False),
    )


def _line_blocks(stream: pa.NativeFile, file: Location) -> Iterator[bytes]:
    """The bytes of a stream in blocks of whole lines, without those that are blank."""
    rest, rows = b"", 0
    while piece := stream.read(_KIND_BYTES):
        head, end, tail = piece.rpartition(b"\n")
        if end:
            block, rest = rest + head + end, tail
            rows += block.count(b"\n")
            if block.strip():
                yield block
        else:
            rest += piece
        if len(rest) > _BLOCK_BYTES:
            raise _too_long(file, rows)
    if rest.strip():
        yield rest


def _lines_in(block: bytes) -> Iterator[str]:
    return io.StringIO(block.decode("utf-8-sig", errors="replace"), newline="\n")


def _is_large(field: pa.Field) -> bool:
    return bool(_LARGE.items() <= (field.metadata or {}).items())


def _refuse_rounded(file: Location, declared: frozenset[str]) -> None:
    """Refuse integers that Arrow rounds because their column holds fractions, or integers of more than 63 bits, too."""
    with lines_of(file) as text:
        for number, line in enumerate(text, 1):
            row = _row(line) if _SIXTEEN_DIGITS.search(line) else {}
            for name, value in row.items():
                if name not in declared and any(
                    isinstance(each, int)
                    and abs(each) >= _EXACT
                    and (abs(each) >= 1 << 1024 or int(float(each)) != each)
                    for each in _numbers(value)
                ):
                    raise TableError(
                        f"Column {name!r} holds an integer in line {number} that a double cannot hold exactly, and "
                        "other numbers that are no int64",
                        where=file.uri,
                        fix=_HOLDS_ANYTHING,
                    )


def _explain(error: pa.ArrowInvalid, file: Location, schema: pa.Schema | None, rows: int) -> TableError:
    """Arrow's parse error as ours: without the data it quotes, with the column it may not name."""
    text = str(error)
    if changed := _CHANGED.search(text):
        at = f" at row {rows + int(changed[4])} (counting from 0)" if changed[4] else ""
        if not changed[1]:
            what = f"A line holds a JSON {changed[3]} instead of an object{at}"
            return TableError(what, where=file.uri, fix="Write one JSON object per line")
        column = changed[1].replace("/[]", "").replace("/", ".")
        what = f"Column {column!r} changes from {changed[2]} to {changed[3]}{at}"
        return TableError(what, where=file.uri, fix=f"Write one type per column. {_HOLDS_ANYTHING}")
    if unconverted := _UNCONVERTED.search(text):
        column = _column_that_is_not(unconverted[1], file, schema)
        what = f"{column} holds a value that is not {unconverted[1]}, after row {rows}"
        return TableError(what, where=file.uri, fix=_HOLDS_ANYTHING)
    if "unexpected field" in text:
        column = _unexpected_column(file, schema)
        what = f"{column} first appears after row {rows}, too late for its type to be found"
        return TableError(what, where=file.uri, fix=_HOLDS_ANYTHING)
    if invalid := _INVALID.search(text):
        at = f" at row {rows + int(invalid[2])} (counting from 0)" if invalid[2] else f" after row {rows}"
        what = f"A line is not valid JSON{at}: {invalid[1].rstrip('.')}"
        return TableError(what, where=file.uri, fix="Write one JSON object per line")
    if "straddl" in text:
        return _too_long(file, rows)
    return TableError(
        f"The file cannot be parsed as JSON Lines, after row {rows}; Arrow says {describe_without_values(error)}",
        where=file.uri,
        fix="Write one JSON object per line",
    )


def _too_long(file: Location, rows: int) -> TableError:
    return TableError(
        f"A line after row {rows} is longer than {_BLOCK_BYTES >> 20} MiB", where=file.uri, fix="Write shorter lines"
    )


def _column_that_is_not(kind: str, file: Location, schema: pa.Schema | None) -> str:
    suspects = [field.name for field in schema or () if kind in str(field.type)]
    if len(suspects) > 1 and kind.startswith(("int", "uint")):
        with lines_of(file) as text:
            for line in text:
                row = _row(line)
                for name in suspects:
                    if any(isinstance(value, float) or abs(value) >= 2**63 for value in _numbers(row.get(name))):
                        return f"Column {name!r}"
    return f"Column {suspects[0]!r}" if len(suspects) == 1 else f"One of the columns {', '.join(map(repr, suspects))}"


def _row(line: str) -> Mapping[str, object]:
    """A line's object; empty where it is none: whoever reads the rows says what is wrong."""
    try:
        row = parse_line(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _numbers(value: object) -> Iterator[int | float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _numbers(part)
    elif isinstance(value, (int, float)):
        yield value


def _unexpected_column(file: Location, schema: pa.Schema | None) -> str:
    known = set(schema.names if schema else ())
    with lines_of(file) as text:
        for line in text:
            if new := [name for name in _row(line) if name not in known]:
                return f"Column {new[0]!r}"
    return "A nested field"
