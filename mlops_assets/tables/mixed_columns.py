"""Columns that the files of one table store as different types, and for which `inputs.types` declares one.

Each value is converted from its own file's type. What the files have in common is text, so a value travels as the text
of what it became, which the declared type reads back exactly; a value that cannot be converted as its own text, for the
contract to reject its row.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from mlops_assets.errors import TableError
from mlops_assets.signatures.contract.declared_types import can_be_declared, declared_converter
from mlops_assets.signatures.contract.lossless_casts import to_mask, unwrap
from mlops_assets.signatures.contract.rejection_reasons import any_failure
from mlops_assets.storage.location import Location


def refuse_inconvertible(name: str, stored: pa.DataType, declared: pa.DataType, file: Location) -> None:
    """An error where a file's type can never become the declared one.

    Raises
    ------
    TableError
        As said.
    """
    if not can_be_declared(stored, declared) or pat.is_binary(declared) or pat.is_large_binary(declared):
        raise TableError(
            f"types declares column {name!r} as {declared}, but it is {stored} here, another type in the table's other "
            f"files, and {stored} cannot become {declared}",
            where=file.uri,
            fix="Write the files with one type, or declare another under inputs.types",
        )


def as_shared_text(values: pa.Array, declared: pa.DataType) -> pa.Array:
    """Values of one file's type as text that `declared` reads back: the converted value's, or the value's own."""
    values = unwrap(values)
    if pat.is_null(values.type) or pat.is_string(values.type) or pat.is_large_string(values.type):
        return values.cast(pa.string())
    converted, failures = declared_converter(values.type, declared).convert(values)
    text = pc.cast(converted, pa.string())
    if not failures:
        return text
    failed = any_failure(failures, len(values))
    own = pc.cast(values, pa.string())
    # A number that the declared type cannot hold exactly is read from its text as the nearest one: so it is no number.
    _, unread = declared_converter(pa.string(), declared).convert(own)
    is_read = failed & ~(any_failure(unread, len(values)) if unread else np.zeros(len(values), dtype=bool))
    is_read &= to_mask(own.is_valid())
    own = pc.if_else(pa.array(is_read), pc.binary_join_element_wise(own, f"({values.type})", " "), own)
    return pc.if_else(pa.array(failed), own, text)


def share_columns(batch: pa.RecordBatch, mixed: Mapping[str, pa.DataType]) -> pa.RecordBatch:
    """A file's batch with its columns of `mixed` (the declared types, by column) as shared text."""
    for name, declared in mixed.items():
        at = batch.schema.get_field_index(name)
        if at >= 0:
            batch = batch.set_column(at, pa.field(name, pa.string()), as_shared_text(batch.column(at), declared))
    return batch
