"""The features of a CatBoost model, and the splits that follow from them: trees name a split by its number."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Ints
from mlops_assets.trees.files.errors import NativeFileError, UncheckableFileError
from mlops_assets.trees.files.flatbuffer import Table

# CatBoost packs a value into a byte; a feature of more borders takes several.
_MOST_PER_BYTE = 254
# Python's list of names is as long as the largest number of a column.
_MOST_COLUMNS = 1_000_000
_CTR_TYPES = 6
SPLIT = np.dtype([("index", "<i4"), ("value", "<i4")])


StatisticBase = tuple[int, int, bytes, bytes, bytes]


@dataclass(frozen=True)
class Statistic:
    """A target statistic of one or several categorical features.

    Attributes
    ----------
    base
        What it is of: its type, the target's classes by which it counts, categorical features, and splits of numbers
        and of categories.
    border
        The class border that it counts.
    prior, prior_count, shift, scale
        The statistic is `((count + prior) / (rows + prior_count) + shift) * scale`, in single precision.
    """

    base: "StatisticBase"
    border: int
    prior: float
    prior_count: float
    shift: float
    scale: float


@dataclass(frozen=True, eq=False)
class BinFeatures:
    """Splits by number: those of numbers first, then those of categories, then those of statistics.

    Attributes
    ----------
    columns
        (numeric features,): where each is among the columns of the data.
    missing
        (numeric features,): 0 as it is, 1 smallest, 2 largest.
    borders
        Of each numeric feature: the splits are ``x > border``.
    one_hot
        Of each feature that is split by its values: the categorical feature, and the values' hashes.
    statistics
        Those that trees split by.
    statistic_borders
        Of each of them.
    names
        Of the numeric features; None where one has none.
    numbers
        (numeric features,): what combinations call them.
    categories, category_columns, category_names
        (categorical features,): what combinations call them; where each is among the columns of the data; as `names`.
    """

    columns: Ints
    missing: Ints
    borders: tuple[npt.NDArray[np.float32], ...]
    one_hot: tuple[tuple[int, npt.NDArray[np.int32]], ...]
    statistics: tuple[Statistic, ...]
    statistic_borders: tuple[npt.NDArray[np.float32], ...]
    names: tuple[bytes | None, ...] = ()
    numbers: tuple[int, ...] = ()
    categories: tuple[int, ...] = ()
    category_columns: tuple[int, ...] = ()
    category_names: tuple[bytes | None, ...] = ()

    @property
    def _sizes(self) -> list[int]:
        values = [values for _, values in self.one_hot]
        return [len(each) for each in (*self.borders, *values, *self.statistic_borders)]

    @property
    def count(self) -> int:
        """The number of splits."""
        return sum(self._sizes)

    def pack(self, splits: Ints) -> npt.NDArray[np.void]:
        """Splits as CatBoost packs them: the byte that is compared, its mask, and the least value that goes right."""
        sizes = np.array([size for size in self._sizes if size], np.int64)
        packed = np.zeros(max(int(sizes.sum()), 1), [("feature", "i8"), ("xor", "i8"), ("split", "i8")])
        if len(sizes):
            number = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            bytes_each = -(-sizes // _MOST_PER_BYTE)
            packed["feature"] = np.repeat(np.cumsum(bytes_each) - bytes_each, sizes) + number // _MOST_PER_BYTE
            packed["split"] = number % _MOST_PER_BYTE + 1
            first = sum(len(each) for each in self.borders)
            values = slice(first, first + sum(len(each) for _, each in self.one_hot))
            packed["xor"][values] = ~packed["split"][values] & 0xFF
            packed["split"][values] = 0xFF
        if packed["feature"].max() > 0xFFFF:
            raise NativeFileError("has more features than CatBoost can pack", where="RepackedBins")
        return cast("npt.NDArray[np.void]", packed[splits])


def read_features(trees: Table) -> BinFeatures:
    """The features of the table of trees.

    Raises
    ------
    UncheckableFileError
        There are texts or embeddings among them.
    NativeFileError
        Two are the same, or one names another that is not there.
    """
    for field, name in ((12, "TextFeatures"), (13, "EstimatedFeatures"), (18, "EmbeddingFeatures")):
        if len(trees.vector(field, "<u4", name)):
            raise UncheckableFileError("has texts or embeddings, which are not read here", where=name)
    columns, missing, borders, numeric, names = [], [], [], [], []
    for feature in trees.tables(5, "FloatFeatures"):
        feature.check_fields(6)
        numeric.append(int(feature.number(1, "int", -1)))
        columns.append(int(feature.number(2, "int", -1)))
        missing.append(int(feature.number(5, "byte")))
        names.append(feature.text(4, f"{feature.where}, FeatureId"))
        values = cast("npt.NDArray[np.float32]", feature.vector(3, "<f4", f"{feature.where}, Borders"))
        _check_borders(values, f"{feature.where}, Borders")
        if not 0 <= missing[-1] <= 2:
            raise NativeFileError("treats missing values in an unknown way", where=feature.where)
        borders.append(values)
    categorical, category_names, used = [], [], set()
    for feature in trees.tables(4, "CatFeatures"):
        feature.check_fields(4)
        categorical.append(int(feature.number(0, "int", -1)))
        columns.append(int(feature.number(1, "int", -1)))
        category_names.append(feature.text(2, f"{feature.where}, FeatureId"))
        if feature.number(3, "bool", 1):
            used.add(categorical[-1])
    for numbers, name in ((numeric, "FloatFeatures"), (categorical, "CatFeatures"), (columns, "FlatIndex")):
        if len(set(numbers)) < len(numbers) or min(numbers, default=0) < 0 or max(numbers, default=0) >= _MOST_COLUMNS:
            raise NativeFileError("has a feature twice, or without a place", where=name)
    one_hot = [_read_one_hot(feature, used) for feature in trees.tables(6, "OneHotFeatures")]
    statistics, limits = [], []
    splits = {(index, value) for index, each in zip(numeric, borders, strict=True) for value in _pieces(each)}
    for feature in trees.tables(7, "CtrFeatures"):
        feature.check_fields(2)
        limit = cast("npt.NDArray[np.float32]", feature.vector(1, "<f4", f"{feature.where}, Borders"))
        _check_borders(limit, f"{feature.where}, Borders")
        statistic = _read_statistic(feature)
        _check_base(statistic.base, used, splits, one_hot, feature.where)
        statistics.append(statistic)
        limits.append(limit)
    return BinFeatures(
        np.array(columns[: len(numeric)], np.int64),
        np.array(missing, np.int64),
        tuple(borders),
        tuple(one_hot),
        tuple(statistics),
        tuple(limits),
        tuple(names),
        tuple(numeric),
        tuple(categorical),
        tuple(columns[len(numeric) :]),
        tuple(category_names),
    )


def read_base(base: Table | None, where: str) -> StatisticBase:
    """What a statistic is of."""
    if base is None:
        raise NativeFileError("has a statistic of nothing", where=where)
    combination = base.check_fields(3).table(0, f"{where}, FeatureCombination")
    kind = int(base.number(1, "byte"))
    if combination is None or not 0 <= kind < _CTR_TYPES:
        raise NativeFileError("has a statistic of nothing", where=where)
    combination.check_fields(3)
    parts = [combination.vector(field, form, where).tobytes() for field, form in ((0, "<i4"), (1, SPLIT), (2, SPLIT))]
    return kind, int(base.number(2, "int")), parts[0], parts[1], parts[2]


def _read_one_hot(feature: Table, used: set[int]) -> tuple[int, npt.NDArray[np.int32]]:
    feature.check_fields(3)
    index = int(feature.number(0, "int", -1))
    values = cast("npt.NDArray[np.int32]", feature.vector(1, "<i4", f"{feature.where}, Values"))
    where = f"{feature.where}, StringValues"
    texts = len([feature.text_at(place, where) for place in feature.offsets(2, where)])
    if index not in used or texts not in (0, len(values)):
        raise NativeFileError("has values of a feature that is not there", where=feature.where)
    return index, values


def _read_statistic(feature: Table) -> Statistic:
    where = f"{feature.where}, Ctr"
    ctr = feature.table(0, where)
    if ctr is None:
        raise NativeFileError("has a statistic of nothing", where=where)
    ctr.check_fields(6)
    numbers = [ctr.number(field, "float", default) for field, default in ((2, 0), (3, 1), (4, 0), (5, 1))]
    return Statistic(read_base(ctr.table(0, where), where), int(ctr.number(1, "int")), *numbers)


def _check_base(
    base: StatisticBase,
    used: set[int],
    splits: set[tuple[int, bytes]],
    one_hot: list[tuple[int, npt.NDArray[np.int32]]],
    where: str,
) -> None:
    if not set(np.frombuffer(base[2], "<i4").tolist()) <= used:
        raise NativeFileError("has a statistic of a feature that is not there", where=where)
    numbers = {(int(each["index"]), each["value"].tobytes()) for each in np.frombuffer(base[3], SPLIT)}
    values = {(int(each["index"]), int(each["value"])) for each in np.frombuffer(base[4], SPLIT)}
    known = {(index, int(value)) for index, each in one_hot for value in each}
    if not numbers <= splits or not values <= known:
        raise NativeFileError("has a statistic of a split that is not there", where=where)


def _check_borders(values: npt.NDArray[np.float32], where: str) -> None:
    # CatBoost counts the borders that a value exceeds.
    if np.isnan(values).any() or (values[1:] < values[:-1]).any():
        raise NativeFileError("has borders that do not ascend", where=where)


def _pieces(values: npt.NDArray[np.float32]) -> list[bytes]:
    data = values.tobytes()
    return [data[at : at + 4] for at in range(0, len(data), 4)]
