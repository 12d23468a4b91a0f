"""Stages of a stream beside each other: one reads ahead while the next one works."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextvars import copy_context
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _BackgroundReader(Generic[Item]):
    def __init__(self, items: Iterable[Item], depth: int) -> None:
        self._items, self._depth = items, depth
        self._ready: deque[Item] = deque()
        self._changed = threading.Condition()
        self._ended = self._closed = False
        self._error: BaseException | None = None

    def _read(self) -> None:
        iterator = iter(self._items)
        try:
            for item in iterator:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed or len(self._ready) < self._depth)
                    if self._closed:
                        break
                    self._ready.append(item)
                    self._changed.notify_all()
                del item
        except BaseException as error:  # noqa: BLE001 - the reading thread raises it, an interrupt too
            self._error = error
        finally:
            close = getattr(iterator, "close", None)
            try:
                if close is not None:
                    close()
            finally:
                with self._changed:
                    self._ended = True
                    self._changed.notify_all()

    def __iter__(self) -> Iterator[Item]:
        # In the context of whoever reads: what is tracked in the thread is reported to the same listener.
        thread = threading.Thread(target=copy_context().run, args=(self._read,), name="ahead", daemon=True)
        thread.start()
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._ready or self._ended)
                    if not self._ready:
                        break
                    item = self._ready.popleft()
                    self._changed.notify_all()
                yield item
                del item
            if self._error is not None:
                raise self._error
        finally:
            with self._changed:
                self._closed = True
                self._ready.clear()
                self._changed.notify_all()
            thread.join()


def read_ahead(items: Iterable[Item], depth: int = 2) -> Iterator[Item]:
    """The same items in the same order, made in a thread of their own, at most `depth` of them ahead.

    Starts with the first item that is asked for. What `items` raises is raised here, after the items before it. A
    reader that stops early (closes the iterator, or fails) stops the thread after the item it is making, and closes
    `items`; no thread outlives the iterator.
    """
    return iter(_BackgroundReader(items, depth))
