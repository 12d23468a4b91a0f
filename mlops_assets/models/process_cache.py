"""What is made once per process and used by all of its threads: models, clients, sessions."""

import os
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Any, Generic, TypeVar
from weakref import WeakSet

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class ProcessCache(Generic[Key, Value]):
    """Values by key, each made by the first thread that asks for it.

    Guarantees
    ----------
    - While a value is made, threads that ask for the same key wait for it; other keys are not held up.
    - Where making it fails, all who waited get that error, and the next who asks tries again: a server that does not
      answer costs two hundred sensors one timeout and not two hundred, one after the other.
    - A forked process starts empty, because connections must not be used on both sides of a fork. It neither uses nor
      closes what its parent made.

    Parameters
    ----------
    most
        So many values are kept; beyond that, those used longest ago are evicted. None: all are.
    close
        Called with each value that is evicted or removed, outside of all locks. It must not raise.
    """

    def __init__(self, most: int | None = None, close: Callable[[Value], None] | None = None) -> None:
        self._most = most
        self._close = close
        self._inherited: list[dict[Key, Future[Value]]] = []
        self._lock = Lock()
        # In the order of their last use.
        self._entries: dict[Key, Future[Value]] = {}
        _CACHES.add(self)

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """The value of `key`, else what `make` returns. `make` must not ask this cache for the same key."""
        with self._lock:
            entry = self._entries.pop(key, None)
            is_first = entry is None
            if entry is None:
                entry = Future()
            self._entries[key] = entry
        if is_first:
            try:
                entry.set_result(make())
            except BaseException as error:
                self._remove(key, entry)
                entry.set_exception(error)
                raise
            self._evict(key, entry)
        return entry.result()

    def remove(self, key: Key, value: Value | None = None, *, close: bool = True) -> None:
        """Make it anew when it is next asked for. Nothing happens where there is none, or while it is being made.

        Parameters
        ----------
        value
            Only remove this very object; None: whichever is there.
        close
            False: do not close it, because it is broken.
        """
        entry = self._entries.get(key)
        if entry is None or not entry.done() or entry.exception() is not None:
            return
        found = entry.result()
        if (value is None or found is value) and self._remove(key, entry) and close and self._close:
            self._close(found)

    def clear(self) -> None:
        """Remove all values, except those being made."""
        for key in self.keys_by_use():
            self.remove(key)

    def keys_by_use(self) -> list[Key]:
        """The keys of the values that are there or being made, those used longest ago first."""
        with self._lock:
            return list(self._entries)

    def _remove(self, key: Key, entry: "Future[Value]") -> bool:
        with self._lock:
            is_there = self._entries.get(key) is entry
            if is_there:
                del self._entries[key]
        return is_there

    def _evict(self, key: Key, newest: "Future[Value]") -> None:
        with self._lock:
            # It was asked for before others that were used while it was made.
            if self._entries.get(key) is newest:
                self._entries[key] = self._entries.pop(key)
            made = [key for key, entry in self._entries.items() if entry.done()]
            surplus = made[: len(made) - self._most] if self._most is not None and len(made) > self._most else []
            evicted = [self._entries.pop(key) for key in surplus]
        for entry in evicted:
            if self._close and entry.exception() is None:
                self._close(entry.result())

    def start_empty(self) -> None:
        """Forget all values without closing them: called in a process that was just forked."""
        # Another thread may have held the lock at the fork. What is inherited stays referenced: a collected
        # client or session would close a connection that is the parent's.
        self._lock = Lock()
        self._inherited.append(self._entries)
        self._entries = {}


_CACHES: "WeakSet[ProcessCache[Any, Any]]" = WeakSet()


def _start_all_empty() -> None:
    for cache in list(_CACHES):
        cache.start_empty()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_all_empty)
