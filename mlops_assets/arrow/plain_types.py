"""Plain columns: the values of an Arrow column without the encoding that happens to carry them.

Dictionary and run-end encodings and the ``_view`` layouts say how values are stored, not what they are. Everything that
is hashed, published or handed to a contract is plain.
"""

import pyarrow as pa
import pyarrow.compute as pc


def plain_type(kind: pa.DataType) -> pa.DataType:
    """`kind` without encodings, at every depth; equal to `kind` when it is plain already."""
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if kind == pa.string_view():
        return pa.string()
    if kind == pa.binary_view():
        return pa.binary()
    if pa.types.is_map(kind):
        return pa.map_(plain_field(kind.key_field), plain_field(kind.item_field), keys_sorted=kind.keys_sorted)
    if pa.types.is_struct(kind):
        return pa.struct([plain_field(kind.field(index)) for index in range(kind.num_fields)])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(plain_field(kind.value_field), kind.list_size)
    if pa.types.is_large_list(kind) or pa.types.is_large_list_view(kind):
        return pa.large_list(plain_field(kind.value_field))
    if pa.types.is_list(kind) or pa.types.is_list_view(kind):
        return pa.list_(plain_field(kind.value_field))
    return kind


def plain_field(field: pa.Field) -> pa.Field:
    return field.with_type(plain_type(field.type))


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """`schema` with plain types; names, nullability and metadata stay."""
    # Thousands of columns have few types: of those without parts each is looked at once.
    kinds = schema.types
    plain = {kind for kind in set(kinds) if not kind.num_fields and plain_type(kind) == kind}
    if all(kind in plain for kind in kinds):
        return schema
    fields = [field if kind in plain else plain_field(field) for field, kind in zip(schema, kinds, strict=True)]
    return pa.schema(fields, metadata=schema.metadata)


def plain_array(array: pa.Array) -> pa.Array:
    """The same values as a plain array; the same object when it is plain already."""
    plain = plain_type(array.type)
    while array.type != plain:
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        elif pa.types.is_run_end_encoded(array.type):
            array = pc.run_end_decode(array)
        else:
            array = array.cast(plain)
    return array


def plain_batch(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """`batch` with the plain `schema`, as `plain_schema` made it from the batch's own."""
    if batch.schema.equals(schema, check_metadata=True):
        return batch
    return pa.RecordBatch.from_arrays([plain_array(column) for column in batch.columns], schema=schema)
