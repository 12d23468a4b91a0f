"""Input tables whose columns the user declares types for (`inputs.types`)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.input_table import InputTable
from mlops_assets.arrow.type_names import arrow_type
from mlops_assets.errors import TableError, did_you_mean
from mlops_assets.signatures.contract.declared_types import declared_converter
from mlops_assets.signatures.contract.rejection_reasons import any_failure
from mlops_assets.signatures.contract.scalar_converters import Converter, RefusedError


def declare_types(table: InputTable, types: Mapping[str, str]) -> InputTable:
    """`table` with declared types for some of its columns.

    Its batches have these types, and reading ends with an error at a value that cannot be converted. The contract reads
    `InputTable.raw` instead and rejects the rows of such values. Row key columns are converted in both: a row whose
    key is unknown cannot be reported.

    Parameters
    ----------
    types
        Arrow type names by column.

    Raises
    ------
    TableError
        A column is not in the table, or none of its values can become the declared type.
    ConfigurationError
        A type's name is unknown.
    """
    if not types:
        return table
    declared = {column: arrow_type(name, where=table.uri) for column, name in types.items()}
    converters = {name: _converter(table, name, kind) for name, kind in declared.items()}
    keys = {name: converter for name, converter in converters.items() if name in table.row_key}
    others = {name: kind for name, kind in declared.items() if name not in keys}
    raw = _converted(table, keys)
    text_columns = table.text_columns - declared.keys()
    return replace(
        _converted(table, converters),
        text_columns=text_columns,
        raw=replace(raw, text_columns=text_columns),
        types=others,
    )


def _converter(table: InputTable, name: str, kind: pa.DataType) -> Converter:
    if name not in table.schema.names:
        raise TableError(
            f"types names column {name!r}, which is not in the table{did_you_mean(name, table.schema.names)}",
            where=table.uri,
            fix="Correct its name under inputs.types or take it out; add it to inputs.columns if that leaves it out",
        )
    try:
        return declared_converter(table.schema.field(name).type, kind)
    except RefusedError as error:
        raise TableError(
            f"types declares column {name!r} as {kind}, but {error}",
            where=table.uri,
            fix="Take it out of inputs.types, or declare another type",
        ) from None


def _converted(table: InputTable, converters: Mapping[str, Converter]) -> InputTable:
    """`table` with these columns converted; an error at the first value that cannot be."""
    schema = pa.schema(
        pa.field(field.name, converters[field.name].type) if field.name in converters else field
        for field in table.schema
    )

    def batches() -> Iterator[pa.RecordBatch]:
        position = 0
        for batch in table.batches():
            columns = [
                _all_values(converters[name], column, name, partial(table.place_of, position))
                if name in converters
                else column
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            ]
            position += batch.num_rows
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    return replace(table, schema=schema, _open=batches, _lazy=None, _narrow=None)


def _all_values(converter: Converter, values: pa.Array, name: str, place: Callable[[], tuple[int, str]]) -> pa.Array:
    cast, failures = converter.convert(values)
    for row in np.flatnonzero(any_failure(failures, len(values))) if failures else ():
        first, where = place()
        raise TableError(
            f"Column {name!r} holds a value that is not {converter.type}, at row {first + row} (counting from 0)",
            where=where,
            fix="Correct the value, or take the column out of inputs.types",
        )
    return cast
