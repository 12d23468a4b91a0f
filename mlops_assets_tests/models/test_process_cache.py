"""Values of a process: made once by whoever asks first, bounded, not shared across a fork."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from mlops_assets.errors import RegistryUnreachableError
from mlops_assets.models.process_cache import ProcessCache


@pytest.fixture
def made():
    """How often the value of each key was made."""
    return Counter()


@pytest.fixture
def ask(made):
    """Ask a cache for a key; the value is a new object."""

    def ask(cache, key):
        def make():
            made[key] += 1
            return [key]

        return cache.get(key, make)

    return ask


def test_a_value_is_made_once(ask, made):
    cache = ProcessCache()
    assert ask(cache, "a") is ask(cache, "a")
    assert ask(cache, "b") == ["b"]
    assert made == {"a": 1, "b": 1}


def test_the_value_used_longest_ago_is_evicted_and_closed(ask, made):
    closed = []
    cache = ProcessCache(most=3, close=closed.append)
    for key in "abcab":
        ask(cache, key)
    ask(cache, "d")
    assert closed == [["c"]]
    ask(cache, "e")
    assert closed == [["c"], ["a"]]
    assert cache.keys_by_use() == ["b", "d", "e"]
    ask(cache, "c")
    assert made["c"] == 2


def test_a_value_that_took_long_to_make_is_not_evicted_by_those_used_meanwhile():
    cache = ProcessCache(most=2)
    started, go_on = Event(), Event()

    def slow():
        started.set()
        assert go_on.wait(60)
        return "slow"

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(cache.get, "slow", slow)
        assert started.wait(60)
        # Neither held up by the slow one, nor a reason to evict it.
        assert [cache.get(key, lambda: "quick") for key in "ab"] == ["quick", "quick"]
        go_on.set()
        assert waiting.result(60) == "slow"
    assert cache.keys_by_use() == ["b", "slow"]


def test_threads_that_ask_at_once_get_one_value(ask, made):
    cache, together = ProcessCache(), Barrier(8)

    def first(_):
        together.wait(60)
        return ask(cache, "a")

    with ThreadPoolExecutor(8) as pool:
        assert len({id(value) for value in pool.map(first, range(8))}) == 1
    assert made == {"a": 1}


def test_an_error_reaches_all_who_wait_and_is_not_kept():
    cache, together = ProcessCache(), Barrier(4)
    tries, fail = [], Event()

    def make():
        tries.append(1)
        assert fail.wait(60)
        raise RegistryUnreachableError("away")

    def first(_):
        together.wait(60)
        with pytest.raises(RegistryUnreachableError):
            cache.get("a", make)

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(first, place) for place in range(3)]
        together.wait(60)
        fail.set()
        for each in asking:
            each.result(60)
    assert cache.keys_by_use() == []
    assert cache.get("a", lambda: "there again") == "there again"


def test_what_is_removed_is_closed_and_made_anew(ask, made):
    closed = []
    cache = ProcessCache(close=closed.append)
    first = ask(cache, "a")
    cache.remove("a", ["another"])
    cache.remove("b")
    assert closed == []
    cache.remove("a", first)
    assert closed == [["a"]]
    cache.remove("a", ask(cache, "a"), close=False)
    assert closed == [["a"]]
    for key in "bc":
        ask(cache, key)
    cache.clear()
    assert closed == [["a"], ["b"], ["c"]]
    assert cache.keys_by_use() == []


def test_what_is_being_made_stays():
    cache = ProcessCache()

    def make():
        cache.remove("a")
        cache.clear()
        return "a"

    assert cache.get("a", make) == "a"
    assert cache.keys_by_use() == ["a"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_starts_empty_and_closes_nothing_of_its_parent(ask):
    closed = []
    cache = ProcessCache(most=1, close=closed.append)
    mine = ask(cache, "a")
    started, go_on = Event(), Event()

    def hold():
        started.set()
        assert go_on.wait(60)

    with ThreadPoolExecutor(1) as pool:
        # Another thread's lock, held at the moment of the fork, must not stop the child.
        pool.submit(cache.get, "b", hold)
        assert started.wait(60)
        child = os.fork()
        if child == 0:
            empty = cache.keys_by_use() == []
            own = ask(cache, "a")
            os._exit(0 if empty and own is not mine and not closed and cache.keys_by_use() == ["a"] else 1)
        go_on.set()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert closed == [mine]
