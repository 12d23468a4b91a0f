"""The types of a table beside those that a file stores them in, and the way back."""

import base64
from collections.abc import Callable

import pyarrow as pa

from mlops_assets.tables.parts.manifest import PARTS
from mlops_assets.tables.parts.part import RECORD

TYPES = b"mlops_assets.arrow_schema"
"""Key of a stored schema's metadata: the schema of the table, in base64."""


def table_schema(stored: pa.Schema) -> pa.Schema:
    """The schema of the table that a file with the schema `stored` was written from."""
    metadata = dict(stored.metadata or {})
    types = metadata.pop(TYPES, None)
    for name in (PARTS, RECORD):
        metadata.pop(name, None)
    if types is None:
        return stored.with_metadata(metadata or None)
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(types))).with_metadata(metadata or None)


def with_types(stored: pa.Schema, schema: pa.Schema) -> pa.Schema:
    """`stored` with what `table_schema` needs to find `schema` again."""
    types = base64.b64encode(schema.remove_metadata().serialize().to_pybytes())
    return stored.with_metadata({**(schema.metadata or {}), TYPES: types})


def map_type(kind: pa.DataType, leaf: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """`kind` with `leaf` applied to what is not nested, at every depth; lists lose their fixed size."""

    def mapped(field: pa.Field) -> pa.Field:
        return field.with_type(map_type(field.type, leaf))

    if pa.types.is_map(kind):
        return pa.map_(mapped(kind.key_field), mapped(kind.item_field), keys_sorted=kind.keys_sorted)
    if pa.types.is_struct(kind):
        return pa.struct([mapped(kind.field(index)) for index in range(kind.num_fields)])
    if pa.types.is_large_list(kind):
        return pa.large_list(mapped(kind.value_field))
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.list_(mapped(kind.value_field))
    return leaf(kind)
