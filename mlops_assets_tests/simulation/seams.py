"""The points at which a process touches the world, numbered: each can fail, kill, cut the power, or let others in.

A process here is a stretch of a history (a run, a tick of a sensor), not one of the operating system: all run in this
one. What is killed is refused every later touch, so that its own cleaning up has no effect; its locks are dropped, as
the operating system drops them.

Points are where files are opened, renamed, made, removed (by Python's audit events), flushed, used and made through
Arrow, where the registry is asked, and where Dagster stores a run or an event.
"""

import errno
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from dagster._core.storage.event_log.in_memory import InMemoryEventLogStorage
from dagster._core.storage.runs.in_memory import InMemoryRunStorage
from dagster._core.storage.runs.schema import RunsTable
from dagster._time import get_current_datetime
from filelock import FileLock, Timeout
from mlflow.exceptions import MlflowException
from pyarrow import fs as arrow_fs
from sqlalchemy.exc import OperationalError

from mlops_assets.models import working_copy
from mlops_assets.models.bounded_client import BoundedClient
from mlops_assets.storage import location, locks
from mlops_assets.storage.location import Location
from mlops_assets_tests.simulation.quick import UNASKED, UNREAD

AUDITED = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "shutil.rmtree")
Fate = str | Callable[[], None]
Plan = Mapping[int | tuple[str, int], Fate]


class Killed(BaseException):
    """The process ends here; nothing of it runs any more."""


class WouldWait(Killed):
    """It would wait for a lock that a process holds that cannot go on meanwhile: it is tried again later."""


def failure(kind: str) -> Exception:
    """What the real thing raises."""
    if kind == "registry":
        return MlflowException("API request to http://registry/api failed with exception ConnectionError('refused')")
    if kind == "database":
        return OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))
    return OSError(errno.EIO, os.strerror(errno.EIO))


class Process:
    """What runs between two points in time, and what befalls it.

    Parameters
    ----------
    plan
        Point -> what happens there: ``fail``, ``kill``, ``cut`` (the power), or a callable that is called. A point is
        a number, or a part of its name and how many of these come before it.
    """

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = dict(plan or {})
        self.points = 0
        self.dead = False
        self.names: list[str] = []
        self.failed: list[str] = []
        self.locks: list[FileLock] = []

    def drop_locks(self) -> None:
        """As the operating system does when a process ends, whatever it has forgotten to release."""
        for lock in self.locks:
            lock.release(force=True)
        self.locks.clear()

    def reach(self, name: str) -> Fate | None:
        """What happens at the next point."""
        self.points += 1
        self.names.append(name)
        for at in list(self.plan):
            if isinstance(at, int):
                if at == self.points:
                    return self.plan.pop(at)
            elif at[0] in name:
                fate = self.plan.pop(at)
                if at[1] == 0:
                    return fate
                self.plan[at[0], at[1] - 1] = fate
        return None


class Disk:
    """What a power cut would take: files renamed before they were flushed, names whose folder was not."""

    def __init__(self) -> None:
        self.flushed: set[str] = set()
        # New name -> its content before, while the folder is not flushed.
        self.unsettled: dict[str, bytes | None] = {}
        self.hollow: set[str] = set()

    def rename(self, source: str, target: str) -> None:
        if not Path(source).is_file():
            return
        self.unsettled.setdefault(target, Path(target).read_bytes() if Path(target).is_file() else None)
        self.hollow.discard(target)
        if source not in self.flushed:
            self.hollow.add(target)
        self.flushed.discard(source)

    def flush(self, path: str) -> None:
        if Path(path).is_dir():
            for target in [each for each in self.unsettled if str(Path(each).parent) == path]:
                del self.unsettled[target]
        else:
            self.flushed.add(path)
            self.hollow.discard(path)

    def cut(self) -> None:
        """The power is off and on again."""
        for target in self.hollow:
            if Path(target).is_file():
                Path(target).write_bytes(b"")
        for target, before in self.unsettled.items():
            if target in self.hollow:
                # A name may be kept although its folder was not flushed: then what it names is lost.
                continue
            if before is None:
                Path(target).unlink(missing_ok=True)
            else:
                Path(target).write_bytes(before)
        self.flushed, self.unsettled, self.hollow = set(), {}, set()


