"""Reading ahead: the same items, errors where they belong, no thread left."""

import threading
import time

import pytest

from mlops_assets.arrow.read_ahead import read_ahead
from mlops_assets_tests.waiting import wait_for


def threads() -> int:
    return sum(thread.name == "ahead" for thread in threading.enumerate())


def test_the_same_items_in_the_same_order():
    assert list(read_ahead(range(1000), depth=3)) == list(range(1000))


def test_items_are_made_while_the_reader_works():
    made = []

    def items():
        for item in range(4):
            made.append(item)
            yield item

    stream = read_ahead(items(), depth=2)
    assert next(stream) == 0
    wait_for(lambda: len(made) >= 3, "items made ahead")
    # The two that may wait, and the one that is held until there is room.
    time.sleep(0.05)
    assert 3 <= len(made) <= 4
    assert list(stream) == [1, 2, 3]


def test_no_more_than_the_depth_is_held():
    made = []
    stream = read_ahead((made.append(item) or item for item in range(100)), depth=2)
    next(stream)
    time.sleep(0.1)
    assert len(made) <= 1 + 2 + 1
    stream.close()


def test_an_error_comes_after_the_items_before_it():
    def items():
        yield 1
        yield 2
        raise ZeroDivisionError("third")

    stream = read_ahead(items())
    assert [next(stream), next(stream)] == [1, 2]
    with pytest.raises(ZeroDivisionError, match="third"):
        next(stream)
    assert threads() == 0


def test_a_reader_that_stops_closes_the_source_and_leaves_no_thread():
    closed = []

    def items():
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    stream = read_ahead(items())
    next(stream)
    stream.close()
    assert closed == [True]
    assert threads() == 0


def test_nothing_runs_before_the_first_item_is_asked_for():
    made = []
    stream = read_ahead(made.append(item) or item for item in range(3))
    time.sleep(0.05)
    assert made == []
    assert list(stream) == [0, 1, 2]
