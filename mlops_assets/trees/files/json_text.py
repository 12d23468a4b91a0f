"""JSON, as far as it can be judged before it is read."""

import re

import numpy as np

from mlops_assets.trees.files.errors import NativeFileError

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_PIECE = 1 << 20


def measure_depth(text: bytes) -> int:
    """How many brackets are open at once, strings aside."""
    deepest = now = 0
    bare = _STRING.sub(b"", text)
    for start in range(0, len(bare), _PIECE):
        signs = np.frombuffer(bare, np.uint8, min(_PIECE, len(bare) - start), start)
        opens, ends = (signs == 91) | (signs == 123), (signs == 93) | (signs == 125)
        path = np.cumsum(np.where(opens, 1, -1)[opens | ends]) + now
        if len(path):
            deepest, now = max(deepest, int(path.max())), int(path[-1])
    return deepest


def check_depth(text: bytes, most: int, where: str) -> None:
    """Raise `NativeFileError` where brackets are nested more than `most` deep."""
    if measure_depth(text) > most:
        raise NativeFileError(f"is nested more than {most} deep", where=where)
