"""A second look at a JSON Lines file that Arrow cannot read by itself: what kinds of values each column holds."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from mlops_assets.signatures.contract.json_values import JsonValue, UnfitJsonError, json_type, merge_json_types
from mlops_assets.tables.json_text import JsonObject, parse_line

_EXACT = 2**53


@dataclass
class _Column:
    kind: pa.DataType
    several: bool = False
    large: bool = False


def find_kinds(lines: Iterable[str], declared: frozenset[str]) -> tuple[pa.Schema, frozenset[str]] | None:
    """All columns of a file, in the order in which they appear, and which of them hold values of several kinds.

    These, and those that are declared, are text. None where a line is not a JSON object.
    """
    columns: dict[str, _Column] = {}
    for line in lines:
        if not line.strip():
            continue
        try:
            row = parse_line(line)
            if not isinstance(row, JsonObject):
                return None
            for name, value in row.items():
                column = columns.setdefault(name, _Column(pa.null()))
                if not column.several and name not in declared:
                    _add(column, value)
        except (ValueError, RecursionError):
            return None
        if len(row) < len(row.pairs):
            names = [name for name, _ in row.pairs]
            for name in row:
                columns[name].several |= names.count(name) > 1
    several = frozenset(name for name, column in columns.items() if column.several or _rounds(column))
    text = several | declared
    schema = pa.schema([(name, pa.string() if name in text else column.kind) for name, column in columns.items()])
    return schema, several - declared


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
