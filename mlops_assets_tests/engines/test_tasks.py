"""Tasks on the engines of one machine, with the same guarantees; `test_spark_engine` has the cluster's."""

import itertools
import os
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from mlops_assets.child_process import child_environment
from mlops_assets.engines import local, task_pool
from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.engine import Engine, stream_ends, stream_results
from mlops_assets.engines.local import LocalEngine
from mlops_assets.engines.task_pool import TaskPool
from mlops_assets.engines.worker_process import IDLE_SECONDS, IDLE_WORKERS, IdleWorkers, worker_environment
from mlops_assets.errors import ConfigurationError, PredictionError, WorkerError
from mlops_assets.progress.report import Reporter, report_to
from mlops_assets.progress.stage import Progress
from mlops_assets_tests.engines import futures_engine
from mlops_assets_tests.engines.engine_suite import (
    EngineSuite,
    ResultsSuite,
    WorkersSuite,
    assert_nothing_hangs,
    is_running,
    written,
)
from mlops_assets_tests.engines.futures_engine import FuturesEngine
from mlops_assets_tests.engines.squares import RELEASE, Square, squares
from mlops_assets_tests.engines.sums import Sums, sums_run
from mlops_assets_tests.waiting import wait_for


class OnlyResults(Engine):
    """An engine of a user's own, from before there were tasks."""

    def results(self, run):
        raise AssertionError("no rows are handed over")


class ThisProcessSuite(EngineSuite):
    """Of an engine that does one task after the other here."""

    def test_a_task_is_begun_when_its_end_is_asked_for(self, engine, tmp_path):
        with closing(engine.run_tasks(squares(tmp_path, range(3)))) as ends:
            assert next(ends).report.process == os.getpid()
        assert written(tmp_path) == {0: 0}

    def test_any_other_error_is_raised_as_it_is(self, engine, tmp_path):
        with pytest.raises(ZeroDivisionError):
            list(engine.run_tasks(squares(tmp_path, range(2), _0="foreign")))


class TestAnEngineThatKnowsNoTasks(ThisProcessSuite):
    @pytest.fixture
    def engine(self) -> Engine:
        return OnlyResults()


class TestTheBaseClass(ThisProcessSuite, ResultsSuite):
    @pytest.fixture
    def engine(self) -> Engine:
        return Engine()


class TestOneProcess(ThisProcessSuite, ResultsSuite):
    @pytest.fixture
    def engine(self) -> Engine:
        return LocalEngine(1)


@pytest.mark.slow
class TestWorkerProcesses(WorkersSuite):
    @pytest.fixture
    def engine(self) -> Engine:
        return LocalEngine(2)


@pytest.mark.slow
class TestAThirdEngine(WorkersSuite, ResultsSuite):
    @pytest.fixture
    def engine(self) -> Engine:
        return FuturesEngine()


def test_an_engine_is_little_code():
    assert len(Path(futures_engine.__file__).read_text("utf-8").splitlines()) < 150


def test_the_rows_of_a_task_count_when_it_ends(tmp_path):
    heard: list[Progress] = []

    class Ear:
        def pause(self, reports, progress):
            return 0.0

        def show(self, progress, report):
            heard.append(progress)

        def note(self, line):
            raise AssertionError(line)

        def end(self, progress, reports):
            heard.append(progress)

    known = [Square(number, str(tmp_path), count=10 * number) for number in range(4)]
    reported = [Square(number, str(tmp_path)) for number in range(4)]
    for tasks in (known, reported):
        heard.clear()
        reporter = Reporter(Ear(), background=False)
        with report_to(reporter):
            for _ in stream_ends(Engine(), tasks):
                reporter.tick()
        assert {progress.doing for progress in heard} == {"squaring"}
        assert [progress.done for progress in heard] == ([0, 10, 30, 60, 60] if tasks is known else [0, 1, 3, 6, 6])
        assert {progress.total for progress in heard} == ({60} if tasks is known else {None})
        assert heard[0].part == (0 if tasks is known else 0.25)


def test_tasks_that_travel_to_no_process_are_done_here_or_refused(tmp_path):
    class Local(Square):
        pass

    tasks = [Local(number, str(tmp_path)) for number in range(3)]
    assert {end.report.process for end in LocalEngine("auto").run_tasks(tasks)} == {os.getpid()}
    with pytest.raises(ConfigurationError, match="importable module"):
        list(LocalEngine(2).run_tasks(tasks))


def test_one_task_and_little_work_start_no_process(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "available_cores", lambda: 4)
    for engine, count in ((LocalEngine(4), 1), (LocalEngine("auto"), 30)):
        assert {end.report.process for end in engine.run_tasks(squares(tmp_path, range(count)))} == {os.getpid()}


