"""A ledger's outputs: names within this package, class labels of the model's own type where people join tables."""

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.explain.columns import OUTPUT

_KINDS: tuple[tuple[type, pa.DataType], ...] = ((bool, pa.bool_()), (int, pa.int64()), (float, pa.float64()))


def label_type(classes: Sequence[object] | None) -> pa.DataType:
    """The type of a ledger's column `output`: that of the class labels, so that it joins with predicted labels.

    Whole numbers are int64, whatever their width; text where there are no classes, or labels of several kinds.
    """
    if classes:
        for kind, arrow_type in _KINDS:
            # bool is a kind of int: exactly this type.
            if all(type(label) is kind for label in classes):
                return arrow_type
    return pa.string()


def to_labels(names: pa.Array, kind: pa.DataType) -> pa.Array:
    """Output names as labels of this type; the inverse of `to_names`."""
    return _translate(names, lambda name: _parse(name, kind), kind)


def to_names(labels: pa.Array) -> pa.Array:
    """Labels as output names: a label's text in Python."""
    return labels if pa.types.is_string(labels.type) else _translate(labels, str, pa.string())


def with_output_names(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows with a column `output`, that column as names."""
    place = batch.schema.get_field_index(OUTPUT)
    return batch.set_column(place, pa.field(OUTPUT, pa.string()), to_names(batch.column(place)))


def outputs_as_text(reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """A stream with a column `output`, that column as names."""
    place = reader.schema.get_field_index(OUTPUT)
    if pa.types.is_string(reader.schema.field(place).type):
        return reader
    field = reader.schema.field(place).with_type(pa.string())
    schema = reader.schema.set(place, field)
    batches = (batch.set_column(place, field, to_names(batch.column(place))).cast(schema) for batch in reader)
    return pa.RecordBatchReader.from_batches(schema, batches)


def _parse(name: str, kind: pa.DataType) -> object:
    if pa.types.is_boolean(kind):
        return name == "True"
    if pa.types.is_integer(kind):
        return int(name)
    return float(name) if pa.types.is_floating(kind) else name


def _translate(values: pa.Array, translate: Callable[[Any], object], kind: pa.DataType) -> pa.Array:
    """Each distinct value once."""
    encoded = pc.dictionary_encode(values)
    words = pa.array([translate(value) for value in encoded.dictionary.to_pylist()], kind)
    return words.take(encoded.indices)
