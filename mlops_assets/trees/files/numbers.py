"""Numbers from text, whole lines at a time, and nothing that two readers could read differently."""

import re
import warnings
from functools import cache

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Ints
from mlops_assets.trees.files.errors import NativeFileError

_WORD = re.compile(rb"-?\d{1,10}")
_DIGITS = b"0123456789- "
_FLOAT_CHARACTERS = b"0123456789+-.eE nainf"
INT32 = 2**31


def read_word(text: bytes | None, where: str, low: int, high: int) -> int:
    """One whole number in [low, high]."""
    if text is None:
        raise NativeFileError("lacks it", where=where)
    if not _WORD.fullmatch(text) or not low <= int(text) <= high:
        raise NativeFileError(f"has {shorten(text)} where a whole number from {low} to {high} belongs", where=where)
    return int(text)


def read_ints(text: bytes, where: str, count: int | None, low: int, high: int) -> Ints:
    """Whole numbers in [low, high], separated by spaces; `count` of them, where it is given."""
    if text.translate(None, _DIGITS) or b"- " in text or text.endswith(b"-"):
        raise NativeFileError("has something else among its whole numbers", where=where)
    numbers = _split(text, np.int64, where, count)
    if len(numbers) and (numbers.min() < low or numbers.max() > high):
        raise NativeFileError(f"has a number that is not between {low} and {high}", where=where)
    return np.asarray(numbers, np.int64)


def read_floats(text: bytes, where: str, count: int | None) -> Floats:
    """Numbers separated by spaces, NaN and infinity among them; `count` of them, where it is given."""
    if text.translate(None, _FLOAT_CHARACTERS):
        raise NativeFileError("has something else among its numbers", where=where)
    return np.asarray(_split(text, np.float64, where, count), np.float64)


def shorten(text: bytes) -> str:
    """A piece of a file as a message can quote it."""
    return repr(text[:40].decode("utf-8", "replace"))


def _split(text: bytes, dtype: npt.DTypeLike, where: str, count: int | None) -> npt.NDArray[np.generic]:
    try:
        numbers = parse(text.strip(b" "), dtype, " ")
    except ValueError as error:
        raise NativeFileError("has something else among its numbers", where=where) from error
    if count is not None and len(numbers) != count:
        raise NativeFileError(f"has {len(numbers)} numbers where {count} belong", where=where)
    return numbers


def parse(text: bytes, dtype: npt.DTypeLike, separator: str) -> npt.NDArray[np.generic]:
    """All numbers of `text`; ValueError where something of it is none."""
    if _raises_by_itself():
        return np.fromstring(text, dtype, sep=separator)
    return _parse_strictly(text, dtype, separator)


def _parse_strictly(text: bytes, dtype: npt.DTypeLike, separator: str) -> npt.NDArray[np.generic]:
    # NumPy up to 2.2 warns of what it cannot read, and returns what came before it.
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return np.fromstring(text, dtype, sep=separator)
        except DeprecationWarning as error:
            raise ValueError(str(error)) from error


@cache
def _raises_by_itself() -> bool:
    """Whether the installed NumPy refuses what it cannot read: to change filters of warnings for each line takes longer
    than to read it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            np.fromstring(b"1 x", np.int64, sep=" ")
        except ValueError:
            return True
    return False
