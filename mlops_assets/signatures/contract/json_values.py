"""Columns of JSON whose values are of several kinds: each value is judged as if it were alone.

Rows are sorted by the type that their own value has, and each lot takes the ordinary way from that type to the
signature's. So the verdict on a value is the one that it has in a column of its own kind.
"""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mlops_assets.signatures.contract.rejection_reasons import Mask, Reason
from mlops_assets.signatures.contract.scalar_converters import Converter, RefusedError

if TYPE_CHECKING:
    from mlops_assets.signatures.contract.arrow_types import MlflowType
    from mlops_assets.signatures.contract.lossless_casts import CastResult

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]


class UnfitJsonError(Exception):
    """No Arrow type holds a value; says for which reason its row is rejected."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason


def json_values_converter(
    result: pa.DataType,
    converter_of: Callable[[pa.DataType], Converter],
    *,
    as_text: bool,
    properties_of: "MlflowType | None" = None,
) -> Converter:
    """The converter of JSON values to `result`, by way of the converters of the types that they have by themselves.

    Parameters
    ----------
    result
        The type of the conformed column.
    converter_of
        The converter of a column of one type.
    as_text
        The column holds JSON texts, not the values.
    properties_of
        The signature's type: properties that a value lacks are null.

    Raises
    ------
    RefusedError
        Not even a null can become `result`.
    """

    def typed(given: object) -> tuple[JsonValue, pa.DataType]:
        value: JsonValue = _parsed(given) if as_text else given  # type: ignore[arg-type, assignment]  # of JSON
        value = _filled(value, properties_of)
        return value, json_type(value)

    return kinds_converter(result, converter_of, typed)


def kinds_converter(
    result: pa.DataType,
    converter_of: Callable[[pa.DataType], Converter],
    typed: Callable[[object], tuple[object, pa.DataType]],
) -> Converter:
    """The converter of a column whose values have types of their own.

    Parameters
    ----------
    result, converter_of
        As for `json_values_converter`.
    typed
        A stored value -> what it is, and the type of a column that holds it alone; `UnfitJsonError` where none does.

    Raises
    ------
    RefusedError
        Not even a null can become `result`.
    """
    if _holds_any(result):
        raise RefusedError("values of several kinds cannot become what the signature leaves open")
    converter_of(pa.null())
    known: dict[pa.DataType, Converter | None] = {}

    def converter(kind: pa.DataType) -> Converter | None:
        if kind not in known:
            try:
                known[kind] = converter_of(kind)
            except RefusedError:
                known[kind] = None
        return known[kind]

    def convert(values: pa.Array) -> "CastResult":
        failures: dict[Reason, Mask] = {}
        lots: dict[pa.DataType, tuple[list[int], list[object]]] = {}
        for row, given in enumerate(values.to_pylist()):
            try:
                value, kind = typed(given)
            except UnfitJsonError as error:
                _fail(failures, error.reason, [row], len(values))
                continue
            rows, lot = lots.setdefault(kind, ([], []))
            rows.append(row)
            lot.append(value)
        parts, position = [pa.nulls(1, result)], np.zeros(len(values), dtype=np.int64)
        length = 1
        for kind, (rows, lot) in lots.items():
            of_kind = converter(kind)
            if of_kind is None:
                _fail(failures, Reason.NOT_PARSEABLE, rows, len(values))
                continue
            cast, bad = of_kind.convert(pa.array(lot, kind))
            for reason, mask in bad.items():
                _fail(failures, reason, [row for row, fails in zip(rows, mask, strict=True) if fails], len(values))
            if cast.type != result and pa.types.is_null(kind):
                continue
            parts.append(cast if cast.type == result else cast.cast(result))
            position[rows] = np.arange(length, length + len(rows))
            length += len(rows)
        return pa.concat_arrays(parts).take(pa.array(position)), failures

    return Converter(result, convert, changes=True)


def _holds_any(kind: pa.DataType) -> bool:
    return pa.types.is_null(kind) or any(_holds_any(kind.field(at).type) for at in range(kind.num_fields))


def _fail(failures: dict[Reason, Mask], reason: Reason, rows: Sequence[int], length: int) -> None:
    failures.setdefault(reason, np.zeros(length, dtype=bool))[np.asarray(rows, dtype=np.int64)] = True


def _parsed(text: str | None) -> JsonValue:
    if text is None:
        return None
    try:
        value: JsonValue = json.loads(text, object_pairs_hook=_without_duplicates, parse_float=_finite)
    except json.JSONDecodeError:
        # A member that its line holds twice: both values.
        raise UnfitJsonError(Reason.DUPLICATE_KEY) from None
    return value


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise UnfitJsonError(Reason.OUT_OF_RANGE)
    return number


def _without_duplicates(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise UnfitJsonError(Reason.DUPLICATE_KEY)
    return members


def _filled(value: JsonValue, target: "MlflowType | None") -> JsonValue:
    """`value` with null for the properties of an object that it lacks."""
    from mlflow.types.schema import Array, Map, Object

    if isinstance(target, Object) and isinstance(value, dict):
        properties = {prop.name: prop.dtype for prop in target.properties}
        whole = dict.fromkeys(properties) | value
        return {name: _filled(part, properties.get(name)) for name, part in whole.items()}
    if isinstance(target, Array) and isinstance(value, list):
        return [_filled(part, target.dtype) for part in value]
    if isinstance(target, Map) and isinstance(value, dict):
        return {name: _filled(part, target.value_type) for name, part in value.items()}
    return value


def json_type(value: JsonValue) -> pa.DataType:
    """The type of a column that holds `value` alone.

    Raises
    ------
    UnfitJsonError
        There is none: a list of several kinds, an integer of more than 64 bits.
    """
    if isinstance(value, bool):
        return pa.bool_()
    if isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise UnfitJsonError(Reason.OUT_OF_RANGE)
        return pa.int64() if value < 2**63 else pa.uint64()
    if isinstance(value, float):
        return pa.float64()
    if isinstance(value, str):
        return pa.string()
    if isinstance(value, list):
        return pa.list_(_common(map(json_type, value), value))
    if isinstance(value, dict):
        return pa.struct([pa.field(name, json_type(part)) for name, part in value.items()])
    return pa.null()


def _common(kinds: Iterable[pa.DataType], values: list[JsonValue]) -> pa.DataType:
    """The type of a list's elements."""
    common = pa.null()
    for kind in kinds:
        common = merge_json_types(common, kind)
    if common == pa.float64() and any(isinstance(each, int) and abs(each) > 2**53 for each in values):
        raise UnfitJsonError(Reason.NOT_EXACT)
    return common


def merge_json_types(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    """The type that holds the values of both.

    Raises
    ------
    UnfitJsonError
        There is none.
    """
    if first == second or pa.types.is_null(second):
        return first
    if pa.types.is_null(first):
        return second
    if pa.types.is_list(first) and pa.types.is_list(second):
        return pa.list_(merge_json_types(first.value_type, second.value_type))
    if pa.types.is_struct(first) and pa.types.is_struct(second):
        fields = {field.name: field.type for field in first}
        for field in second:
            fields[field.name] = merge_json_types(fields.get(field.name, pa.null()), field.type)
        return pa.struct(list(fields.items()))
    numbers = {pa.int64(), pa.uint64(), pa.float64()}
    if first in numbers and second in numbers:
        return pa.float64() if pa.float64() in (first, second) else pa.uint64()
    raise UnfitJsonError(Reason.NOT_PARSEABLE)
