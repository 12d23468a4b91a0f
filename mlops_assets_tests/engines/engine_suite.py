"""What every engine guarantees of tasks: a subclass has a fixture `engine`."""

import os
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.engine import Engine, stream_ends, stream_results
from mlops_assets.errors import PredictionError, WorkerError
from mlops_assets.storage.location import Location
from mlops_assets_tests.engines.squares import RELEASE, Square, squares
from mlops_assets_tests.engines.sums import Sums, sums_run
from mlops_assets_tests.waiting import wait_for


class EngineSuite:
    """Of any engine."""

    def test_every_task_ends_once_with_its_report(self, engine, tmp_path):
        ends = list(engine.run_tasks(squares(tmp_path, range(20))))
        assert sorted(end.number for end in ends) == list(range(20))
        assert all((end.report.number, end.report.square) == (end.number, end.number**2) for end in ends)
        assert written(tmp_path) == {number: number**2 for number in range(20)}

    def test_no_task_is_no_work(self, engine, tmp_path):
        assert list(engine.run_tasks([])) == []
        assert written(tmp_path) == {}

    def test_every_task_twice_leaves_the_same(self, engine, tmp_path):
        ends = list(Twice(engine).run_tasks(squares(tmp_path, range(6))))
        assert sorted(end.number for end in ends) == list(range(6))
        assert written(tmp_path) == {number: number**2 for number in range(6)}

    def test_an_error_of_this_package_comes_back_as_itself(self, engine, tmp_path):
        with pytest.raises(PredictionError, match="Row refused") as raised:
            list(engine.run_tasks(squares(tmp_path, range(6), _2="own")))
        assert (raised.value.where, raised.value.fix) == ("column a", "Mend it")

    def test_nothing_is_begun_after_the_ends_are_closed(self, engine, tmp_path):
        with closing(engine.run_tasks(squares(tmp_path, range(40)))) as ends:
            next(ends)
        seen = written(tmp_path)
        assert written(tmp_path) == seen
        assert len(list(stream_ends(engine, squares(tmp_path, range(3))))) == 3

    def test_places_on_the_disk_are_reached_and_left_as_they_are(self, engine, tmp_path):
        (tmp_path / "in.csv").write_text("a\n1\n")
        places = [Location.parse(tmp_path / "in.csv"), Location.parse(tmp_path)]
        lines: list[str] = []
        assert engine.reaches(places, [Location.parse(tmp_path / "out")], lines.append)
        assert lines == []
        assert not list((tmp_path / "out").glob("*"))


class ResultsSuite(EngineSuite):
    """Of an engine whose results of rows are those of its tasks."""

    def test_results_come_in_the_order_of_the_rows_and_are_found_again(self, engine, tmp_path):
        store = ChunkStore(tmp_path / "chunks")
        for computed in (500, 0):
            run = sums_run(Sums(), store)
            made = pa.Table.from_batches(stream_results(engine, run))
            assert made["n"].to_pylist() == list(range(500))
            assert made["double"].to_pylist() == [6 * n for n in range(500)]
            assert (run.tally.rows_computed, run.tally.rows_reused) == (computed, 500 - computed)


class WorkersSuite(EngineSuite):
    """Of an engine that has tasks done in other processes, at least two at a time."""

    def test_tasks_are_done_in_other_processes(self, engine, tmp_path):
        assert os.getpid() not in {end.report.process for end in engine.run_tasks(squares(tmp_path, range(3)))}

    def test_a_place_that_workers_do_not_see_is_named_with_what_to_do(self, engine, tmp_path):
        place = Location.parse(f"memory://{tmp_path.name}/in.csv")
        place.write_text_atomically("a\n1\n")
        lines: list[str] = []
        assert not engine.reaches([place], [Location.parse(tmp_path)], lines.append)
        assert place.uri in lines[0]
        assert "see at the same address" in lines[0]
        assert not engine.reaches([], [place.sibling("out")], lines.append)
        assert place.sibling("out").uri in lines[1]

    def test_ends_come_when_they_are_there(self, engine, tmp_path):
        numbers = []
        for end in engine.run_tasks(squares(tmp_path, range(4), _0="held")):
            numbers.append(end.number)
            if len(numbers) == 3:
                (tmp_path / RELEASE).touch()
        assert sorted(numbers) == [0, 1, 2, 3]
        assert numbers[-1] == 0

    def test_any_other_error_comes_with_its_cause(self, engine, tmp_path):
        with pytest.raises(WorkerError, match="ZeroDivisionError: by nought") as raised:
            list(engine.run_tasks(squares(tmp_path, range(2), _0="foreign")))
        assert "fail_with_another_error" in "".join(raised.value.__notes__)

    def test_a_lost_worker_costs_nothing_but_time(self, engine, tmp_path):
        ends = list(engine.run_tasks(squares(tmp_path, range(5), _2="dies once")))
        assert sorted(end.report.square for end in ends) == [0, 1, 4, 9, 16]
        assert list(tmp_path.glob("died-*"))

    def test_an_error_ends_the_tasks_that_are_under_way(self, engine, tmp_path):
        # What fails does so when the other is under way.
        tasks = [replace(squares(tmp_path, [1])[0], fault="hangs"), FailsBeside(0, str(tmp_path))]
        with pytest.raises(PredictionError):
            list(engine.run_tasks(tasks))
        assert_nothing_hangs(tmp_path)

    def test_closing_the_ends_stops_the_work(self, engine, tmp_path):
        with closing(engine.run_tasks(squares(tmp_path, range(3), _1="hangs"))) as ends:
            next(ends)
            wait_for(lambda: list(tmp_path.glob("hangs-*")), "the task that hangs")
        assert_nothing_hangs(tmp_path)


@dataclass(frozen=True)
class FailsBeside(Square):
    """Fails when there is a task that hangs."""

    def run(self) -> Any:
        wait_for(lambda: list(Path(self.folder).glob("hangs-*")), "the task that hangs")
        self.fail()


@dataclass(frozen=True)
class Twice(Engine):
    """Another engine that does every task twice, as speculative execution does; the later end counts."""

    engine: Engine

    def results(self, run):
        return self.engine.results(run)

    def run_tasks(self, tasks, log=lambda _line: None):
        seen = set()
        for end in self.engine.run_tasks([*tasks, *reversed(tasks)], log):
            number = end.number if end.number < len(tasks) else 2 * len(tasks) - 1 - end.number
            if number in seen:
                yield replace(end, number=number)
            seen.add(number)


def written(folder: Path) -> dict[int, int]:
    """What the tasks have left, by number."""
    return {int(path.name): int(path.read_text()) for path in folder.iterdir() if path.name.isdigit()}


def assert_nothing_hangs(folder: Path) -> None:
    """Every process that began to hang has ended."""
    processes = [int(path.name.removeprefix("hangs-")) for path in folder.glob("hangs-*")]
    wait_for(lambda: not any(map(is_running, processes)), "the end of the processes that hang")


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
