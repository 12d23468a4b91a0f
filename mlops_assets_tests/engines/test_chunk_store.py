"""Kept results: whole or not at all, collected by age and by size, never under a run that uses them."""

import os
import subprocess
import sys
import time
from datetime import timedelta

import pyarrow as pa
import pytest

from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.errors import TableError

DAY = 86_400.0


def rows(count: int = 3) -> pa.RecordBatch:
    return pa.record_batch({"id": list(range(count)), "text": [f"ü{place}" for place in range(count)]})


@pytest.fixture
def store(tmp_path):
    return ChunkStore(tmp_path / "chunks", timedelta(days=7), 1 << 30)


def set_age(store: ChunkStore, key: str, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(store.path(key), (then, then))


def exist(store: ChunkStore, *keys: str) -> list[bool]:
    return [store.path(key).exists() for key in keys]


KEYS = [ChunkStore.key("work", f"content {place}") for place in range(4)]


def test_what_is_put_comes_back(store):
    store.put(KEYS[0], rows())
    assert store.get(KEYS[0]).equals(rows())
    assert store.get(KEYS[1]) is None


def test_a_result_without_rows_is_one(store):
    store.put(KEYS[0], rows().slice(0, 0))
    assert store.get(KEYS[0]).num_rows == 0


def test_other_work_or_content_is_another_key():
    assert len({ChunkStore.key("a", "b"), ChunkStore.key("b", "a"), ChunkStore.key("ab", "")}) == 3


@pytest.mark.parametrize("length", [0, 10, 40, -1])
def test_a_damaged_file_counts_as_missing(store, length):
    store.put(KEYS[0], rows())
    path = store.path(KEYS[0])
    path.write_bytes(path.read_bytes()[:length])
    assert store.get(KEYS[0]) is None
    store.put(KEYS[0], rows())
    assert store.get(KEYS[0]).equals(rows())


def test_a_failing_write_leaves_nothing(store, monkeypatch):
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(TableError, match="No space left"):
        store.put(KEYS[0], rows())
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_old_results_are_collected_and_used_ones_are_not(store):
    for key in KEYS[:3]:
        store.put(key, rows())
        set_age(store, key, 8)
    store.get(KEYS[1])
    store.holds(KEYS[2])
    assert store.collect() == 1
    assert exist(store, *KEYS[:3]) == [False, True, True]


def test_the_longest_unused_go_when_there_is_too_much(tmp_path):
    store = ChunkStore(tmp_path / "chunks", timedelta(days=7), max_bytes=0)
    for place, key in enumerate(KEYS):
        store.put(key, rows())
        set_age(store, key, 4 - place)
    size = store.path(KEYS[0]).stat().st_size
    assert ChunkStore(store.root, timedelta(days=7), max_bytes=2 * size).collect() == 2
    assert exist(store, *KEYS) == [False, False, True, True]


def test_nothing_that_a_living_run_used_is_collected(store):
    store.put(KEYS[0], rows())
    set_age(store, KEYS[0], 8)
    store.put(KEYS[1], rows())
    set_age(store, KEYS[1], 8)
    crowded = ChunkStore(store.root, timedelta(days=7), max_bytes=0)
    with store.mark_in_use():
        store.get(KEYS[0])
        store.put(KEYS[2], rows())
        assert crowded.collect() == 1
        assert exist(store, *KEYS[:3]) == [True, False, True]
    assert crowded.collect() == 2


def test_a_killed_run_holds_nothing_for_ever(store):
    script = (
        "import sys, os\nfrom pathlib import Path\nfrom mlops_assets.engines.chunk_store import ChunkStore\n"
        "with ChunkStore(Path(sys.argv[1])).mark_in_use():\n    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(store.root)], check=False).returncode == -9
    assert len(list((store.root / "in_use").iterdir())) == 1
    store.put(KEYS[0], rows())
    assert ChunkStore(store.root, timedelta(days=7), max_bytes=0).collect() == 1


def test_what_a_killed_writer_left_is_removed(store):
    store.put(KEYS[0], rows())
    left = store.path(KEYS[0]).with_name(f"{KEYS[0]}.0123.tmp")
    left.write_bytes(b"half")
    store.collect()
    assert left.exists(), "its writer may live"
    os.utime(left, (time.time() - DAY, time.time() - DAY))
    store.collect()
    assert not left.exists()


def test_collecting_is_done_now_and_then(store):
    store.put(KEYS[0], rows())
    set_age(store, KEYS[0], 8)
    assert store.collect_if_due() == 1
    store.put(KEYS[0], rows())
    set_age(store, KEYS[0], 8)
    assert store.collect_if_due() == 0
    assert store.collect_if_due(every=timedelta(0)) == 1
