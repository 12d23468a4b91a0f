"""What the threads of a process share: made by the first that asks, once."""

import os
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class OnFirstUse(Generic[Value]):
    """A value that is made when it is first asked for. While one thread makes it the others wait.

    Where making it fails, all who waited get that error, and the next who asks tries again: a server that does not
    answer costs two hundred sensors one timeout and not two hundred, one after the other.
    """

    def __init__(self, make: Callable[[], Value]) -> None:
        self._make = make
        self._lock = Lock()
        self._made: Future[Value] | None = None

    def value(self) -> Value:
        """The value, or the error that making it raised."""
        with self._lock:
            made, first = self._made, self._made is None
            if made is None:
                made = self._made = Future()
        if first:
            try:
                made.set_result(self._make())
            except BaseException as error:
                self._forget(made)
                made.set_exception(error)
                raise
        return made.result()

    def forget(self) -> None:
        """Make it again when it is next asked for; one that is just being made stays."""
        made = self._made
        if made is not None and made.done():
            self._forget(made)

    def _forget(self, made: "Future[Value]") -> None:
        with self._lock:
            if self._made is made:
                self._made = None


class Shared(Generic[Value]):
    """One value for each key and process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._values: dict[Hashable, Value] = {}

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of `key`; `make` is quick and contacts nobody."""
        # Connections must not be used on both sides of a fork.
        mine = (os.getpid(), key)
        with self._lock:
            if mine not in self._values:
                self._values[mine] = make()
            return self._values[mine]
