"""Columns that the files of one table store as different types which one type can hold."""

import pyarrow as pa
import pyarrow.types as pat


def promote(first: pa.DataType, second: pa.DataType) -> pa.DataType | None:
    """The type that holds the values of both, as DuckDB's ``union_by_name`` finds it; None where there is none.

    Within a family alone: integers and floats, decimals (with integers), timestamps of one time zone, text, bytes, and
    lists and objects of these. An integer that the common float cannot hold exactly is for the caller's cast to refuse.
    """
    first, second = _plain(first), _plain(second)
    if first == second or pat.is_null(second):
        return first
    if pat.is_null(first):
        return second
    if pat.is_struct(first) and pat.is_struct(second):
        return _promote_structs(first, second)
    if _is_list(first) and _is_list(second):
        inner = promote(first.value_type, second.value_type)
        large = pat.is_large_list(first) or pat.is_large_list(second)
        return None if inner is None else (pa.large_list if large else pa.list_)(inner)
    if _family(first) is None or _family(first) != _family(second):
        exact = (pat.is_decimal(first) or pat.is_integer(first)) and (pat.is_decimal(second) or pat.is_integer(second))
        if not exact:
            return None
    if pat.is_floating(first) != pat.is_floating(second) and _family(first) == "number":
        return pa.float64()  # a float of 32 bits holds no integer beyond 24
    if pat.is_integer(first) and pat.is_integer(second):
        return _promote_integers(first, second)
    try:
        schemas = [pa.schema([("x", first)]), pa.schema([("x", second)])]
        return pa.unify_schemas(schemas, promote_options="permissive").field("x").type
    except pa.ArrowException:
        return None


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pat.is_dictionary(kind) else kind


def _is_list(kind: pa.DataType) -> bool:
    return bool(pat.is_list(kind) or pat.is_large_list(kind))


def _promote_structs(first: pa.StructType, second: pa.StructType) -> pa.DataType | None:
    if {field.name for field in first} != {field.name for field in second}:
        return None
    fields = []
    for field in first:
        both = promote(field.type, second.field(field.name).type)
        if both is None:
            return None
        fields.append(pa.field(field.name, both))
    return pa.struct(fields)


def _promote_integers(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    """The smallest that holds both; int64 for uint64 and a signed one, whose greater values a cast refuses."""
    if pat.is_unsigned_integer(first) == pat.is_unsigned_integer(second):
        return max(first, second, key=lambda kind: kind.bit_width)
    unsigned, signed = (first, second) if pat.is_unsigned_integer(first) else (second, first)
    width = max(2 * unsigned.bit_width, signed.bit_width)
    return {16: pa.int16(), 32: pa.int32()}.get(width, pa.int64())


def _family(kind: pa.DataType) -> str | None:
    if pat.is_integer(kind) or pat.is_floating(kind):
        return "number"
    if pat.is_timestamp(kind):
        return f"timestamp {kind.tz}"
    if pat.is_decimal(kind):
        return "decimal"
    if pat.is_string(kind) or pat.is_large_string(kind) or pat.is_string_view(kind):
        return "text"
    if pat.is_binary(kind) or pat.is_large_binary(kind) or pat.is_fixed_size_binary(kind):
        return "bytes"
    return None
