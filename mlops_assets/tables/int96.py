"""Parquet's old INT96 timestamps: nanoseconds of any year, which no type of Arrow holds."""

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_assets.arrow.batching import BATCH_ROWS
from mlops_assets.errors import TableError, list_some
from mlops_assets.storage.location import Location

Unit = Literal["us", "ns"]


def int96_columns(parquet: pq.ParquetFile) -> list[str]:
    """The columns that hold INT96, at any depth."""
    leaves = [parquet.schema.column(at) for at in range(parquet.metadata.num_columns)]
    return list(dict.fromkeys(leaf.path.partition(".")[0] for leaf in leaves if leaf.physical_type == "INT96"))


def int96_unit(open_as: Callable[[Unit], pq.ParquetFile], columns: list[str], file: Location) -> Unit:
    """Microseconds, as Spark writes them, which hold any year; nanoseconds where a value of the file has them.

    Raises
    ------
    TableError
        There are both: nanoseconds, and years that these do not reach.
    """
    fine = far = False
    batches = (open_as(unit).iter_batches(BATCH_ROWS, columns=columns) for unit in ("ns", "us"))
    for in_ns, in_us in zip(*batches, strict=True):
        for name in columns:
            for nanos, micros in zip(_ticks(in_ns.column(name)), _ticks(in_us.column(name)), strict=True):
                # Both wrap alike, so the difference is what a microsecond has beside.
                fine |= bool(np.any(nanos != micros * 1000))
                far |= bool(np.any(np.abs(micros) > (2**63 - 1) // 1000))
                if fine and far:
                    raise TableError(
                        f"INT96 times (columns {list_some(columns)}) with nanoseconds, and some outside the years "
                        "1678 to 2261: no type holds both",
                        where=file.uri,
                        fix="Write them as timestamps in microseconds",
                    )
    return "ns" if fine else "us"


def _ticks(values: pa.Array) -> Iterator[np.ndarray]:
    if pa.types.is_timestamp(values.type):
        yield values.drop_null().cast(pa.int64()).to_numpy(zero_copy_only=False)
    elif pa.types.is_struct(values.type):
        for part in values.flatten():
            yield from _ticks(part)
    elif pa.types.is_map(values.type):
        yield from _ticks(values.keys)
        yield from _ticks(values.items)
    elif hasattr(values, "flatten") and values.type.num_fields:
        yield from _ticks(values.flatten())
