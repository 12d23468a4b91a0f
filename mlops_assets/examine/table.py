"""The table: can it be read, and which columns identify a row."""

import re
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.arrow.batching import first_rows
from mlops_assets.arrow.input_table import ROW_NUMBER, InputTable
from mlops_assets.arrow.spool import scratch_folder
from mlops_assets.arrow.unique_keys import KeyCheck
from mlops_assets.direct.registry import work_folder
from mlops_assets.errors import TableError
from mlops_assets.examine.findings import Notes
from mlops_assets.examine.request import ExaminationRequest
from mlops_assets.examine.source import FoundInputs, find_inputs
from mlops_assets.signatures.contract.delimiters import find_other_delimiter
from mlops_assets.tables.source import TableSource
from mlops_assets.tables.sql.source import SqlSource

EXAMINED_ROWS = 10_000
"""The first rows of the table: what the contract is tried on, and keys are looked for in."""

_KEY_SECONDS = 4.0
_MOST_TRIED = 3
_KEY_NAME = re.compile(r"(^|[_\W])(id|ids|key|uuid|guid|pk)$", re.IGNORECASE)
_CAMEL = re.compile(r"[a-z](Id|ID|Key|UUID)$")


@dataclass(frozen=True)
class ExaminedTable:
    """A table that can be read.

    Attributes
    ----------
    source
        How it is read, row key included.
    table
        Of `source`.
    total
        Its rows; None: too many to count in passing.
    found
        What the YAML says of it.
    """

    source: TableSource | SqlSource
    table: InputTable
    total: int | None = None
    found: FoundInputs | None = None


def open_inputs(request: ExaminationRequest, notes: Notes) -> ExaminedTable | None:
    """The table, with the row key that was asked for where it has it; None: it cannot be read."""
    assert request.inputs is not None
    with notes.report_errors("table"):
        found = find_inputs(request, notes)
        source = found.source
        table = source.open()
        columns = [name for name in table.schema.names if name not in table.row_key]
        delimiter = find_other_delimiter(columns)
        if isinstance(source, TableSource) and delimiter is not None and request.delimiter is None:
            source = replace(source, delimiter=delimiter)
            table = source.open()
            notes.add("table", "yellow", f"The columns are separated by {delimiter!r}: the YAML says so")
        read = next(iter(table.batches()), None)
        if read is None:
            raise TableError("The table has no rows", where=table.uri, fix="Give a table with rows")
        columns = [name for name in table.schema.names if name != ROW_NUMBER or ROW_NUMBER not in table.row_key]
        notes.add("table", "green", f"{table.uri} can be read: {len(columns)} columns")
        return ExaminedTable(source, table, found=found)
    return None


def examine_row_key(
    request: ExaminationRequest, examined: ExaminedTable, inputs: Collection[str], notes: Notes
) -> tuple[ExaminedTable, tuple[str, ...] | None, str]:
    """The row key that the YAML names, checked against all rows, and why it is this one.

    Parameters
    ----------
    inputs
        The signature's input columns: a key that is none of them is preferred.

    Returns
    -------
    The table, keyed; the key, None where the YAML names none; a comment.
    """
    if request.row_key:
        keyed = _check_key(examined, request.row_key, notes)
        return keyed or examined, request.row_key, "no two rows have the same"
    if examined.table.row_key != (ROW_NUMBER,):
        key = examined.table.row_key
        if (keyed := _check_key(examined, key, notes)) is not None:
            return keyed, None, ""
        return examined, None, ""
    candidates = _find_candidates(examined.table, inputs)
    for name in candidates[:_MOST_TRIED]:
        tried = Notes()
        keyed = _check_key(examined, (name,), tried)
        if keyed is not None:
            notes.add(
                "row key",
                "yellow",
                f"{name!r} was chosen as the row key: {_extent(keyed)} have a value of their own",
                fix="Name other columns with --row-key if these do not identify a row of yours",
            )
            return keyed, (name,), "chosen because no two rows have the same; correct it if need be"
    total = _count_rows(examined)
    notes.add(
        "row key",
        "yellow",
        "No column identifies a row, so rows are numbered from 0 in the table's order",
        fix="Name the columns that identify a row with --row-key, so that results can be joined to your other tables",
    )
    return replace(examined, total=total), None, ""


def _check_key(examined: ExaminedTable, key: tuple[str, ...], notes: Notes) -> ExaminedTable | None:
    """The table with this key, unless a row lacks it or two have the same; stops where a large table takes too long."""
    with notes.report_errors("row key"):
        source = replace(examined.source, row_key=key)
        table = source.open()
        keys = replace(source, columns=key, types=_types_of(source, key)).open()
        rows, complete = _check_unique(keys)
        keyed = replace(examined, source=source, table=table, total=rows if complete else None)
        notes.add(
            "row key", "green", f"{', '.join(map(repr, key))} identifies a row: checked on {_extent(keyed, rows)}"
        )
        return keyed
    return None


def _types_of(source: TableSource | SqlSource, key: tuple[str, ...]) -> dict[str, str]:
    return {name: kind for name, kind in source.types.items() if name in key}


def _check_unique(keys: InputTable) -> tuple[int, bool]:
    """How many rows were checked, and whether these are all."""
    deadline = time.monotonic() + _KEY_SECONDS
    rows, complete = 0, True
    with scratch_folder(work_folder() / "scratch") as scratch:
        check = KeyCheck(keys.row_key, scratch, keys.uri)
        for batch in keys.batches():
            check.add(batch)
            rows += batch.num_rows
            if time.monotonic() > deadline:
                complete = False
                break
        checked = rows

        def again() -> Iterator[pa.RecordBatch]:
            return first_rows(keys.batches(), checked)

        check.finish(again)
    return rows, complete


def _count_rows(examined: ExaminedTable) -> int | None:
    column = next(name for name in examined.table.schema.names if name != ROW_NUMBER)
    deadline, rows = time.monotonic() + _KEY_SECONDS, 0
    for batch in (
        replace(examined.source, columns=(column,), types=_types_of(examined.source, (column,))).open().batches()
    ):
        rows += batch.num_rows
        if time.monotonic() > deadline:
            return None
    return rows


def _extent(keyed: ExaminedTable, rows: int | None = None) -> str:
    if keyed.total is not None:
        return f"all {keyed.total:,} rows"
    return f"the first {rows:,} rows" if rows is not None else "the rows that were looked at"


def _find_candidates(table: InputTable, inputs: Collection[str]) -> list[str]:
    """Columns without a repeated or missing value among the first rows; those that are called like keys first."""
    rows = pa.Table.from_batches(first_rows(table.batches(), EXAMINED_ROWS), table.schema)
    found = []
    for name, kind in zip(rows.schema.names, rows.schema.types, strict=True):
        simple = pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if name == ROW_NUMBER or not simple or name in inputs:
            continue
        column = rows.column(name)
        empty_text = not pa.types.is_integer(kind) and pc.any(pc.equal(column, "")).as_py()
        if not column.null_count and not empty_text and pc.count_distinct(column).as_py() == rows.num_rows:
            found.append(name)
    return sorted(found, key=lambda name: not _is_called_like_a_key(name))


def _is_called_like_a_key(name: str) -> bool:
    return bool(_KEY_NAME.search(name) or _CAMEL.search(name))
