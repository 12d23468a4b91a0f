"""Locks that the operating system drops when their holder dies."""

import errno
import multiprocessing
import os
import shutil
import time
from pathlib import Path
from threading import Thread

import pytest

from mlops_assets.storage import locks
from mlops_assets.storage.locks import hold, is_held, lock_file, lock_folder
from mlops_assets_tests.waiting import LONGEST_SECONDS, wait_for


def test_holders_do_not_overlap_and_leave_no_file(tmp_path):
    inside, most = [], []

    def work() -> None:
        for _ in range(20):
            with lock_file(tmp_path / ".lock"):
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


def test_a_wait_is_reported_once(tmp_path):
    waits = []
    with lock_file(tmp_path / ".lock", lambda: waits.append("first")):
        waiting = Thread(target=lambda: lock_file(tmp_path / ".lock", lambda: waits.append("second")).__enter__())
        waiting.start()
        wait_for(lambda: waits, "the message to the one who waits")
        assert waiting.is_alive()
        assert waits == ["second"]
    waiting.join(LONGEST_SECONDS)
    assert not waiting.is_alive()


def lock_and_sleep(path: str, ready: "multiprocessing.synchronize.Event") -> None:
    with lock_file(Path(path)):
        ready.set()
        time.sleep(LONGEST_SECONDS)


@pytest.mark.slow
def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=lock_and_sleep, args=(str(tmp_path / ".lock"), ready))
    process.start()
    assert ready.wait(LONGEST_SECONDS)
    process.kill()
    process.join()
    assert (tmp_path / ".lock").exists()
    waits = []
    with lock_file(tmp_path / ".lock", lambda: waits.append("waited")):
        assert waits == []
    assert not (tmp_path / ".lock").exists()


def test_whether_a_holder_lives(tmp_path):
    marker = tmp_path / "marker"
    assert not is_held(marker)
    with hold(marker):
        assert is_held(marker)
        assert marker.exists()
    assert not marker.exists()


def test_what_a_dead_holder_left_is_removed(tmp_path):
    (tmp_path / "marker").touch()
    assert not is_held(tmp_path / "marker")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_may_be_released_by_another_thread(tmp_path):
    def generate():
        with lock_folder(tmp_path):
            yield

    generator = generate()
    next(generator)
    closing = Thread(target=generator.close)
    closing.start()
    closing.join()
    with lock_folder(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [".mlops_assets.lock"]
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_cannot_be_made_raises(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError), lock_file(tmp_path / "file" / ".lock"):
        pass


def test_a_lock_whose_file_cannot_be_removed_is_released(tmp_path, monkeypatch):
    path = tmp_path / ".lock"

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", fail)
        with pytest.raises(OSError, match=os.strerror(errno.EIO)) as raised, lock_file(path):
            pass
    # `raised` keeps the frames alive that know the lock.
    assert raised.value.errno == errno.EIO
    assert not is_held(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("when", ["before the lock is made", "before it is taken", "as its file is opened"])
def test_a_file_that_another_process_removes_with_its_folder_meanwhile_is_held_by_nobody(tmp_path, monkeypatch, when):
    (tmp_path / "swept").mkdir()
    (tmp_path / "swept" / ".alive").touch()
    make = locks._file_lock  # noqa: SLF001 - between its steps the folder vanishes

    def make_late(path: Path) -> object:
        if when == "before the lock is made":
            shutil.rmtree(path.parent)
        lock = make(path)
        if when == "before it is taken":
            shutil.rmtree(path.parent)
        if when == "as its file is opened":
            # filelock makes a folder that is missing, and opens the file thereafter.
            monkeypatch.setattr(type(lock), "_acquire", lambda _lock: os.close(os.open(path.parent / "no" / "file", 0)))
        return lock

    monkeypatch.setattr(locks, "_file_lock", make_late)
    assert not is_held(tmp_path / "swept" / ".alive")
