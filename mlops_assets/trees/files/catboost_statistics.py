"""The tables of a CatBoost model's target statistics: a hash table each, and the counts that its buckets number."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.files.catboost_features import BinFeatures, StatisticBase, read_base
from mlops_assets.trees.files.errors import NativeFileError
from mlops_assets.trees.files.flatbuffer import Buffer

BORDERS, BUCKETS, MEAN, FLOAT_MEAN = 0, 1, 2, 3
"""Types of statistics; the others are frequencies."""
_BUCKET = np.dtype([("hash", "<u8"), ("place", "<u4")])
_FREE = 2**64 - 1
_MOST_CLASSES = 1 << 20


@dataclass(frozen=True, eq=False)
class StatisticTable:
    """What training has counted for each combination of values that occurred.

    Attributes
    ----------
    hashes, places
        (combinations,): their hashes, which ascend, and where each is in `counts`.
    counts
        The bytes of the counts; what they are depends on the type of the statistic.
    classes
        By which rows are counted.
    denominator
        Of a frequency.
    """

    hashes: npt.NDArray[np.uint64]
    places: npt.NDArray[np.uint32]
    counts: npt.NDArray[np.uint8]
    classes: int
    denominator: int


def read_statistics(data: bytes, features: BinFeatures) -> Mapping[StatisticBase, StatisticTable]:
    """The tables, if they are those that `features` name, and lead only to their own counts.

    Raises
    ------
    NativeFileError
        They do not.
    """
    where = "the statistics"
    at, count = 4, int.from_bytes(data[:4], "little")
    if len(data) < 4 or count > len(data) // 8:
        raise NativeFileError("has more tables than bytes", where=where)
    tables: dict[StatisticBase, StatisticTable] = {}
    for number in range(count):
        size = int.from_bytes(data[at : at + 4], "little")
        if at + 4 > len(data) or not 8 <= size <= len(data) - at - 4:
            raise NativeFileError("is shorter than it says", where=f"{where}, table {number}")
        base, each = _check_table(data[at + 4 : at + 4 + size], f"{where}, table {number}")
        if base in tables:
            raise NativeFileError("has a table twice", where=f"{where}, table {number}")
        tables[base] = each
        at += 4 + size
    if at != len(data):
        raise NativeFileError("goes on behind its end", where=where)
    for statistic in features.statistics:
        kind, border = statistic.base[0], statistic.border
        if statistic.base not in tables:
            raise NativeFileError("splits by statistics that it does not have", where=where)
        # A border lies between two classes, two at least; a bucket is one.
        classes = tables[statistic.base].classes
        most = max(classes, 2) - 1 if kind == BORDERS else classes
        if border < 0 or (kind in (BORDERS, BUCKETS) and border >= most):
            raise NativeFileError("has a border of classes that are not there", where=where)
    return tables


def _check_table(data: bytes, where: str) -> tuple[StatisticBase, StatisticTable]:
    """What a table is of, and the table."""
    table = Buffer(data, where).root().check_fields(5)
    base = read_base(table.table(0, where), where)
    buckets, counts = table.vector(1, np.uint8, where), table.vector(2, np.uint8, where)
    classes = int(table.number(4, "int"))
    size = len(buckets) // _BUCKET.itemsize
    if len(buckets) % _BUCKET.itemsize or size < 1 or size & (size - 1):
        raise NativeFileError(f"has {size} buckets, which is no power of two", where=where)
    found = np.frombuffer(buckets.tobytes(), _BUCKET)
    taken = found["hash"] != _FREE
    # A search ends at a free bucket.
    if taken.all():
        raise NativeFileError("has no free bucket", where=where)
    kind = base[0]
    if kind == BUCKETS or (kind == BORDERS and classes > 2):
        width = 4 * classes
    else:
        width = 8 if kind in (BORDERS, MEAN, FLOAT_MEAN) else 4
    if not (0 if kind > BUCKETS else 1) <= classes <= _MOST_CLASSES or len(counts) % 4:
        raise NativeFileError(f"has {classes} classes", where=where)
    if (found["place"][taken].astype(np.int64) >= len(counts) // width).any():
        raise NativeFileError("has a bucket without counts", where=where)
    denominator = int(table.number(3, "int"))
    buckets_by_hash = np.sort(found[taken], order="hash")
    hashes, places = buckets_by_hash["hash"].astype(np.uint64), buckets_by_hash["place"].astype(np.uint32)
    return base, StatisticTable(hashes, places, counts.astype(np.uint8), classes, denominator)
