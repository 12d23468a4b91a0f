"""Tasks on the engines of one machine, with the same guarantees; `test_spark_engine` has the cluster's."""

import os
from contextlib import closing

import pytest

from mlops_assets.engines.engine import Engine
from mlops_assets.engines.local import LocalEngine
from mlops_assets_tests.engines.engine_suite import EngineSuite, WorkersSuite, written
from mlops_assets_tests.engines.squares import squares


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


class TestOneProcess(ThisProcessSuite):
    @pytest.fixture
    def engine(self) -> Engine:
        return LocalEngine(1)


@pytest.mark.slow
class TestWorkerProcesses(WorkersSuite):
    @pytest.fixture
    def engine(self) -> Engine:
        return LocalEngine(2)
