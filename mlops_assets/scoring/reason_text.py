"""The reasons of rejected rows as text, for formats without nested columns."""

import pyarrow as pa

REASONS = "reasons"


def reasons_as_text(reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """The same rows; a nested column `reasons` becomes text: ``age: missing_value; city: not_parseable``.

    Other tables pass as they are.
    """
    place = reader.schema.get_field_index(REASONS)
    if place < 0 or not pa.types.is_list(reader.schema.field(place).type):
        return reader
    schema = reader.schema.set(place, pa.field(REASONS, pa.string()))
    return pa.RecordBatchReader.from_batches(
        schema,
        (
            pa.RecordBatch.from_arrays(
                [*batch.columns[:place], _texts(batch.column(place)), *batch.columns[place + 1 :]], schema=schema
            )
            for batch in reader
        ),
    )


def _texts(reasons: pa.ListArray) -> pa.Array:
    rows = (row or [] for row in reasons.to_pylist())
    return pa.array(["; ".join(f"{one['column']}: {one['code']}" for one in row) for row in rows], pa.string())
