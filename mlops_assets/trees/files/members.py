"""Members of a document, of the type that is expected."""

import re

import numpy as np

from mlops_assets.trees.arrays import Floats, Ints
from mlops_assets.trees.files.documents import Document, Value
from mlops_assets.trees.files.errors import NativeFileError, UncheckableFileError

_WHOLE = re.compile(r"-?\d{1,10}")


def check_keys(document: Document, known: set[str], where: str) -> None:
    """Raise `UncheckableFileError` where a document has more than these keys."""
    unknown = sorted(set(document) - known)
    if unknown:
        raise UncheckableFileError(f"has {unknown[0][:40]!r}, which is not known here", where=where)


def get_object(document: Document, key: str, where: str) -> Document:
    """The object under a key."""
    value = document.get(key)
    if not isinstance(value, dict):
        raise NativeFileError(f"lacks the object {key!r}", where=where or "the document")
    return value


def get_text(document: Document, key: str, where: str) -> str:
    """The text under a key."""
    value = document.get(key)
    if not isinstance(value, str):
        raise NativeFileError(f"lacks the text {key!r}", where=where)
    return value


def get_number(document: Document, key: str, where: str, low: int, high: int, default: int | None = None) -> int:
    """A whole number in [low, high] that is written as text."""
    value = document.get(key, None if default is None else str(default))
    if not isinstance(value, str) or not _WHOLE.fullmatch(value) or not low <= int(value) <= high:
        raise NativeFileError(f"has no {key!r} from {low} to {high}", where=where)
    return int(value)


def get_ints(document: Document, key: str, where: str) -> Ints:
    """An array of whole numbers."""
    value = document.get(key)
    if is_empty(value):
        return np.zeros(0, np.int64)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iu":
        raise NativeFileError("has something else where whole numbers belong", where=f"{where}, {key}")
    return value.astype(np.int64)


def get_floats(document: Document, key: str, where: str) -> Floats:
    """An array of numbers."""
    value = document.get(key)
    if is_empty(value):
        return np.zeros(0)
    if not isinstance(value, np.ndarray):
        raise NativeFileError("has something else where numbers belong", where=f"{where}, {key}")
    return value.astype(np.float64)


def is_empty(value: Value) -> bool:
    """Whether it is an array without elements."""
    return isinstance(value, list | np.ndarray) and not len(value)


def is_same(one: Value, other: Value) -> bool:
    """Whether two values are equal, arrays in them too."""
    if isinstance(one, dict) and isinstance(other, dict):
        return set(one) == set(other) and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(is_same(*pair) for pair in zip(one, other, strict=True))
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and np.array_equal(one, other)
    return type(one) is type(other) and one == other
