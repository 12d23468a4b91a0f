"""Whoever dies, and wherever: the table is the previous one or the new one, and nothing stays for ever."""

import os
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from mlops_assets.errors import ConcurrentRunError, TableError
from mlops_assets.storage.location import Location
from mlops_assets.tables.leftovers import sweep_folder
from mlops_assets.tables.parquet_writer import ParquetWriter
from mlops_assets.tables.parts import staging as parts_staging
from mlops_assets_tests.tables.parts.test_parts import SCHEMA, publish, rows, stage

# Python's audit events: each is a point at which the process changes something on the disk.
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "shutil.rmtree"}
DONE, KILLED = 0, 9


@pytest.fixture
def place(tmp_path) -> Location:
    return Location.parse(tmp_path / "predictions")


def kill_at(point: int, folder: Path, work: Callable[[], object]) -> int:
    """Do `work` in a process of its own that dies before it changes the folder for the `point`-th time."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    touched = 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal touched
        if event in CHANGES and any(str(folder) in str(each) for each in arguments):
            touched += 1
            if touched == point:
                os._exit(KILLED)

    try:
        sys.addaudithook(count)
        work()
        os._exit(DONE)
    finally:
        os._exit(1)


def ids(place: Location) -> list[int]:
    values: list[int] = ParquetWriter().read(place).to_table()["id"].to_pylist()
    return values


def to_parts(place: Location) -> None:
    publish(place, {"a": 0, "b": 3})


def to_other_parts(place: Location) -> None:
    writer, staging = ParquetWriter(), ParquetWriter().staging(place)
    parts = [writer.find_part(staging, key) or stage(staging, key, start) for key, start in {"b": 3, "c": 6}.items()]
    writer.commit(staging, parts, SCHEMA)


def to_file(place: Location) -> None:
    ParquetWriter().write(rows(20, 2).to_reader(), place)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (to_file, to_parts, range(6)),
        (to_parts, to_other_parts, range(3, 9)),
        (to_parts, to_file, range(20, 22)),
    ],
)
def test_a_kill_before_each_change_leaves_the_old_table_or_the_new_one(tmp_path, place, before, after, expected):
    name = ParquetWriter().path_of(place).name
    before(place)
    old, new = ids(place), list(expected)
    outcomes, point, seen = set(), 0, DONE - 1
    while seen != DONE:
        point += 1
        seen = kill_at(point, tmp_path, lambda: after(place))
        assert seen in (DONE, KILLED), point
        now = ids(place)
        assert now in (old, new), point
        outcomes.add((seen, now == new))
        sweep_folder(Location.parse(tmp_path))
        assert ids(place) == now, point
        # Of a run that died at most its finished parts are kept, for days.
        kept = {name, f".{name}.staging", (tmp_path / name).resolve().name}
        assert {path.name for path in tmp_path.iterdir()} <= kept, point
        if now == new:
            before(place)
    assert outcomes == {(KILLED, False), (KILLED, True), (DONE, True)}
    after(place)
    assert ids(place) == new
    assert not (tmp_path / f".{name}.staging").exists()


def test_what_a_killed_run_has_finished_is_not_made_again(tmp_path, place):
    staging = ParquetWriter().staging(place)
    part = stage(staging, "a", 0)
    draft = f".{part.name}.{'0' * 16}.tmp"
    (tmp_path / ".predictions.parquet.staging" / draft).touch()
    assert sweep_folder(Location.parse(tmp_path)) == (draft,)
    assert ParquetWriter().find_part(staging, "a") == part


def age(path: Path, by: timedelta) -> None:
    os.utime(path, (path.stat().st_mtime - by.total_seconds(),) * 2)


def test_staged_parts_are_collected_by_age(tmp_path, place):
    staging = ParquetWriter().staging(place)
    folder = Path(staging.folder.path)
    old, young = stage(staging, "a", 0), stage(staging, "b", 0)
    age(folder / old.name, timedelta(days=8))
    age(folder / young.name, timedelta(days=6))
    assert sweep_folder(Location.parse(tmp_path)) == (old.name,)
    assert ParquetWriter().find_part(staging, "a") is None
    assert ParquetWriter().find_part(staging, "b") == young
    # It was used just now.
    age(folder / young.name, timedelta(days=6))
    assert sweep_folder(Location.parse(tmp_path)) == ()
    age(folder / young.name, timedelta(days=2))
    assert sweep_folder(Location.parse(tmp_path)) == (young.name,)
    assert list(tmp_path.iterdir()) == []


def test_staged_parts_are_collected_by_size_and_never_those_of_a_living_run(tmp_path, place, monkeypatch):
    monkeypatch.setattr(parts_staging, "MAX_BYTES", 1)
    staging = ParquetWriter().staging(place)
    left = stage(staging, "a", 0)
    age(Path(staging.file(left).path), timedelta(hours=2))
    with staging.mark_in_use():
        part = stage(staging, "b", 3)
        assert sweep_folder(Location.parse(tmp_path)) == (left.name,)
        assert ParquetWriter().find_part(staging, "b") == part
    assert sweep_folder(Location.parse(tmp_path)) == (part.name,)


def test_a_damaged_part_is_made_again(place):
    staging = ParquetWriter().staging(place)
    part = stage(staging, "a", 0)
    path = Path(staging.file(part).path)
    path.write_bytes(path.read_bytes()[:-100])
    assert ParquetWriter().find_part(staging, "a") is None
    assert stage(staging, "a", 0) == part


@pytest.mark.parametrize("failure", [ZeroDivisionError, KeyboardInterrupt])
def test_a_part_that_fails_half_way_is_absent(tmp_path, place, failure):
    def half() -> Iterator[pa.RecordBatch]:
        yield rows(0, 3).to_batches()[0]
        raise failure

    staging = ParquetWriter().staging(place)
    with pytest.raises(failure):
        ParquetWriter().write_part(staging, "a", pa.RecordBatchReader.from_batches(SCHEMA, half()))
    assert list(Path(staging.folder.path).iterdir()) == []


def test_a_refused_switch_leaves_the_previous_table_and_the_parts(tmp_path, place):
    class Refusal:
        def __enter__(self) -> None:
            raise ConcurrentRunError("no")

        def __exit__(self, *_: object) -> None: ...

    publish(place, {"a": 0})
    before = sorted(path.name for path in tmp_path.iterdir())
    staging = ParquetWriter().staging(place)
    part = stage(staging, "b", 3)
    with pytest.raises(ConcurrentRunError):
        ParquetWriter().commit(staging, [part], SCHEMA, switch_guard=Refusal())
    assert ids(place) == [0, 1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, ".predictions.parquet.staging"])
    assert ParquetWriter().find_part(staging, "b") == part


def test_a_part_that_is_gone_is_named_before_anything_is_changed(place):
    publish(place, {"a": 0})
    staging = ParquetWriter().staging(place)
    part = stage(staging, "b", 3)
    Path(staging.file(part).path).unlink()
    with pytest.raises(TableError, match=rf"part of the table is gone .*{part.name}.*Run again"):
        ParquetWriter().commit(staging, [part], SCHEMA)
    assert ids(place) == [0, 1, 2]


def test_a_published_part_that_is_missing_or_changed_is_named(place):
    publish(place, {"a": 0, "b": 3})
    part = ParquetWriter().parts(place)[1]
    path = Path(part.location.path)
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(TableError, match=rf"has {len(content) - 1} bytes .*{path.name}.*Materialize"):
        ParquetWriter().read(place)
    path.unlink()
    with pytest.raises(TableError, match=rf"part of the table is missing.*{path.name}"):
        ParquetWriter().read(place)
    with pytest.raises(TableError, match=path.name):
        ParquetWriter().read_part(part)


def test_a_folder_of_somebody_elses_is_not_replaced(tmp_path, place):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "predictions.parquet").symlink_to("elsewhere")
    with pytest.raises(TableError, match="is a folder here"):
        publish(place, {"a": 0})
    (tmp_path / "predictions.parquet").unlink()
    (tmp_path / "predictions.parquet").mkdir()
    with pytest.raises(TableError, match="is a folder here"):
        publish(place, {"a": 0})


def test_a_reader_of_the_previous_table_gets_its_rows_or_an_error(place):
    publish(place, {"a": 0, "b": 3})
    opened = ParquetWriter().read(place)
    parts = ParquetWriter().parts(place)
    publish(place, {"a": 10, "b": 13})
    with pytest.raises((OSError, TableError)):
        opened.to_table()
    with pytest.raises(TableError):
        ParquetWriter().read_part(parts[0])
    assert ids(place) == list(range(10, 16))
