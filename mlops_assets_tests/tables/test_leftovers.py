"""What killed writers leave is removed, what living ones write is not; and turns are taken one by one."""

import multiprocessing
import time
from pathlib import Path
from threading import Thread

import pytest

from mlops_assets.storage.location import Location
from mlops_assets.storage.locks import turn
from mlops_assets.tables.leftovers import sweep_folder
from mlops_assets_tests.waiting import LONGEST_SECONDS, wait_for

DEAD = ".predictions.parquet.0123456789abcdef.tmp"


def test_files_of_dead_writers_are_removed_and_nothing_else(tmp_path):
    (tmp_path / "predictions").mkdir()
    (tmp_path / "foreign").mkdir()
    kept = ["predictions.parquet", ".hidden", ".predictions.parquet.tmp", "x.0123456789abcdef.tmp", f"foreign/{DEAD}"]
    dead = [
        DEAD,
        "..predictions.csv.ab.schema.0123456789abcdef.tmp",
        "predictions/.2024-01-01.parquet.fedcba9876543210.tmp",
    ]
    for name in (*kept, *dead):
        (tmp_path / name).touch()
    swept = sweep_folder(Location.parse(tmp_path), below=["predictions", "never_made"])
    assert sorted(swept) == sorted(Path(name).name for name in dead)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == set(kept)


def test_the_file_of_a_living_writer_stays(tmp_path):
    place = Location.parse(tmp_path / "predictions.parquet")
    with place.replacing() as temporary:
        Path(temporary.address).write_text("new")
        assert sweep_folder(Location.parse(tmp_path)) == ()
    assert place.read_text() == "new"


def test_a_folder_that_is_not_there_has_no_leftovers(tmp_path):
    assert sweep_folder(Location.parse(tmp_path / "nowhere"), below=["predictions"]) == ()


def test_turns_do_not_overlap_and_leave_no_file(tmp_path):
    inside, most = [], []

    def work() -> None:
        for _ in range(20):
            with turn(tmp_path / ".turn"):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) == 80
    assert list(tmp_path.iterdir()) == []


def test_one_who_waits_is_told_once(tmp_path):
    told = []
    with turn(tmp_path / ".turn", lambda: told.append("first")):
        waiting = Thread(target=lambda: turn(tmp_path / ".turn", lambda: told.append("second")).__enter__())
        waiting.start()
        wait_for(lambda: told, "the message to the one who waits")
        assert waiting.is_alive()
        assert told == ["second"]
    waiting.join(LONGEST_SECONDS)
    assert not waiting.is_alive()


def hold(path: str, ready: "multiprocessing.synchronize.Event") -> None:
    with turn(Path(path)):
        ready.set()
        time.sleep(LONGEST_SECONDS)


@pytest.mark.slow
def test_the_turn_of_a_killed_process_is_free_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=hold, args=(str(tmp_path / ".turn"), ready))
    process.start()
    assert ready.wait(LONGEST_SECONDS)
    process.kill()
    process.join()
    assert (tmp_path / ".turn").exists()
    told = []
    with turn(tmp_path / ".turn", lambda: told.append("waited")):
        assert told == []
    assert not (tmp_path / ".turn").exists()


def test_a_turn_that_cannot_be_taken_raises(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError), turn(tmp_path / "file" / ".turn"):
        pass
