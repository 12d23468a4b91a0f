"""The categories that an XGBoost model's columns had in training, by which it encodes new data."""

import itertools
from dataclasses import dataclass
from typing import cast

import numpy as np

from mlops_assets.trees.arrays import Ints
from mlops_assets.trees.files.documents import Numbers, Value
from mlops_assets.trees.files.errors import NativeFileError
from mlops_assets.trees.files.members import check_keys, get_ints, is_empty


@dataclass(frozen=True, eq=False)
class Categories:
    """The categories of a column in the order of its codes, as they are stored.

    Attributes
    ----------
    values
        The categories that are numbers, or the characters of all names.
    starts
        Of names: where each begins among the characters, and the end; None of numbers.
    """

    values: Numbers
    starts: Ints | None

    def decode(self) -> tuple[object, ...]:
        """The categories; empty where there are none, or names not in ASCII, which XGBoost 3.2 cuts."""
        if self.starts is None:
            return tuple(self.values.tolist())
        characters = self.values.astype(np.int8).tobytes() if self.values.dtype.kind in "iu" else b"\xff"
        if not characters.isascii():
            return ()
        return tuple(characters[begin:end].decode() for begin, end in itertools.pairwise(self.starts.tolist()))


def read_categories(cats: Value, columns: int) -> tuple[Categories, ...]:
    """Those of each column, none where the file keeps none; they, and their order, lead only to themselves.

    Raises
    ------
    NativeFileError
        They do not.
    """
    where = "cats"
    if cats is None:
        return ()
    if not isinstance(cats, dict):
        raise NativeFileError("has categories that are no object", where=where)
    check_keys(cats, {"enc", "feature_segments", "sorted_idx"}, where)
    each = cats.get("enc")
    encodings = each if isinstance(each, list) else []
    if not isinstance(each, list) and not is_empty(each):
        raise NativeFileError("has categories that are no list", where=where)
    if len(encodings) not in (0, columns):
        raise NativeFileError(f"has categories of {len(encodings)} columns for {columns}", where=where)
    sizes = np.array([_count_categories(encoding) for encoding in encodings], np.int64)
    starts, order = get_ints(cats, "feature_segments", where), get_ints(cats, "sorted_idx", where)
    expected = np.concatenate([[0], np.cumsum(sizes)])
    if not (np.array_equal(starts, expected) or (not len(encodings) and not len(starts))):
        raise NativeFileError("has categories in other places than it says", where="feature_segments")
    if len(order) != sizes.sum():
        raise NativeFileError("has an order of other categories", where="sorted_idx")
    for start, size in zip(expected[:-1].tolist(), sizes.tolist(), strict=True):
        if not np.array_equal(np.sort(order[start : start + size]), np.arange(size)):
            raise NativeFileError("has an order that is none", where="sorted_idx")
    return tuple(_read_column(cast("dict[str, Value]", encoding)) for encoding in encodings)


def _read_column(encoding: "dict[str, Value]") -> Categories:
    values = encoding["values"]
    numbers = values if isinstance(values, np.ndarray) else np.zeros(0)
    return Categories(numbers, get_ints(encoding, "offsets", "enc") if "offsets" in encoding else None)


def _count_categories(encoding: Value) -> int:
    if not isinstance(encoding, dict):
        raise NativeFileError("has categories that are no object", where="enc")
    check_keys(encoding, {"offsets", "values", "type"}, "enc")
    values = encoding.get("values")
    if not isinstance(values, np.ndarray) and not is_empty(values):
        raise NativeFileError("has categories that are no numbers", where="enc")
    count = len(cast(Numbers, values))
    if "offsets" not in encoding:
        return count
    offsets = get_ints(encoding, "offsets", "enc")
    if not len(offsets) and not count:
        return 0
    if not len(offsets) or offsets[0] or offsets[-1] != count or (np.diff(offsets) < 0).any():
        raise NativeFileError("has categories that overlap", where="enc, offsets")
    return len(offsets) - 1
