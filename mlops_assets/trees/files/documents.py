"""What JSON and UBJSON readers share: plain values, bounded in depth and in memory."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.files.errors import NativeFileError

Numbers = npt.NDArray[np.generic]


class TextDigest:
    """A digest (SHA-256) over texts in their order, which are not kept."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._digest = hashlib.sha256()
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        self._digest.update(len(data).to_bytes(8, "little") + data)

    @property
    def value(self) -> bytes:
        return self._digest.digest()


@dataclass(frozen=True)
class Texts:
    """An array of strings, of which only the number and a digest are kept."""

    count: int
    digest: bytes


Value = None | bool | int | float | str | Numbers | Texts | list["Value"] | dict[str, "Value"]
Document = dict[str, Value]

# XGBoost's models need eight levels, and the state of a Booster one more.
DEEPEST_DOCUMENT = 16
# What a value takes beside its content, and what a document may take beside three times its size.
_EACH, _FREE = 120, 1 << 20
STREAMED = "trees"


class Limits:
    """The depth and the memory that are left; the elements of the array `STREAMED` are handed on, and not kept."""

    def __init__(self, size: int, take: Callable[[Document], None] | None) -> None:
        self._left = 3 * size + _FREE
        self.take = take

    def spend(self, size: int, where: str) -> None:
        """Count a value of so many bytes."""
        self._left -= size + _EACH
        if self._left < 0:
            raise NativeFileError("holds more values than its size allows", where=where)

    def stream(self, read: Callable[[], Value], where: str) -> None:
        """Hand on one element of `STREAMED`."""
        left = self._left
        value = read()
        self._left = left
        if not isinstance(value, dict) or self.take is None:
            raise NativeFileError("has a tree that is none", where=where)
        self.take(value)


def check_nesting(depth: int, where: str) -> None:
    """Raise `NativeFileError` where a document is nested too deep."""
    if depth > DEEPEST_DOCUMENT:
        raise NativeFileError(f"is nested more than {DEEPEST_DOCUMENT} deep", where=where)


def join_numbers(values: list[int | float]) -> Numbers:
    """Numbers that were read one by one, as an array."""
    whole = all(isinstance(value, int) for value in values)
    return np.array(values, np.int64 if whole else np.float64)
