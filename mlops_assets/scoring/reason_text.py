"""The reasons of rejected rows as text, for formats without nested columns."""

import pyarrow as pa

REASONS = "reasons"


def format_reasons(reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """The same rows; a nested column `reasons` becomes text: ``age: missing_value; city: not_parseable``.

    Other tables are returned unchanged.
    """
    index = reader.schema.get_field_index(REASONS)
    if index < 0 or not pa.types.is_list(reader.schema.field(index).type):
        return reader
    schema = reader.schema.set(index, pa.field(REASONS, pa.string()))
    return pa.RecordBatchReader.from_batches(
        schema,
        (
            pa.RecordBatch.from_arrays(
                [*batch.columns[:index], _format(batch.column(index)), *batch.columns[index + 1 :]],
                schema=schema,
            )
            for batch in reader
        ),
    )


def _format(reasons: pa.ListArray) -> pa.Array:
    rows = (row or [] for row in reasons.to_pylist())
    return pa.array(["; ".join(f"{one['column']}: {one['code']}" for one in row) for row in rows], pa.string())
