"""Rows put aside, and the folders they lie in."""

import os
import subprocess
import sys

import pyarrow as pa
import pytest

from mlops_assets.arrow.spool import Spool, scratch_folder
from mlops_assets.storage.locks import hold

BATCHES = pa.table({"a": range(10), "s": list("abcdefghij")}).to_batches(4)


def test_rows_come_back_as_often_as_wanted(tmp_path):
    with Spool(BATCHES[0].schema, tmp_path) as spool:
        for batch in BATCHES:
            spool.write(batch)
        assert spool.rows == 10
        for _ in range(2):
            assert [batch.to_pydict() for batch in spool.reader()] == [batch.to_pydict() for batch in BATCHES]


def test_two_readers_do_not_disturb_each_other(tmp_path):
    with Spool(BATCHES[0].schema, tmp_path) as spool:
        for batch in BATCHES:
            spool.write(batch)
        one, other = spool.reader(), spool.reader()
        assert one.read_next_batch() == other.read_next_batch()


def test_an_empty_spool_has_its_schema(tmp_path):
    with Spool(BATCHES[0].schema, tmp_path) as spool:
        assert spool.reader().read_all() == BATCHES[0].schema.empty_table()


def test_the_file_is_gone_afterwards_and_what_was_read_stays(tmp_path):
    with Spool(BATCHES[0].schema, tmp_path) as spool:
        spool.write(BATCHES[0])
        batch = spool.reader().read_next_batch()
    assert list(tmp_path.iterdir()) == []
    assert batch.to_pydict() == BATCHES[0].to_pydict()


def test_the_file_is_gone_after_a_failure(tmp_path):
    def fail():
        with Spool(BATCHES[0].schema, tmp_path):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_added_once_it_is_read(tmp_path):
    with Spool(BATCHES[0].schema, tmp_path) as spool:
        spool.reader()
        with pytest.raises(ValueError, match="nothing can be added"):
            spool.write(BATCHES[0])


def test_dictionaries_may_change_from_batch_to_batch(tmp_path):
    batches = [pa.record_batch({"c": pa.array(values).dictionary_encode()}) for values in (["a"], ["b", "c"])]
    with Spool(batches[0].schema, tmp_path) as spool:
        for batch in batches:
            spool.write(batch)
        assert spool.reader().read_all()["c"].to_pylist() == ["a", "b", "c"]


def test_a_scratch_folder_is_fresh_and_goes(tmp_path):
    with scratch_folder(tmp_path / "scratch") as one, scratch_folder(tmp_path / "scratch") as other:
        assert one != other
        assert one.name.startswith(f"{os.getpid()}-")
        (one / "file").touch()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_folders_of_dead_processes_are_swept_and_those_of_living_ones_are_not(tmp_path):
    finished = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead = int(finished.stdout)
    for name in (f"{dead}-aaaa", f"{os.getpid()}-bbbb", f"{dead}-cccc", "somebody-else"):
        (tmp_path / name).mkdir()
    (tmp_path / f"{dead}-aaaa" / "left").touch()
    # Of another container, whose process ids mean nothing here: its lock tells.
    with hold(tmp_path / f"{dead}-cccc" / ".alive"), scratch_folder(tmp_path) as fresh:
        assert {path.name for path in tmp_path.iterdir()} == {
            f"{os.getpid()}-bbbb",
            f"{dead}-cccc",
            "somebody-else",
            fresh.name,
        }
