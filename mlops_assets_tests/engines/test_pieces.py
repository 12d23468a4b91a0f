"""Work that is cut by its cost: pieces of about ten seconds, found again by a run that cuts otherwise, same results."""

import time
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mlops_assets.engines import local
from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.engine import InputRows, Run, Tally, stream_results
from mlops_assets.engines.local import LocalEngine
from mlops_assets.engines.speed import Speed
from mlops_assets.engines.work import OPEN_WORK, ChunkFunction, Work
from mlops_assets.errors import ConfigurationError
from mlops_assets_tests.engines.test_local_engine import dataset
from mlops_assets_tests.progress.clock import Clock

CLOCK = Clock()
CALLS: list[list[int]] = []


@dataclass(frozen=True)
class Costly(Work):
    """Halves `x`; each row takes `seconds` of `CLOCK`, and each call `seconds_of_call`. Dies when told to."""

    seconds: float = 0.6
    seconds_of_call: float = 0.0
    smallest: int | None = 1
    dies_after: int = 10**9
    busy: float = 0.0
    budget: float | None = None

    @property
    def most_seconds(self) -> float | None:
        return self.budget

    @property
    def identity(self) -> str:
        return "costly"

    @property
    def grain(self) -> int | None:
        return self.smallest

    @property
    def cost_of_row(self) -> str:
        return "800 predictions of the model"

    def open(self) -> ChunkFunction:
        def do(rows: pa.RecordBatch) -> pa.RecordBatch:
            if sum(map(len, CALLS)) + rows.num_rows > self.dies_after:
                raise KeyboardInterrupt
            CALLS.append(rows["id"].to_pylist())
            CLOCK.now += self.seconds_of_call + self.seconds * rows.num_rows
            end = time.thread_time() + self.busy * rows.num_rows
            while time.thread_time() < end:
                pass
            return pa.record_batch({"id": rows["id"], "half": pc.multiply(rows["x"], 0.5)})

        return do


@pytest.fixture(autouse=True)
def calls():
    CLOCK.now = 0.0
    CALLS.clear()
    return CALLS


def results(work, rows=2_000, chunk_rows=1_000, store=None, workers=1, clock=CLOCK):
    """The table, what was logged, and the tally."""
    OPEN_WORK.clear()
    log, tally = [], Tally()
    run = Run(work, InputRows.of(dataset(rows), chunk_rows), store, tally, log=log.append, clock=clock)
    table = pa.Table.from_batches(stream_results(LocalEngine(workers), run))
    return table, log, tally


def test_a_slow_model_is_worked_on_in_pieces_of_about_ten_seconds(calls):
    table, _, tally = results(Costly(0.6))
    assert table["id"].to_pylist() == list(range(2_000))
    assert table["half"].to_pylist() == [row / 2 for row in range(2_000)]
    lengths = [len(call) for call in calls]
    # What is done to measure is part of the result; then 16 rows are 9.6 seconds.
    assert lengths[:4] == [1, 1, 2, 4]
    assert max(lengths) == 16
    assert sorted(lengths)[len(lengths) // 2] == 16
    assert tally.rows_computed == 2_000


def test_work_beyond_its_budget_is_refused_once_that_is_known(calls):
    whole, _, _ = results(Costly(0.6, budget=1_300.0))
    calls.clear()
    with pytest.raises(ConfigurationError, match="takes about 20 min on 1 process, and may take 10 min: 1,996 rows"):
        results(Costly(0.6, budget=600.0))
    assert sum(map(len, calls)) == 4
    assert whole.num_rows == 2_000


def test_a_row_that_takes_longer_than_ten_seconds_is_a_piece(calls):
    results(Costly(30.0), rows=20)
    assert {len(call) for call in calls} == {1}


def test_cheap_work_is_not_cut_once_that_is_known(calls):
    results(Costly(0.0001), rows=50_000, chunk_rows=10_000)
    lengths = [len(call) for call in calls]
    assert max(lengths) > 5_000
    assert len(lengths) < 40


def test_what_each_call_costs_is_no_cost_of_its_rows(calls):
    _, log, _ = results(Costly(0.001, seconds_of_call=0.6), rows=4_000, chunk_rows=4_000)
    assert max(len(call) for call in calls) >= 1_900
    assert log == []


def test_work_is_cut_only_where_it_may_be(calls):
    results(Costly(0.6, smallest=64))
    # From the start of its chunk, each call but the last has a whole number of the smallest pieces.
    assert {len(call) for call in calls if len(call) >= 64} == {64}
    calls.clear()
    results(Costly(0.6, smallest=None))
    assert min(len(call) for call in calls[:-1]) >= 500


def test_the_whole_cost_is_said_once_before_most_of_it_is_spent(calls):
    _, log, _ = results(Costly(0.6), rows=2_000)
    (line,) = log
    assert line == (
        "Making results takes about 20 min on 1 process: 1,996 rows x 800 predictions of the model, in pieces of about "
        "16 rows"
    )


def test_pieces_of_a_run_that_died_are_found_again_whatever_is_measured_then(tmp_path, calls):
    store = ChunkStore(tmp_path)
    whole, _, _ = results(Costly(0.6))
    for seconds in (0.6, 5.0, 0.05, 0.0001):
        calls.clear()
        before = len(list(tmp_path.glob("*/*")))
        with pytest.raises(KeyboardInterrupt):
            results(Costly(seconds, dies_after=300), store=store)
        assert len(list(tmp_path.glob("*/*"))) > before
    calls.clear()
    table, _, tally = results(Costly(0.6), store=store)
    assert tally.rows_reused >= 3 * 300 - 3 * 64
    assert tally.rows_reused + tally.rows_computed == 2_000
    assert table.equals(whole)
    # No row was done twice: those that are kept are not in any call.
    assert sum(map(len, calls)) == tally.rows_computed
    calls.clear()
    again, _, tally = results(Costly(3.0), store=store)
    assert (calls, tally.rows_reused) == ([], 2_000)
    assert again.equals(whole)


def test_a_damaged_piece_is_done_again(tmp_path, calls):
    store = ChunkStore(tmp_path)
    whole, _, _ = results(Costly(0.6), rows=200, store=store)
    for path in list(tmp_path.glob("*/*"))[::3]:
        path.write_bytes(b"damaged")
    table, _, tally = results(Costly(2.0), rows=200, store=store)
    assert table.equals(whole)
    assert 0 < tally.rows_computed < 200


@pytest.mark.slow
def test_a_small_table_that_is_costly_has_two_processes_and_the_same_results(monkeypatch):
    monkeypatch.setattr(local, "available_cores", lambda: 2)
    monkeypatch.setattr(local, "MIN_SECONDS_LEFT", 0.5)
    table, _, tally = results(Costly(busy=0.02), rows=200, workers="auto", clock=time.perf_counter)
    assert tally.workers == 2
    assert tally.chunks_computed > 4
    assert table.equals(results(Costly(0.6), rows=200)[0])


def test_the_first_call_is_not_measured_unless_it_was_long():
    speed = Speed(CLOCK)
    speed.note(1, 3.0)
    speed.note(1, 0.5)
    speed.note(2, 1.0)
    assert speed.is_known
    assert speed.per_row == pytest.approx(0.5)
    slow = Speed(CLOCK)
    slow.note(1, 30.0)
    assert slow.is_known
    assert slow.per_row == pytest.approx(30.0)
