"""The local engine: the same results for every number of workers and every batch size; nothing left behind."""

import itertools
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.engines import local
from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.engine import InputRows, Run, stream_results
from mlops_assets.engines.error_pickles import pickle_error
from mlops_assets.engines.local import LocalEngine
from mlops_assets.engines.work import OPEN_WORK, ChunkFunction, Work
from mlops_assets.errors import ConfigurationError, PredictionError, WorkerError
from mlops_assets_tests.waiting import LONGEST_SECONDS


@dataclass(frozen=True)
class Halved(Work):
    """`x` halved, and who did it; fails, dies, prints or sleeps at a row when told to."""

    name: str = "halved"
    fails_at: int = -1
    dies_at: int = -1
    unknown_at: int = -1
    seconds: float = 0.0

    @cached_property
    def identity(self) -> str:
        return self.name

    def open(self) -> ChunkFunction:
        def do(rows: pa.RecordBatch) -> pa.RecordBatch:
            keys = rows["id"].to_pylist()
            print("a model that prints")
            if self.fails_at in keys:
                raise PredictionError("The model failed", where="row 1", fix="Mend it")
            if self.unknown_at in keys:
                raise ZeroDivisionError("not ours")
            if self.dies_at in keys:
                os.kill(os.getpid(), signal.SIGKILL)
            # Of the processor, which a busy machine gives to others as well.
            end = time.thread_time() + self.seconds
            while time.thread_time() < end:
                pass
            return pa.record_batch(
                {"id": rows["id"], "half": pc.multiply(rows["x"], 0.5), "worker": [os.getpid()] * len(keys)}
            )

        return do


def dataset(count: int = 1000) -> ds.Dataset:
    table = pa.table({"id": range(count), "x": [float(place) for place in range(count)]})
    return ds.dataset(table.replace_schema_metadata(Provenance(row_key=("id",)).to_metadata()))


def done(todo: Work, workers=1, chunk_rows=100, store=None, count=1000):
    # Work of one identity does the same in life; here it fails once and then does not.
    OPEN_WORK.clear()
    run = Run(todo, InputRows.of(dataset(count), chunk_rows), store)
    table = pa.Table.from_batches(stream_results(LocalEngine(workers), run))
    return table, run.tally


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 3, "auto"])
@pytest.mark.parametrize("chunk_rows", [7, 300, 5000])
def test_results_are_the_same_for_every_number_of_workers_and_batch_size(workers, chunk_rows):
    table, tally = done(Halved(), workers, chunk_rows)
    assert table["id"].to_pylist() == list(range(1000))
    assert table["half"].to_pylist() == [place / 2 for place in range(1000)]
    assert tally.rows_computed == 1000
    inside = set(table["worker"].to_pylist()) == {os.getpid()}
    assert inside == (workers in (1, "auto"))


@pytest.mark.slow
def test_workers_share_the_chunks_and_end_with_the_run():
    table, tally = done(Halved(seconds=0.02), 2, 20)
    workers = set(table["worker"].to_pylist())
    assert len(workers) == tally.workers == 2
    for process in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


@pytest.mark.slow
def test_a_model_that_keeps_one_core_busy_gets_workers(monkeypatch):
    monkeypatch.setattr(local, "available_cores", lambda: 2)
    monkeypatch.setattr(local, "MIN_SECONDS_LEFT", 0.5)
    monkeypatch.setattr(local, "OBSERVED_SECONDS", 0.1)
    table, tally = done(Halved(seconds=0.06), "auto", 30)
    assert table["id"].to_pylist() == list(range(1000))
    assert tally.workers == 2
    pids = table["worker"].to_pylist()
    assert pids[0] == os.getpid()
    assert pids[-1] != os.getpid()


def test_little_work_is_done_here(monkeypatch):
    monkeypatch.setattr(local, "OBSERVED_SECONDS", 0.01)
    _, tally = done(Halved(seconds=0.01), "auto", 100)
    assert tally.workers == 0


def test_what_is_kept_is_not_done_again(tmp_path):
    store = ChunkStore(tmp_path)
    first, tally = done(Halved(), store=store)
    assert (tally.rows_computed, tally.rows_reused) == (1000, 0)
    again, tally = done(Halved(fails_at=5), store=store)
    assert (tally.rows_computed, tally.rows_reused) == (0, 1000)
    assert again.equals(first)
    _, tally = done(Halved(name="other"), store=store)
    assert tally.rows_computed == 1000


