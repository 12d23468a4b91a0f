"""CatBoost's target statistics of categories, from its tables and bit for bit as it computes them.

A combination of categories, of splits of numbers, and of splits of categories has a hash; a table says how many rows of
each class had it in training (1.2, `catboost/libs/model/static_ctr_provider.cpp`, `ctr_helpers.h`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Singles
from mlops_assets.trees.files.catboost_features import Statistic
from mlops_assets.trees.files.catboost_statistics import BORDERS, BUCKETS, FLOAT_MEAN, MEAN, StatisticTable

_MULTIPLIER = np.uint64(0x4906BA494954CB65)
_INVERSE = np.uint64(pow(0x4906BA494954CB65, -1, 2**64))
_PAIR = np.dtype([("sum", "<f4"), ("count", "<i4")])

Hashes = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.uint32] | npt.NDArray[np.uint8]
_FEW = 65_536
_ROWS_AT_ONCE = 8_192
"""Codes of so many rows stay in the cache of the first level."""


@dataclass(frozen=True, eq=False)
class Component:
    """One part of a combination: the numbers that it may be, and which of them each row has.

    Attributes
    ----------
    codes
        (rows,): places in `values`.
    values
        (values,): what enters the hash.
    """

    codes: Codes
    values: Hashes

    @cached_property
    def key(self) -> bytes:
        """Two of the same key are of the same values."""
        return self.values.tobytes()


class CombinedStatistics:
    """The statistics of one combination: looked up by the combination's number where few are possible."""

    def __init__(self, statistics: Sequence[tuple[Statistic, StatisticTable]]) -> None:
        self._statistics = statistics
        # Of the last rows: the next ones mostly have the same categories.
        self._known: tuple[tuple[bytes, ...], list[Singles]] = ((), [])

    def put(self, components: Sequence[Component], columns: Sequence[Singles]) -> None:
        """Write each statistic of rows of these components to its column (rows,)."""
        rows = len(components[0].codes)
        if np.prod([len(each.values) for each in components], dtype=np.float64) > max(rows, _FEW):
            hashes = np.zeros(rows, np.uint64)
            for each in components:
                hashes = _hash(hashes, each.values[each.codes])
            for column, values in zip(columns, self._compute(hashes), strict=True):
                column[:] = values
            return
        tables = self._of_all(components)
        for low in range(0, rows, _ROWS_AT_ONCE):
            part = slice(low, low + _ROWS_AT_ONCE)
            code = components[0].codes[part].astype(np.uint32)
            for each in components[1:]:
                code *= np.uint32(len(each.values))
                code += each.codes[part]
            place = code.astype(np.intp)
            for column, values in zip(columns, tables, strict=True):
                values.take(place, out=column[part], mode="clip")

    def _of_all(self, components: Sequence[Component]) -> list[Singles]:
        """The statistics of all combinations that are possible."""
        key, known = tuple(each.key for each in components), self._known
        if known[0] != key:
            hashes = np.zeros(1, np.uint64)
            for each in components:
                hashes = _hash(hashes[:, None], each.values[None, :]).ravel()
            known = (key, self._compute(hashes))
            self._known = known
        return known[1]

    def _compute(self, hashes: Hashes) -> list[Singles]:
        return [compute_statistic(statistic, table, hashes) for statistic, table in self._statistics]


def combine_one(values: Hashes) -> Hashes:
    """The hashes of combinations of one category, each."""
    return _hash(np.zeros(len(values), np.uint64), values)


def take_apart_one(hashes: Hashes) -> Hashes:
    """The categories of such combinations: the multiplier is odd, and has an inverse."""
    return np.asarray(hashes * _INVERSE * _INVERSE)


def compute_statistic(statistic: Statistic, table: StatisticTable, hashes: Hashes) -> Singles:
    """The statistic of each hash; one that training did not see has its prior."""
    kind = statistic.base[0]
    known = table.hashes
    at = np.minimum(np.searchsorted(known, hashes), max(len(known) - 1, 0))
    is_known = known[at] == hashes if len(known) else np.zeros(len(hashes), np.bool_)
    places = np.where(is_known, table.places[at] if len(known) else 0, 0).astype(np.int64)
    count, total = _count(statistic, table, places)
    count, total = np.where(is_known, count, np.float32(0)), np.where(is_known, total, np.float32(0))
    if kind not in (BORDERS, BUCKETS, MEAN, FLOAT_MEAN):
        total = np.full(len(hashes), table.denominator, np.float32)
    one = (count + np.float32(statistic.prior)) / (total + np.float32(statistic.prior_count))
    return np.asarray((one + np.float32(statistic.shift)) * np.float32(statistic.scale), np.float32)


def _count(statistic: Statistic, table: StatisticTable, places: npt.NDArray[np.int64]) -> tuple[Singles, Singles]:
    """The rows that count, and all of them."""
    kind, border, classes = statistic.base[0], statistic.border, table.classes
    if not len(table.hashes):
        return np.zeros(len(places), np.float32), np.zeros(len(places), np.float32)
    if kind in (MEAN, FLOAT_MEAN):
        pairs = table.counts[: len(table.counts) // 8 * 8].view(_PAIR)[places]
        return pairs["sum"].astype(np.float32), pairs["count"].astype(np.float32)
    counts = table.counts.view("<i4")
    if kind == BUCKETS or (kind == BORDERS and classes > 2):
        each = counts[: len(counts) // classes * classes].reshape(-1, classes)[places]
        total = each.sum(axis=1, dtype=np.int32)
        count = each[:, border] if kind == BUCKETS else each[:, border + 1 :].sum(axis=1, dtype=np.int32)
    elif kind == BORDERS:
        count = counts[2 * places + 1]
        total = counts[2 * places] + count
    else:
        count = total = counts[places]
    return count.astype(np.float32), total.astype(np.float32)


def _hash(so_far: Hashes, value: Hashes) -> Hashes:
    return np.asarray(_MULTIPLIER * (so_far + _MULTIPLIER * value))
