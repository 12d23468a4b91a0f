"""The inputs sensor and the listing it watches."""

import os
from pathlib import Path

import fsspec
import pytest

from mlops_assets.errors import ConfigurationError, TableError
from mlops_assets.storage.location import Location
from mlops_assets.tables.listing import listing_token

SENSOR = "m_inputs_sensor"


def token(path: Path, table_format: str | None = "parquet") -> str | None:
    return listing_token(Location.parse(path), table_format)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "table" / "day=1").mkdir(parents=True)
    (tmp_path / "table" / "day=1" / "a.parquet").write_bytes(b"one")
    return tmp_path / "table"


def test_nothing_there_is_no_token(tmp_path):
    (tmp_path / "empty").mkdir()
    assert token(tmp_path / "empty") is None
    assert token(tmp_path / "nowhere.parquet") is None


def test_the_same_files_give_the_same_token(folder):
    assert token(folder) == token(folder)
    assert [len(part) for part in token(folder).split("#")] == [32, 8]


def test_a_new_file_a_change_a_touch_a_rename_and_a_removal_each_give_another(folder):
    file, seen = folder / "day=1" / "a.parquet", [token(folder)]
    (folder / "b.parquet").write_bytes(b"two")
    seen.append(token(folder))
    file.write_bytes(b"three")
    seen.append(token(folder))
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
    seen.append(token(folder))
    file.rename(folder / "day=1" / "c.parquet")
    seen.append(token(folder))
    (folder / "b.parquet").unlink()
    seen.append(token(folder))
    assert len(set(seen)) == len(seen)


def test_what_a_reader_would_not_read_does_not_count(folder):
    before = token(folder)
    for name in ("_SUCCESS", "README.md", ".hidden.parquet", "_temporary/x.parquet", "other.csv"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    assert token(folder) == before
    assert token(folder, None) != before


def test_a_single_file_counts_whatever_its_name(tmp_path):
    (tmp_path / "export.txt").write_bytes(b"x")
    before = token(tmp_path / "export.txt", "csv")
    (tmp_path / "export.txt").write_bytes(b"xy")
    assert before is not None
    assert token(tmp_path / "export.txt", "csv") != before


def test_remote_files_are_listed_too():
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/listing/a.parquet", b"one")
    place = Location.parse("memory://listing")
    before = listing_token(place, "parquet")
    memory.pipe_file("/listing/sub/b.parquet", b"two")
    both = listing_token(place, "parquet")
    memory.pipe_file("/listing/sub/b.parquet", b"longer")
    assert len({before, both, listing_token(place, "parquet")}) == 3
    assert listing_token(Location.parse("memory://listing/a.parquet"), "parquet") is not None
    memory.rm("/listing", recursive=True)
    assert listing_token(place, "parquet") is None


class DeadStore(fsspec.AbstractFileSystem):
    """A store with exceptions of its own."""

    protocol = "deadstore"

    def info(self, path, **kwargs):
        raise RuntimeError("the endpoint, with its token")


def test_a_store_that_does_not_answer_is_an_error_that_names_the_place():
    fsspec.register_implementation("deadstore", DeadStore, clobber=True)
    with pytest.raises(TableError, match=r"cannot be listed: RuntimeError \(deadstore://x/t.parquet\)"):
        listing_token(Location.parse("deadstore://x/t.parquet"), "parquet")


@pytest.mark.fast
def test_new_and_changed_files_ask_for_a_run_each(model, versions, tmp_path):
    m = model()
    (first,) = m.keys(SENSOR)
    assert first.startswith("m/inputs:1:")
    assert m.keys(SENSOR) == []
    versions.head(5).to_parquet(tmp_path / "inputs.parquet")
    (second,) = m.keys(SENSOR)
    assert second.startswith("m/inputs:2:")
    assert m.keys(SENSOR) == []


def test_the_first_tick_beside_published_tables_asks_for_none(model, versions, tmp_path):
    m = model()
    assert m.materialize().success
    assert m.keys(SENSOR) == []
    versions.head(5).to_parquet(tmp_path / "inputs.parquet")
    assert len(m.keys(SENSOR)) == 1


def test_a_tick_repeated_with_the_old_cursor_asks_for_the_same_run(model, versions, tmp_path):
    m = model()
    m.tick(SENSOR)
    versions.head(5).to_parquet(tmp_path / "inputs.parquet")
    first = m.tick(SENSOR, keep_cursor=False).run_requests[0].run_key
    assert m.keys(SENSOR) == [first]


def test_missing_inputs_ask_for_no_run_and_what_comes_in_their_place_is_read(model, versions, tmp_path):
    """Also a file of the same size and times: whoever moved it may have changed it."""
    m = model()
    m.tick(SENSOR)
    (tmp_path / "inputs.parquet").rename(tmp_path / "away")
    done = m.tick(SENSOR)
    assert done.run_requests == []
    assert done.skip_message == "m/inputs: no files are there, so nothing is to be done"
    assert m.keys(SENSOR) == []
    (tmp_path / "away").rename(tmp_path / "inputs.parquet")
    assert len(m.keys(SENSOR)) == 1
    assert m.keys(SENSOR) == []
    versions.head(5).to_parquet(tmp_path / "inputs.parquet")
    assert len(m.keys(SENSOR)) == 1


def test_storage_that_does_not_answer_is_skipped_with_the_reason(model):
    m = model(inputs={"path": "http://127.0.0.1:9/table.parquet"})
    done = m.tick(SENSOR)
    assert done.run_requests == []
    assert done.skip_message.startswith("TableError: ")
    assert "http://127.0.0.1:9/table.parquet" in done.skip_message


def test_inputs_that_are_an_asset_have_no_sensor(model):
    names = {sensor.name for sensor in model(inputs={"asset": "my/table"}).definitions.sensors}
    assert SENSOR not in names
    with pytest.raises(ConfigurationError, match="inputs is an asset"):
        model(inputs={"asset": "my/table"}, sensors={"inputs": {"status": "RUNNING"}})


def test_a_secret_of_the_storage_is_read_when_the_sensor_ticks(model, monkeypatch):
    """The definitions load without the variable; the tick says that it is missing."""
    m = model(inputs={"path": "memory://x/t.parquet", "storage_options": {"key": {"env": "NO_SUCH_VARIABLE_7"}}})
    with pytest.raises(Exception, match="NO_SUCH_VARIABLE_7 is not set"):
        m.tick(SENSOR)
