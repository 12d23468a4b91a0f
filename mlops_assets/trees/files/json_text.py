"""JSON, as far as it can be judged before it is read."""

import re
from collections.abc import Iterator

import numpy as np

from mlops_assets.trees.files.errors import NativeFileError

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_PIECE = 1 << 20


def measure_depth(text: bytes) -> int:
    """How many brackets are open at once, strings aside."""
    deepest = now = 0
    for piece in _without_strings(text):
        for start in range(0, len(piece), _PIECE):
            signs = np.frombuffer(piece, np.uint8, min(_PIECE, len(piece) - start), start)
            step = np.isin(signs, (91, 123)).astype(np.int8) - np.isin(signs, (93, 125)).astype(np.int8)
            path = np.cumsum(step[step != 0], dtype=np.int64) + now
            if len(path):
                deepest, now = max(deepest, int(path.max())), int(path[-1])
    return deepest


def check_depth(text: bytes, most: int, where: str) -> None:
    """Raise `NativeFileError` where brackets are nested more than `most` deep."""
    if measure_depth(text) > most:
        raise NativeFileError(f"is nested more than {most} deep", where=where)


def _without_strings(text: bytes) -> Iterator[bytes]:
    start = 0
    for found in _STRING.finditer(text):
        yield text[start : found.start()]
        start = found.end()
    yield text[start:]
