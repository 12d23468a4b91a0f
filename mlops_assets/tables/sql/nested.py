"""Lists, structs and maps as JSON text, without loss: for databases that have no such types, or others than Arrow's."""

import base64
import json
import math
from typing import Any

import pyarrow as pa

from mlops_assets.arrow.type_kinds import is_bytes, is_list, is_text

Json = Any


def json_type(kind: pa.DataType) -> pa.DataType | None:
    """`kind` with the leaves that JSON is written from, into which an array can be cast; None: there is none.

    Times and durations become their number of ticks, decimals their text.
    """
    if pa.types.is_temporal(kind):
        if pa.types.is_interval(kind):
            return None
        return pa.int32() if kind.bit_width == 32 else pa.int64()
    if pa.types.is_decimal(kind):
        return pa.string()
    if pa.types.is_map(kind):
        key, item = json_type(kind.key_type), json_type(kind.item_type)
        return None if key is None or item is None else pa.map_(key, item, keys_sorted=kind.keys_sorted)
    if pa.types.is_struct(kind):
        fields = [kind.field(at) for at in range(kind.num_fields)]
        if len({field.name for field in fields}) < len(fields):
            return None
        types = [json_type(field.type) for field in fields]
        if None in types:
            return None
        return pa.struct([field.with_type(inner) for field, inner in zip(fields, types, strict=True)])
    if is_list(kind):
        value = json_type(kind.value_type)
        if value is None:
            return None
        field = kind.value_field.with_type(value)
        if pa.types.is_fixed_size_list(kind):
            return pa.list_(field, kind.list_size)
        return pa.large_list(field) if pa.types.is_large_list(kind) else pa.list_(field)
    known = (
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_null(kind)
        or is_text(kind)
        or is_bytes(kind)
    )
    return kind if known else None


def to_json(array: pa.Array) -> pa.Array:
    """Each value as JSON text: bytes in base64, numbers that JSON lacks (NaN, Infinity) as text, maps as pairs."""
    kind = json_type(array.type)
    plain = array.cast(kind)
    return pa.array(
        [
            None if value is None else json.dumps(_to_json(value, kind), ensure_ascii=False, separators=(",", ":"))
            for value in plain.to_pylist()
        ],
        pa.string(),
    )


def from_json(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    """The inverse of `to_json`."""
    plain = json_type(kind)
    values = [None if text is None else _from_json(json.loads(text), plain) for text in texts.to_pylist()]
    return pa.array(values, plain).cast(kind)


def _to_json(value: Any, kind: pa.DataType) -> Json:
    if value is None:
        return None
    if pa.types.is_map(kind):
        return [[_to_json(key, kind.key_type), _to_json(item, kind.item_type)] for key, item in value]
    if pa.types.is_struct(kind):
        return {field.name: _to_json(value[field.name], field.type) for field in _fields(kind)}
    if is_list(kind):
        return [_to_json(item, kind.value_type) for item in value]
    if pa.types.is_floating(kind):
        number = float(value)
        return number if math.isfinite(number) else str(number)
    return base64.b64encode(value).decode() if is_bytes(kind) else value


def _from_json(value: Json, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_map(kind):
        return [(_from_json(key, kind.key_type), _from_json(item, kind.item_type)) for key, item in value]
    if pa.types.is_struct(kind):
        return {field.name: _from_json(value[field.name], field.type) for field in _fields(kind)}
    if is_list(kind):
        return [_from_json(item, kind.value_type) for item in value]
    if pa.types.is_float16(kind):
        import numpy as np

        return np.float16(value)
    if pa.types.is_floating(kind):
        return float(value)
    return base64.b64decode(value) if is_bytes(kind) else value


def _fields(kind: pa.DataType) -> list[pa.Field]:
    return [kind.field(at) for at in range(kind.num_fields)]
