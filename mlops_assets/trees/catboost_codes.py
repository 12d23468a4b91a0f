"""CatBoost's splits of categories as sets of them, where each asks for one column: what explanations need.

A column's categories are those that training has seen, in the order of their hashes, and all others together. A split
by a statistic of one column then sends some of them left, as one by the category itself does.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Ints, Words
from mlops_assets.trees.builder import category_bits
from mlops_assets.trees.catboost_columns import CatboostColumns
from mlops_assets.trees.catboost_statistics import combine_one, compute_statistic, take_apart_one
from mlops_assets.trees.ensemble import CATEGORICAL
from mlops_assets.trees.files.catboost_cbm import CatboostModel
from mlops_assets.trees.read_catboost_file import MoreSplits

_MOST_WORDS = 2**22


@dataclass(frozen=True, eq=False)
class CatboostCodes:
    """The codes of a model's categories.

    Parameters
    ----------
    columns
        How many columns a frame has.
    """

    model: CatboostModel
    columns: int

    @property
    def applies(self) -> bool:
        """Whether no statistic is of several columns, and the sets are not too large."""
        features = self.model.features
        bases = [statistic.base for statistic in features.statistics]
        if any(len(base[2]) != 4 or base[3] or base[4] for base in bases):
            return False
        sizes = [len(values) for _, values in features.one_hot] + [len(limits) for limits in features.statistic_borders]
        places = [index for index, _ in features.one_hot] + [self._index(base[2]) for base in bases]
        words = sum(size * (len(self.known[place]) // 32 + 1) for size, place in zip(sizes, places, strict=True))
        return words <= _MOST_WORDS

    @cached_property
    def known(self) -> dict[int, Ints]:
        """Categorical feature -> the hashes of the categories that training has seen, ascending."""
        features = self.model.features
        known: dict[int, list[npt.NDArray[Any]]] = {index: [np.zeros(0, np.int64)] for index in features.categories}
        for index, values in features.one_hot:
            known[index].append(values.astype(np.int64))
        for base in {statistic.base for statistic in features.statistics}:
            hashes = take_apart_one(self.model.statistics[base].hashes)
            known[self._index(base[2])].append(hashes.view(np.int64))
        return {index: np.unique(np.concatenate(parts)) for index, parts in known.items()}

    def splits(self) -> MoreSplits:
        """The splits that are not of numbers, over the columns of `encode`."""
        features = self.model.features
        place = dict(zip(features.categories, features.category_columns, strict=True))
        column: list[int] = []
        sets: list[Words] = []
        for index, values in features.one_hot:
            codes = self.known[index]
            for value in values.astype(np.int64).tolist():
                column.append(place[index])
                sets.append(category_bits(np.flatnonzero(np.append(codes != value, True)).tolist()))
        for statistic, limits in zip(features.statistics, features.statistic_borders, strict=True):
            index = self._index(statistic.base[2])
            # The last hash is no category's: all that training has not seen.
            hashes = np.append(combine_one(self.known[index].view(np.uint64)), np.uint64(2**64 - 1))
            statistics = compute_statistic(statistic, self.model.statistics[statistic.base], hashes)
            for limit in limits:
                column.append(place[index])
                sets.append(category_bits(np.flatnonzero(~(statistics > limit)).tolist()))
        return MoreSplits(
            np.array(column, np.int64),
            np.full(len(column), CATEGORICAL, np.int64),
            np.arange(len(column), dtype=np.float64),
            self.columns,
            tuple(sets),
        )

    def encode(self, data: Any) -> Any:
        """A frame (of pandas) with codes in place of categories; None where one is neither text nor a whole number."""
        features = self.model.features
        frame = data.copy(deep=False)
        for index, place in zip(features.categories, features.category_columns, strict=True):
            part = self._reader.read_category(data.iloc[:, place])
            if part is None:
                return None
            known, values = self.known[index], part.values.view(np.int64)
            at = np.minimum(np.searchsorted(known, values), max(len(known) - 1, 0))
            is_known = known[at] == values if len(known) else np.zeros(len(values), np.bool_)
            frame.isetitem(place, np.where(is_known, at, len(known)).astype(np.float64)[part.codes])
        return frame

    @cached_property
    def _reader(self) -> CatboostColumns:
        return CatboostColumns(self.model, self.columns)

    def _index(self, categories: bytes) -> int:
        return int(np.frombuffer(categories, "<i4")[0])