class Seams:
    """The world's points of contact, while `installed`."""

    def __init__(self, watched: Path) -> None:
        self.watched = (str(watched / "tables"), str(watched / "state"), str(watched / "data"))
        self.processes: list[Process] = []
        self.disk = Disk()
        # Kinds that are away for everybody, until they are back: registry, files, database.
        self.away: set[str] = set()
        self.on_answer: Callable[[str, tuple[Any, ...], Callable[[], Any]], Any] = lambda _name, _args, ask: ask()
        self._main = threading.main_thread()

    @contextmanager
    def process(self, plan: Plan | None = None, *, ends: bool = True) -> Iterator[Process]:
        """What is inside is one process, or a part of one that does not end with it.

        It ends by `Killed`, which is not raised any further, or well.
        """
        process = Process(plan)
        self.processes.append(process)
        try:
            yield process
        except Killed:
            process.dead = True
        finally:
            self.processes.pop()
            if ends or process.dead:
                process.drop_locks()

    @contextmanager
    def outside(self) -> Iterator[None]:
        """What is inside is done by no process: people's doings, and looking at results."""
        processes, self.processes = self.processes, []
        try:
            yield
        finally:
            self.processes = processes

    def point(self, name: str, kind: str = "files") -> None:
        """A touch of the world."""
        if not self.processes:
            return
        process = self.processes[-1]
        if process.dead:
            raise Killed
        if threading.current_thread() is not self._main:
            return
        fate = process.reach(name)
        if fate == "cut":
            with self.outside():
                self.disk.cut()
        if fate in ("kill", "cut"):
            process.dead = True
            raise Killed
        if callable(fate):
            with self.outside():
                fate()
        if fate == "fail" or kind in self.away:
            process.failed.append(name)
            raise failure(kind)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in AUDITED or not isinstance(arguments[0], str) or not arguments[0].startswith(self.watched):
            return
        self.point(f"{event} {Path(arguments[0]).name}")
        if event == "os.rename" and self.processes and threading.current_thread() is self._main:
            with self.outside():
                self.disk.rename(str(arguments[0]), str(arguments[1]))

    @contextmanager
    def installed(self) -> Iterator[None]:
        with ExitStack() as stack:
            for target, name, replacement in self._replacements():
                stack.enter_context(mock.patch.object(target, name, replacement))
            stack.enter_context(mock.patch.object(sys, "unraisablehook", _ignore_killed))
            stack.enter_context(mock.patch.object(threading, "excepthook", _ignore_killed))
            _install(self._audit)
            stack.callback(_install, None)
            yield

    def _replacements(self) -> Iterator[tuple[Any, str, Any]]:
        filesystem, held = Location.filesystem, locks._remove_and_release  # noqa: SLF001 - our own, to be replaced
        ask = BoundedClient.__getattr__
        store_event, add_run = InMemoryEventLogStorage.store_event, InMemoryRunStorage.add_run

        def flush_to_disk(path: str) -> None:
            self.point(f"flush {Path(path).name}")
            with self.outside():
                self.disk.flush(path)

        def filesystem_of(place: Location) -> Any:
            self.point(f"use {place.name}")
            found = filesystem.__get__(place)
            return CountingFileSystem(self) if isinstance(found, arrow_fs.LocalFileSystem) else found

        def remove_and_release(lock: Any, path: Path) -> None:
            try:
                if self.processes and self.processes[-1].dead:
                    raise Killed
                held(lock, path)
            except Killed:
                # The operating system drops a dead process's locks, and leaves its files.
                lock.release(force=True)
                raise

        def file_lock(path: Path) -> Any:
            lock = _PatientLock(path, thread_local=False)
            if self.processes:
                self.processes[-1].locks.append(lock)
            return lock

        def answer(client: BoundedClient, name: str) -> Any:
            attribute = ask(client, name)
            if not callable(attribute):
                return attribute

            def call(*arguments: Any, **options: Any) -> Any:
                self.point(f"ask {name}", "registry")
                question = (*arguments, repr(options))
                return self.on_answer(name, question, lambda: attribute(*arguments, **options))

            return call

        def keep_event(storage: InMemoryEventLogStorage, event: Any) -> None:
            kind = event.dagster_event.event_type_value if event.is_dagster_event else "log"
            if kind == "log" or kind in UNREAD:
                return
            self.point(f"store {kind}", "database")
            if kind not in UNASKED:
                store_event(storage, event)

        def keep_run(storage: InMemoryRunStorage, run: Any, *more: Any) -> Any:
            self.point("add run", "database")
            added = add_run(storage, run, *more)
            with storage.connect() as connection:
                # Else the database's own clock says when.
                changed = RunsTable.update().where(RunsTable.c.run_id == run.run_id)
                connection.execute(changed.values(update_timestamp=get_current_datetime().replace(tzinfo=None)))
            return added

        yield working_copy, "atexit", SimpleNamespace(register=lambda *_: None)
        yield location, "flush_to_disk", flush_to_disk
        yield Location, "filesystem", property(filesystem_of)
        yield locks, "_remove_and_release", remove_and_release
        yield locks, "_file_lock", file_lock
        yield BoundedClient, "__getattr__", answer
        yield InMemoryEventLogStorage, "store_event", keep_event
        yield InMemoryRunStorage, "add_run", keep_run


class CountingFileSystem(arrow_fs.LocalFileSystem):
    """There is a moment in which a file has been made and nothing written to it."""

    def __init__(self, seams: Seams) -> None:
        super().__init__()
        self.seams = seams

    def open_output_stream(self, path: str, *arguments: Any, **options: Any) -> Any:
        stream = super().open_output_stream(path, *arguments, **options)
        try:
            self.seams.point(f"made {Path(path).name}")
        except BaseException:
            stream.close()
            raise
        return stream


class _PatientLock(FileLock):
    """Nobody else runs while somebody waits here: whoever would wait is tried again."""

    def acquire(self, *arguments: Any, **options: Any) -> Any:
        if options.get("blocking") is False:
            return super().acquire(*arguments, **options)
        try:
            return super().acquire(*arguments, **{**options, "blocking": False})
        except Timeout:
            raise WouldWait from None


_hook: list[Callable[[str, tuple[Any, ...]], None] | None] = [None]
_added: list[bool] = []


def _install(hook: Callable[[str, tuple[Any, ...]], None] | None) -> None:
    """Audit hooks cannot be removed, so that there is one for good."""
    if not _added:
        sys.addaudithook(lambda event, arguments: _hook[0] and _hook[0](event, arguments))
        _added.append(True)
    _hook[0] = hook


def _ignore_killed(raised: Any) -> None:
    if not isinstance(raised.exc_value, Killed):
        sys.__unraisablehook__(raised)
