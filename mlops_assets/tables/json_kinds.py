"""What kinds of values each column of a JSON Lines file holds: a type is no guess from some of the rows."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.signatures.contract.json_values import JsonValue, UnfitJsonError, json_type, merge_json_types
from mlops_assets.tables.json_text import JsonObject, parse_line

_EXACT = 2**53


@dataclass
class _Column:
    kind: pa.DataType
    several: bool = False
    large: bool = False


class ColumnKinds:
    """The columns of a file, in the order in which they appear, after the blocks that were added.

    Attributes
    ----------
    declared
        Columns that are text, whatever they hold.
    """

    def __init__(self, declared: frozenset[str]) -> None:
        self.declared = declared
        self._columns: dict[str, _Column] = {}

    def add_table(self, table: pa.Table) -> bool:
        """Add a block that Arrow has read; False, and nothing is added, where it may have rounded an integer."""
        if any(holds_large_floats(chunk) for column in table.columns for chunk in column.chunks):
            return False
        for field, values in zip(table.schema, table.columns, strict=True):
            column = self._columns.setdefault(field.name, _Column(pa.null()))
            if field.name not in self.declared and not column.several:
                self._merge(column, times_as_text(field.type))
                column.large = column.large or any(map(_holds_large_integers, values.chunks))
        return True

    def add_lines(self, lines: Iterable[str]) -> bool:
        """Add a block by its lines; False where one is not a JSON object."""
        for line in lines:
            if not line.strip():
                continue
            try:
                row = parse_line(line)
                if not isinstance(row, JsonObject):
                    return False
                for name, value in row.items():
                    column = self._columns.setdefault(name, _Column(pa.null()))
                    if not column.several and name not in self.declared:
                        _add(column, value)
            except (ValueError, RecursionError):
                return False
            if len(row) < len(row.pairs):
                for name, count in Counter(name for name, _ in row.pairs).items():
                    self._columns[name].several |= count > 1
        return True

    @staticmethod
    def _merge(column: _Column, kind: pa.DataType) -> None:
        try:
            column.kind = merge_json_types(column.kind, kind)
        except UnfitJsonError:
            column.several = True

    def types(self) -> dict[str, pa.DataType | None]:
        """The type of each column; None: its values are of several kinds."""
        return {
            name: pa.string() if name in self.declared else None if column.several or _rounds(column) else column.kind
            for name, column in self._columns.items()
        }

    def large(self) -> frozenset[str]:
        """The columns with an integer that a double may not hold."""
        return frozenset(name for name, column in self._columns.items() if column.large)


def times_as_text(kind: pa.DataType) -> pa.DataType:
    """`kind` with text in place of the times that Arrow guesses from how all texts of a block look."""
    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(times_as_text(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(times_as_text(field.type)) for field in kind])
    return kind


def holds_large_floats(values: pa.Array) -> bool:
    """Whether a value is so large that it may have been an integer which no float holds."""
    if pa.types.is_floating(values.type):
        return bool(pc.any(pc.greater_equal(pc.abs(values), _EXACT)).as_py())
    if pa.types.is_struct(values.type):
        return any(map(holds_large_floats, values.flatten()))
    return pa.types.is_list(values.type) and holds_large_floats(values.flatten())


def _holds_large_integers(values: pa.Array) -> bool:
    if pa.types.is_integer(values.type):
        limits = pc.min_max(values)
        low, high = limits["min"].as_py(), limits["max"].as_py()
        return low is not None and max(-low, high) > _EXACT
    if pa.types.is_struct(values.type):
        return any(map(_holds_large_integers, values.flatten()))
    return pa.types.is_list(values.type) and _holds_large_integers(values.flatten())


def _add(column: _Column, value: object) -> None:
    if not _is_plain(value):
        column.several = True
        return
    plain: JsonValue = value  # type: ignore[assignment]  # what parse_line gives
    try:
        column.kind = merge_json_types(column.kind, json_type(plain))
    except UnfitJsonError:
        column.several = True
    column.large = column.large or _holds_large(value)


def _rounds(column: _Column) -> bool:
    """Whether integers that a double may not hold are beside fractions, or need more than 63 bits."""
    leaves = set(_leaves(column.kind))
    return pa.uint64() in leaves or (column.large and pa.float64() in leaves)


def _leaves(kind: pa.DataType) -> Iterable[pa.DataType]:
    if not kind.num_fields:
        return [kind]
    return [leaf for at in range(kind.num_fields) for leaf in _leaves(kind.field(at).type)]


def _is_plain(value: object) -> bool:
    """Whether no object has a member twice and no number is too large for a double."""
    if isinstance(value, JsonObject):
        return len(value) == len(value.pairs) and all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return not (isinstance(value, float) and hasattr(value, "text") and math.isinf(value))


def _holds_large(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_large, value.values()))
    if isinstance(value, list):
        return any(map(_holds_large, value))
    return isinstance(value, int) and abs(value) > _EXACT