def release_after(folder: Path, count: int) -> None:
    """Let the task go on that is held, when so many others are done."""
    wait_for(lambda: len(written(folder)) == count, "the ends of the other tasks")
    (folder / RELEASE).touch()


@pytest.mark.slow
def test_workers_start_beside_a_task_that_takes_long(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "available_cores", lambda: 2)
    monkeypatch.setattr(task_pool, "PATIENCE_SECONDS", 0.01)
    lines: list[str] = []
    written_by_others = threading.Thread(target=release_after, args=(tmp_path, 3))
    written_by_others.start()
    # The first is done here, and ends when the workers have done the others.
    tasks = squares(tmp_path, range(4), _0="held")
    done = {end.number: end.report.process for end in LocalEngine("auto").run_tasks(tasks, lines.append)}
    written_by_others.join()
    assert done[0] == os.getpid()
    assert os.getpid() not in {done[number] for number in (1, 2, 3)}
    assert lines == ["2 worker processes do the 3 parts that are left"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "seconds", "here", "workers"),
    [
        pytest.param(5, 0.4, 5, 0, id="all is done soon"),
        pytest.param(5, 1.4, 5, 0, id="the rest is done before workers would be of use"),
        pytest.param(16, 0.5, 4, 3, id="six seconds are left"),
        pytest.param(5, 6.0, 1, 4, id="much is left"),
    ],
)
def test_as_many_workers_start_as_the_rest_is_worth(tmp_path, count, seconds, here, workers):
    lines: list[str] = []
    clock = itertools.count(0, seconds)
    with TaskPool(squares(tmp_path, range(count)), 8, 8, lines.append) as pool:
        assert len(list(pool.run_until_workers_pay(lambda: next(clock)))) == here
    assert lines == ([f"{workers} worker processes do the {count - here} parts that are left"] if workers else [])


def test_results_that_are_done_are_kept_where_a_later_one_fails(tmp_path):
    store = ChunkStore(tmp_path)
    with pytest.raises(PredictionError, match="Row refused"):
        list(stream_results(Engine(), sums_run(Sums(499, "own"), store)))
    assert len(list(store.root.glob("??/*"))) > 10


@pytest.mark.slow
def test_workers_wait_for_the_next_table_with_what_they_have_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "available_cores", lambda: 2)
    IDLE_WORKERS.end()
    tasks = squares(tmp_path, range(8))
    first = {end.report.process for end in LocalEngine(2).run_tasks(tasks)}
    # Whoever is free takes what is next: auto does so at once where workers wait.
    again = {end.report.process for end in LocalEngine("auto").run_tasks(tasks)}
    assert again <= first
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://another.example")
    others = {end.report.process for end in LocalEngine(2).run_tasks(tasks)}
    assert not others & first
    IDLE_WORKERS.end()
    assert not any(map(is_running, first | others))


@pytest.mark.slow
def test_a_worker_that_waits_for_long_is_ended_and_a_dead_one_is_not_taken():
    now = [0.0]
    idle = IdleWorkers(lambda: now[0])
    environment = worker_environment(1, 1)
    worker, other = idle.take(environment), idle.take(environment)
    idle.give(worker)
    assert idle.count(environment) == 1
    now[0] = 30.0
    idle.give(other)
    now[0] = 61.0
    idle.end(IDLE_SECONDS)
    assert (worker.is_alive, other.is_alive) == (False, True)
    other.kill()
    wait_for(lambda: not other.is_alive, "the end of the worker")
    assert idle.count(environment) == 0
    new = idle.take(environment)
    assert new is not other
    new.reap()


@pytest.mark.slow
def test_a_task_that_kills_every_worker_is_given_up(tmp_path):
    with pytest.raises(WorkerError, match=r"2 worker processes ended .*SIGKILL.* before part 2 of 3 .*while squaring"):
        list(LocalEngine(2).run_tasks(squares(tmp_path, range(3), _1="dies")))
    assert len(list(tmp_path.glob("died-*"))) == 2


@pytest.mark.slow
def test_workers_end_with_a_process_that_is_killed_in_the_middle_of_a_task(tmp_path):
    script = (
        "import sys; from pathlib import Path\n"
        "from mlops_assets.engines.local import LocalEngine\n"
        "from mlops_assets_tests.engines.squares import squares\n"
        "list(LocalEngine(2).run_tasks(squares(Path(sys.argv[1]), range(2), _0='hangs', _1='hangs')))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], env=child_environment())
    try:
        wait_for(lambda: len(list(tmp_path.glob("hangs-*"))) == 2, "the tasks that hang")
    finally:
        parent.kill()
        parent.wait()
    assert_nothing_hangs(tmp_path)
