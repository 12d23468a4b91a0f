"""JSON Lines as input: one object per line, with the types that Arrow finds unless others are given.

JSON has no dates: what stands in quotes is text, at any depth, whatever it looks like. Where a signature asks for a
datetime, the contract reads it as ISO 8601, row by row.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

from mlops_assets.errors import TableError, describe_without_values
from mlops_assets.signatures.contract.column_matching import ISO_TEXT, JSON_VALUES
from mlops_assets.storage.location import Location
from mlops_assets.tables.files import FileFormat, refuse_other_bytes, refuse_too_wide
from mlops_assets.tables.json_depth import ShallowLines
from mlops_assets.tables.json_kinds import find_kinds
from mlops_assets.tables.json_text import JsonValuesAsText, parse_line
from mlops_assets.tables.text_files import lines_of, open_text_file, with_compressed

_BLOCK_BYTES = 32 << 20
_CHANGED = re.compile(r"Column\(/?([^)]*)\) changed from (\S+) to (\S+)(?: in row (\d+))?")
_UNCONVERTED = re.compile(r"Failed to convert JSON to ([^,]+),")
_INVALID = re.compile(r"JSON parse error: (.*?)(?: in row (\d+))?$")
_EXACT = 2**53
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

    def schema(self, file: Location) -> pa.Schema:
        declared = pa.schema([(name, pa.string()) for name in sorted(self.declared)]) if self.declared else None
        schema, several, refused, doubtful, rows = declared, frozenset[str](), None, False, 0
        try:
            with self._open(file) as stream:
                reader = _open_json(stream, declared)
                schema = reader.schema
                refuse_too_wide(len(schema), file)
                for batch in reader:  # all of it: a type is no guess from a first block
                    rows += batch.num_rows
                    doubtful = doubtful or any(map(_holds_large_floats, batch.columns))
        except pa.ArrowInvalid as error:
            refused = error
        if doubtful or refused is not None:
            with lines_of(file) as lines:
                found = find_kinds(lines, self.declared)
            if found is None and refused is not None:
                raise _explain(refused, file, schema, rows) from refused
            if found is not None and (refused is not None or found[1]):
                schema, several = found
        absent = self.declared - _members(file, self.declared) if self.declared else set()
        fields = (field.with_type(_times_as_text(field.type)) for field in schema or () if field.name not in absent)
        return pa.schema([field.with_metadata(JSON_VALUES if field.name in several else ISO_TEXT) for field in fields])

    def several_kinds(self, name: str, /) -> pa.Field | None:
        return pa.field(name, pa.string(), metadata=JSON_VALUES)

    def batches(self, file: Location, schema: pa.Schema, _columns: Sequence[str], /) -> Iterator[pa.RecordBatch]:
        rows, checked = 0, False
        values = frozenset(field.name for field in schema if field.metadata == JSON_VALUES)
        with self._open(file, values) as stream:
            reader = self._reader(stream, schema, file)
            while True:
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    return
                except pa.ArrowInvalid as error:
                    raise _explain(error, file, reader.schema, rows) from error
                rows += batch.num_rows
                if not checked and any(_holds_large_floats(column) for column in batch.columns):
                    _refuse_rounded(file, self.declared | values)
                    checked = True
                refuse_other_bytes(batch, file)
                yield batch

    @contextmanager
    def _open(self, file: Location, values: frozenset[str] = frozenset()) -> Iterator[pa.NativeFile]:
        with open_text_file(file, self.name) as stream:
            if not self.declared and not values:
                yield pa.PythonFile(ShallowLines(stream, file), mode="r")
                return
            with lines_of(file, errors="surrogateescape") as lines:
                text = pa.PythonFile(JsonValuesAsText(lines, self.declared, values), mode="r")
                yield pa.PythonFile(ShallowLines(text, file), mode="r")

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


def _times_as_text(kind: pa.DataType) -> pa.DataType:
    """`kind` with text in place of the times that Arrow guesses from how all texts of a first block look."""
    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_times_as_text(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_times_as_text(field.type)) for field in kind])
    return kind


def _holds_large_floats(values: pa.Array) -> bool:
    """Whether a value is so large that it may have been an integer which no float holds."""
    if pa.types.is_floating(values.type):
        return bool(pc.any(pc.greater_equal(pc.abs(values), _EXACT)).as_py())
    if pa.types.is_struct(values.type):
        return any(map(_holds_large_floats, values.flatten()))
    return pa.types.is_list(values.type) and _holds_large_floats(values.flatten())


def _refuse_rounded(file: Location, declared: frozenset[str]) -> None:
    """Refuse integers that Arrow rounds because their column holds fractions, or integers of more than 63 bits, too."""
    with lines_of(file) as text:
        for number, line in enumerate(text, 1):
            row = _row(line)
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


def _members(file: Location, names: frozenset[str]) -> set[str]:
    """Those of `names` that some line has; reading ends when all were met."""
    met: set[str] = set()
    with lines_of(file) as text:
        for line in text:
            if met == names:
                break
            met |= names & _row(line).keys()
    return met


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
        return TableError(
            f"A line after row {rows} is longer than {_BLOCK_BYTES >> 20} MiB",
            where=file.uri,
            fix="Write shorter lines",
        )
    return TableError(
        f"The file cannot be parsed as JSON Lines, after row {rows}; Arrow says {describe_without_values(error)}",
        where=file.uri,
        fix="Write one JSON object per line",
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