def test_a_store_that_cannot_be_written_is_logged_and_fails_nothing(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    run = Run(Halved(), InputRows.of(dataset(), 100), ChunkStore(tmp_path / "chunks"), log=lines.append)
    table = pa.Table.from_batches(LocalEngine(1).results(run))
    assert table.num_rows == 1000
    assert run.tally.store_failed
    assert len(lines) == 1
    assert "not kept for the next one" in lines[0]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_keeps_what_was_done(tmp_path, workers):
    store = ChunkStore(tmp_path)
    with pytest.raises(PredictionError, match="The model failed") as raised:
        done(Halved(fails_at=905), workers, 50, store)
    assert raised.value.fix == "Mend it"
    _, tally = done(Halved(), workers, 50, store)
    assert tally.rows_reused >= 750
    assert tally.rows_reused + tally.rows_computed == 1000


@pytest.mark.slow
def test_an_error_of_the_models_own_comes_back_with_its_traceback():
    with pytest.raises(WorkerError, match="ZeroDivisionError: not ours") as raised:
        done(Halved(name="unknown", unknown_at=500), 2)
    assert "in do" in raised.value.__notes__[0]


def test_an_error_keeps_its_cause_on_the_way_from_a_worker():
    def fail():
        try:
            {}["Smith"]
        except KeyError as cause:
            raise PredictionError("The model failed", where="m/1", fix="Mend it") from cause

    with pytest.raises(PredictionError) as raised:
        fail()
    raised.value.row_keys = ("id=7",)
    error = pickle.loads(pickle_error(raised.value))
    assert (str(error), error.where, error.row_keys) == ("The model failed (m/1). Mend it.", "m/1", ("id=7",))
    assert str(error.__cause__) == "KeyError: 'Smith'"
    assert "in fail" in error.__cause__.__notes__[0]


@pytest.mark.slow
def test_a_killed_worker_is_an_error_that_says_so(tmp_path):
    store = ChunkStore(tmp_path)
    with pytest.raises(WorkerError, match=r"exit status -9.*fewer workers"):
        done(Halved(name="dying", dies_at=700), 2, 50, store)
    _, tally = done(Halved(name="dying"), 1, 50, store)
    assert tally.rows_reused > 0


@pytest.mark.slow
def test_a_reader_that_stops_ends_the_workers():
    run = Run(Halved(seconds=0.01), InputRows.of(dataset(), 20))
    stream = stream_results(LocalEngine(2), run)
    process = next(stream)["worker"][0].as_py()
    stream.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_work_that_cannot_travel_is_done_here_or_refused():
    class Local(Halved):
        pass

    run = Run(Local(), InputRows.of(dataset(), 100))
    assert not run.is_picklable
    with pytest.raises(ConfigurationError, match="importable module"):
        list(stream_results(LocalEngine(2), run))


@pytest.mark.parametrize("workers", [0, -1, "two", True, 1.5])
def test_a_wrong_number_of_workers_is_refused(workers):
    with pytest.raises(ConfigurationError, match="Use auto, or a number"):
        LocalEngine(workers)


def test_parts_are_cut_apart_and_a_selection_has_none():
    table = pa.table({"id": range(50)})
    provenance = Provenance(row_key=("id",), extra={"parts": "20 30"})
    rows = InputRows.of(ds.dataset(table.replace_schema_metadata(provenance.to_metadata())), 1000)
    assert [chunk.rows.num_rows for chunk in rows.chunks()] == [20, 30]
    chosen = InputRows.of(rows.dataset, 1000, select=lambda batches: (batch.slice(5) for batch in batches))
    assert [chunk.rows.num_rows for chunk in chosen.chunks()] == [45]


@pytest.mark.slow
def test_a_script_without_a_guard_is_not_run_again(tmp_path):
    """`multiprocessing` would import the main module in each worker."""
    script = tmp_path / "score.py"
    script.write_text(
        "print('once')\n"
        "from mlops_assets_tests.engines.test_local_engine import Halved, done\n"
        "print(done(Halved(), 2)[0].num_rows)\n"
    )
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert result.stdout.split() == ["once", "1000"]


@dataclass(frozen=True)
class Threaded(Halved):
    """May be called from several threads at once; the first three chunks wait for each other."""

    is_sequential = False

    def open(self) -> ChunkFunction:
        do, together, number = super().open(), threading.Barrier(3), itertools.count()

        def beside(rows: pa.RecordBatch) -> pa.RecordBatch:
            if next(number) < together.parties:
                together.wait(LONGEST_SECONDS)
            result = do(rows)
            return result.set_column(2, "worker", pa.array([threading.get_ident()] * rows.num_rows))

        return beside


def test_threads_share_the_chunks_where_the_model_allows_it(monkeypatch):
    monkeypatch.setattr(local, "available_cores", lambda: 3)
    table, tally = done(Threaded(), "auto", 20)
    assert table["id"].to_pylist() == list(range(1000))
    assert len(set(table["worker"].to_pylist())) == 3
    assert tally.workers == 0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("chunk", "ahead"))]


def test_an_error_in_a_thread_is_raised_and_ends_the_others(monkeypatch):
    monkeypatch.setattr(local, "available_cores", lambda: 3)
    with pytest.raises(PredictionError, match="The model failed"):
        done(Threaded(fails_at=500), "auto", 20)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("chunk", "ahead"))]


@pytest.mark.slow
def test_order_is_kept_when_workers_end_at_different_times():
    table, _ = done(Halved(seconds=0.003), 3, 10, count=400)
    assert all(before < after for before, after in pairwise(table["id"].to_pylist()))
