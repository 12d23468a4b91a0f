"""Data frames with categories as the numbers that a CatBoost model splits by.

Behind a frame's own columns are one of 0 and 1 for each category that a split asks for, and one for each statistic.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from mlops_assets.trees.arrays import Singles
from mlops_assets.trees.catboost_statistics import CombinedStatistics, Component
from mlops_assets.trees.city_hash import city_hash
from mlops_assets.trees.files.catboost_cbm import CatboostModel
from mlops_assets.trees.files.catboost_features import SPLIT
from mlops_assets.trees.read_catboost_file import MoreSplits

_AS_SMALLEST, _AS_LARGEST = 1, 2
_MOST_HASHES = 1_000_000
_NUMBERS = "fiub"
_WHOLE = 2.0**53
_SIGN = 2**31
_BOTH = np.array([0, 1], np.uint64)


class CatboostColumns:
    """Makes the columns of one model; see this module.

    Parameters
    ----------
    columns
        How many columns a frame has.
    """

    def __init__(self, model: CatboostModel, columns: int) -> None:
        self._model, self.columns = model, columns
        features = model.features
        self._place = dict(zip(features.categories, features.category_columns, strict=True))
        self.categories = set(features.category_columns)
        self._number = {number: at for at, number in enumerate(features.numbers)}
        self._hashes: dict[object, int] = {}

    def read(self, data: Any) -> Singles | None:
        """(n, columns and those behind them): None where CatBoost should see the frame (of pandas) itself."""
        features = self._model.features
        extra = sum(len(values) for _, values in features.one_hot) + len(features.statistics)
        rows = np.zeros((len(data), self.columns + extra), np.float32, order="F")
        parts: dict[int, Component] = {}
        for place, dtype in enumerate(data.dtypes):
            column = data.iloc[:, place]
            if place in self.categories:
                component = self.read_category(column)
                if component is None:
                    return None
                parts[place] = component
            elif not isinstance(dtype, np.dtype) or dtype.kind not in _NUMBERS or dtype.itemsize > 8:
                return None
            else:
                numbers = column.to_numpy()
                if dtype.kind in "iu" and dtype.itemsize == 8 and not (np.abs(numbers.astype(float)) < _WHOLE).all():
                    return None
                with np.errstate(over="ignore"):
                    rows[:, place] = numbers
        behind = self.columns
        for index, values in features.one_hot:
            component = parts[self._place[index]]
            for value in values.view(np.int32).tolist():
                rows[:, behind] = (component.values == _unsigned(value))[component.codes]
                behind += 1
        known: dict[bytes, Component] = {}
        for base, (combined, places) in self._combined.items():
            components = [*self._take_apart(base, rows, parts, known)]
            combined.put(components, [rows[:, behind + place] for place in places])
        return rows

    @cached_property
    def _combined(self) -> dict[tuple[bytes, bytes, bytes], tuple[CombinedStatistics, list[int]]]:
        """For each combination its statistics, and their places among all."""
        features, tables = self._model.features, self._model.statistics
        places: dict[tuple[bytes, bytes, bytes], list[int]] = {}
        for place, statistic in enumerate(features.statistics):
            places.setdefault(statistic.base[2:], []).append(place)
        each = {base: [features.statistics[place] for place in found] for base, found in places.items()}
        return {
            base: (CombinedStatistics([(one, tables[one.base]) for one in each[base]]), found)
            for base, found in places.items()
        }

    def splits(self) -> MoreSplits:
        """The splits that are not of numbers, over the columns of `read`."""
        features, columns = self._model.features, self.columns
        values = sum(len(each) for _, each in features.one_hot)
        limits = features.statistic_borders
        of_limit = np.repeat(values + np.arange(len(limits)), [len(each) for each in limits]).astype(np.int64)
        column = columns + np.concatenate([np.arange(values), of_limit])
        threshold = np.concatenate([np.full(values, 0.5), *(each.astype(np.float64) for each in limits)])
        return MoreSplits(column, np.zeros(len(column), np.int64), threshold, columns + values + len(limits))

    def _take_apart(
        self,
        base: tuple[bytes, bytes, bytes],
        rows: Singles,
        parts: dict[int, Component],
        known: dict[bytes, Component],
    ) -> Iterator[Component]:
        """The components of a combination; those of splits are `known` from then on."""
        features = self._model.features
        for index in np.frombuffer(base[0], "<i4").tolist():
            yield parts[self._place[index]]
        for split in np.frombuffer(base[1], SPLIT):
            name = b"n" + split.tobytes()
            if name not in known:
                at = self._number[int(split["index"])]
                x, border = rows[:, features.columns[at]], split["value"].view("<f4")
                greater = x > border
                if features.missing[at] == _AS_LARGEST:
                    greater |= np.isnan(x)
                known[name] = Component(greater.view(np.uint8), _BOTH)
            yield known[name]
        for split in np.frombuffer(base[2], SPLIT):
            name = b"c" + split.tobytes()
            if name not in known:
                component = parts[self._place[int(split["index"])]]
                equal = component.values == _unsigned(int(split["value"]))
                known[name] = Component(equal.view(np.uint8)[component.codes], _BOTH)
            yield known[name]

    def read_category(self, column: Any) -> Component | None:
        """The hashes of text or whole numbers; None where something else is among them, or there are none."""
        if str(column.dtype) == "category":
            codes, values = column.cat.codes.to_numpy(), column.cat.categories.tolist()
        elif isinstance(column.dtype, np.dtype) and column.dtype.kind not in "iuO":
            return None
        else:
            codes, uniques = column.factorize()
            values = uniques.tolist()
        if (codes < 0).any() or any(type(value) not in (str, int) for value in values) or not values:
            return None
        # Threads share it, and only add to it.
        known = self._hashes if len(self._hashes) < _MOST_HASHES else {}
        for value in values:
            if value not in known:
                known[value] = _hash_category(value)
        hashes, order = np.unique(np.array([known[value] for value in values], np.uint64), return_inverse=True)
        return Component(order.astype(np.uint32)[codes], hashes)

    def probe(self, data: Any, count: int) -> Any:
        """A frame of some rows of `data`, and of rows of its values that do not belong together, or that it lacks."""
        chosen = np.unique(np.linspace(0, len(data) - 1, count).astype(np.intp))
        odd = np.resize(chosen, count // 2)
        frame = data.iloc[np.concatenate([chosen, odd])].copy()
        strange = len(chosen) + np.arange(len(odd))
        for place, dtype in enumerate(data.dtypes):
            column = frame.iloc[:, place].copy()
            values = np.roll(strange, place * 7 + 1)
            column.iloc[strange] = column.iloc[values].array
            some = strange[place % 5 :: 5]
            if place not in self.categories:
                if isinstance(dtype, np.dtype) and dtype.kind == "f":
                    column.iloc[some] = np.resize(np.array([np.nan, 0.0, -0.0, 1e30, -1e30], dtype), len(some))
            elif isinstance(dtype, np.dtype) and dtype.kind in "iu":
                column.iloc[some] = np.resize(np.array([0, 1, 99, 77], dtype), len(some))
            elif str(dtype) != "category":
                column.iloc[some] = [chr(97 + length % 26) * length for length in 3 * np.arange(len(some))]
            frame.isetitem(place, column.array)
        return frame


def make_plain(data: Any, categories: set[int]) -> Any:
    """A frame (of pandas) with doubles in place of all numbers, and plain whole numbers in columns of categories."""
    frame = data.copy(deep=False)
    for place, dtype in enumerate(data.dtypes):
        column = data.iloc[:, place]
        if place not in categories:
            frame.isetitem(place, column.to_numpy(np.float64, na_value=np.nan))
        elif dtype.kind in "iuf" and not column.isna().any() and (column == column.astype(np.int64)).all():
            frame.isetitem(place, column.to_numpy(np.int64))
    return frame


def _hash_category(value: str | int) -> int:
    return _unsigned(city_hash(str(value).encode("utf-8", "surrogatepass")) & 0xFFFFFFFF)


def _unsigned(value: int) -> int:
    """A number of 32 bits, with its sign, as CatBoost makes one of 64 bits of it."""
    signed = (value & 0xFFFFFFFF) - (2 * _SIGN if value & _SIGN else 0)
    return signed & (2**64 - 1)
