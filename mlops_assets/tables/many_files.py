"""Looking at many files one by one: in a store each look is a request, and several are under way at a time."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_REQUESTS, _FEW = 16, 32
"""At a time, each thread with a client of its own, which takes a while to make: of few files one after the other."""

Item = TypeVar("Item")
Found = TypeVar("Found")


def look_at_each(items: Sequence[Item], look: Callable[[Item], Found], *, one_by_one: bool) -> Iterator[Found]:
    """What `look` finds of each, in order; an error is that of the first item that has one.

    Parameters
    ----------
    one_by_one
        However many there are: files on a disk of this machine.
    """
    if one_by_one or len(items) <= _FEW:
        yield from map(look, items)
        return
    pool = ThreadPoolExecutor(_REQUESTS, "files")
    try:
        yield from pool.map(look, items)
    finally:
        pool.shutdown(cancel_futures=True)
