"""Cells of CSV that a spreadsheet would execute, with an apostrophe before them; and as they were.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return for a formula
(https://owasp.org/www-community/attacks/CSV_Injection). An apostrophe before it makes it text. A text that begins with
apostrophes and then one of these gets one more, so that what was there before can be restored.
"""

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from mlops_assets.arrow.type_kinds import is_text

_MARK = b"mlops_assets.csv_formulas"
_FORMULA, _ESCAPED = r"^'*[=+\-@\t\r]", r"^'+[=+\-@\t\r]"


def mark_escaped(schema: pa.Schema) -> pa.Schema:
    """The schema of the file of types, with the note that its CSV is escaped."""
    return schema.with_metadata({**(schema.metadata or {}), _MARK: b"escape"})


def is_escaped(schema: pa.Schema) -> bool:
    return (schema.metadata or {}).get(_MARK) == b"escape"


def without_mark(schema: pa.Schema) -> pa.Schema:
    return schema.with_metadata({key: value for key, value in (schema.metadata or {}).items() if key != _MARK} or None)


def escape_names(schema: pa.Schema) -> pa.Schema:
    """The columns as the header of an escaped CSV names them."""
    return pa.schema([field.with_name(_escape_name(field.name)) for field in schema], schema.metadata)


def escape_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows with an apostrophe before each text that a spreadsheet would execute; numbers are as they were."""
    columns = [_escape(column) if is_text(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=escape_names(batch.schema))


def restore_dataset(escaped: ds.Dataset, schema: pa.Schema) -> ds.Dataset:
    """The table that was escaped, as a dataset that is mapped into memory from a file without a name."""
    with tempfile.NamedTemporaryFile(prefix="mlops_assets_", suffix=".arrow") as file:
        with pa.ipc.new_file(file.name, schema) as writer:
            for batch in _restored(escaped.to_batches(), schema):
                writer.write_batch(batch)
        # The mapping keeps what the name no longer leads to.
        return ds.dataset(pa.ipc.open_file(pa.memory_map(str(Path(file.name)))).read_all())


def _restored(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterable[pa.RecordBatch]:
    for batch in batches:
        columns = [_restore(column) if is_text(column.type) else column for column in batch.columns]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _escape_name(name: str) -> str:
    return f"'{name}" if re.match(_FORMULA, name) else name


def _escape(texts: pa.Array) -> pa.Array:
    kind = texts.type
    marked = pc.binary_join_element_wise(pa.scalar("'", kind), texts, pa.scalar("", kind))
    return pc.if_else(pc.match_substring_regex(texts, _FORMULA), marked, texts)


def _restore(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.match_substring_regex(texts, _ESCAPED), pc.utf8_slice_codeunits(texts, 1), texts)
