"""Batches as a driver hands them over, made into those that were asked for."""

import pyarrow as pa

from mlops_assets.errors import TableError


def align_types(batch: pa.RecordBatch, schema: pa.Schema, where: str) -> pa.RecordBatch:
    """`batch` with the types of `schema`.

    Raises
    ------
    TableError
        A value is not of its column's type; names the column.
    """
    arrays = []
    for field, array in zip(schema, batch.columns, strict=True):
        if isinstance(array.type, pa.BaseExtensionType) and not isinstance(field.type, pa.BaseExtensionType):
            array = array.storage
        if array.type != field.type:
            try:
                array = array.cast(field.type)
            except pa.ArrowNotImplementedError:
                raise TableError(
                    f"Column {field.name!r} is {array.type} in the database, which cannot become {field.type}",
                    where=where,
                    fix="Cast the column in a query, or name another type in types",
                ) from None
            except pa.ArrowInvalid:
                raise TableError(
                    f"Column {field.name!r} holds a value that is not {field.type} ({array.type} in the database)",
                    where=where,
                    fix="Cast the column in a query, or name another type in types",
                ) from None
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
