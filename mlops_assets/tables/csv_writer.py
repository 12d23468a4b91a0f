"""Publishing as CSV, with the types in a file beside it."""

import hashlib
import re
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import csv as arrow_csv

from mlops_assets.arrow.type_kinds import is_text
from mlops_assets.errors import TableError
from mlops_assets.storage.location import Location
from mlops_assets.storage.locks import lock_folder
from mlops_assets.tables.csv_formulas import (
    escape_batch,
    escape_names,
    is_escaped,
    mark_escaped,
    restore_dataset,
    without_mark,
)
from mlops_assets.tables.table_writer import TableWriter, translate_write_errors

_BLOCK_BYTES = 16 << 20
_SWITCHED_LONG_AGO = timedelta(hours=1)


class CsvWriter(TableWriter):
    """One CSV file per table (UTF-8, comma, header), and a hidden ``.<name>.<hash of it>.schema`` with its types.

    The types' file is named after the CSV's content and is there before the CSV is: at every moment the CSV that is
    read has its own. Text is always in quotes, so an empty text (``""``) and a null (nothing) stay apart.

    Parameters
    ----------
    escape_formulas
        Whether text that a spreadsheet would execute is written with an apostrophe before it; it is read back without.
    """

    extension: ClassVar[str] = ".csv"

    def __init__(self, *, escape_formulas: bool = False) -> None:
        self._escapes = escape_formulas

    def _write_rows(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, sink: pa.NativeFile, target: Location
    ) -> tuple[int, str]:
        written = pa.schema([field.with_type(_in_utc(field.type)) for field in schema])
        if self._escapes:
            written = escape_names(written)
        rows, hashed = 0, _Hashed(sink)
        with ExitStack() as stack:
            with translate_write_errors(target):
                writer = stack.enter_context(arrow_csv.CSVWriter(pa.PythonFile(hashed, mode="w"), written))
            for batch in batches:
                _refuse_giants(batch, target)
                with translate_write_errors(target):
                    shown = escape_batch(batch) if self._escapes else batch
                    writer.write_batch(shown.cast(written))
                rows += batch.num_rows
        return rows, hashed.sha.hexdigest()

    def _before_switch(self, content: str, target: Location, schema: pa.Schema, switch: ExitStack) -> str:
        if target.is_local:
            # Another writer's clean-up must not meet the moment between our types and our CSV.
            switch.enter_context(lock_folder(Path(target.address).parent))
        sidecar = _sidecar(target, content)
        recorded = mark_escaped(schema) if self._escapes else schema
        sidecar.write_bytes_atomically(recorded.serialize().to_pybytes())
        return sidecar.name

    def _after_switch(self, target: Location, companion: str) -> None:
        pattern = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{16}}\.schema")
        for name in target.sibling("").files(recursive=False):
            if pattern.fullmatch(name) and name != companion:
                old = target.sibling(name)
                age = old.age()
                # Elsewhere there is no lock: a young one may be that of a writer about to switch.
                if target.is_local or (age is not None and age > _SWITCHED_LONG_AGO):
                    old.remove()

    def _dataset(self, target: Location) -> ds.Dataset:
        recorded = _recorded_schema(target)
        schema = escape_names(recorded) if is_escaped(recorded) else recorded
        file_format = ds.CsvFileFormat(
            # A row of one null is an empty line.
            arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=len(schema) > 1),
            default_fragment_scan_options=ds.CsvFragmentScanOptions(
                arrow_csv.ConvertOptions(
                    null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False, column_types=schema
                ),
                arrow_csv.ReadOptions(block_size=_BLOCK_BYTES),
            ),
        )
        dataset = ds.dataset([target.path], schema=schema, format=file_format, filesystem=target.filesystem)
        return restore_dataset(dataset, without_mark(recorded)) if is_escaped(recorded) else dataset

    def _can_hold(self, kind: pa.DataType) -> bool:
        of = pa.types
        numbers = of.is_integer(kind) or of.is_float32(kind) or of.is_float64(kind) or of.is_decimal128(kind)
        times = of.is_date(kind) or of.is_time(kind) or of.is_timestamp(kind)
        texts = is_text(kind)
        return bool(numbers or times or texts or of.is_boolean(kind) or of.is_null(kind))


class PlainCsvWriter(CsvWriter):
    """The CSV file alone, without its types: for people, not to be read back by this package."""

    def _before_switch(self, content: str, target: Location, schema: pa.Schema, switch: ExitStack) -> str:
        return ""

    def _after_switch(self, target: Location, companion: str) -> None:
        return


class _Hashed:
    """A sink that knows the hash of what went into it: a draft cannot be read back."""

    def __init__(self, sink: pa.NativeFile) -> None:
        self._sink, self.sha, self.closed = sink, hashlib.sha256(), False

    def write(self, data: bytes) -> int:
        self.sha.update(data)
        self._sink.write(data)
        return len(data)

    def tell(self) -> int:
        return int(self._sink.tell())

    def flush(self) -> None:
        self._sink.flush()

    def close(self) -> None:
        """The sink stays open: it is not ours."""
        self.closed = True


def _in_utc(kind: pa.DataType) -> pa.DataType:
    # In local time Arrow writes the offset to the minute, which loses the seconds of a zone's early years.
    return pa.timestamp(kind.unit, "UTC") if pa.types.is_timestamp(kind) and kind.tz else kind


def _recorded_schema(target: Location) -> pa.Schema:
    """The schema in the file of types that belongs to the CSV as it is now."""
    before = None
    while True:
        content = _content_hash(target)
        sidecar = _sidecar(target, content)
        try:
            return pa.ipc.read_schema(pa.py_buffer(sidecar.read_bytes()))
        except TableError as error:
            if content == before and sidecar.exists():
                raise  # it is there, and cannot be read: the error says why
            if content == before:
                raise TableError(
                    f"The table has no types of its own, {sidecar.name} is not beside it: it was edited or copied "
                    "alone",
                    where=target.uri,
                    fix="Materialize the asset that writes it again, or read it as an input table",
                ) from error
        # It may have been replaced since it was hashed: only a second miss of the same content counts.
        before = content


def _sidecar(target: Location, content: str) -> Location:
    return target.sibling(f".{target.name}.{content[:16]}.schema")


def _content_hash(file: Location) -> str:
    sha = hashlib.sha256()
    with file.filesystem.open_input_stream(file.path, compression=None) as stream:
        while chunk := stream.read(1 << 20):
            sha.update(chunk)
    return sha.hexdigest()


def _refuse_giants(batch: pa.RecordBatch, target: Location) -> None:
    """A row that does not fit the reader's block could be written and not read."""
    longest = 0
    for column in batch.columns:
        if is_text(column.type):
            longest += pc.max(pc.binary_length(column)).as_py() or 0
    if longest * 2 > _BLOCK_BYTES:
        raise TableError(
            f"A row may hold {longest} bytes of text, too much for CSV", where=target.uri, fix="Publish as Parquet"
        )
