"""What killed writers leave is removed, and what living ones write is not."""

from pathlib import Path

from mlops_assets.storage.location import Location
from mlops_assets.tables.leftovers import sweep_folder

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


def test_lock_files_of_dead_writers_go_with_their_drafts_and_without_them(tmp_path):
    for name in (DEAD, f"{DEAD}.lock", ".explanations.parquet.0123456789abcdef.tmp.lock"):
        (tmp_path / name).touch()
    assert sweep_folder(Location.parse(tmp_path)) == (DEAD,)
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_a_living_writer_stays(tmp_path):
    place = Location.parse(tmp_path / "predictions.parquet")
    with place.replace_atomically() as temporary:
        Path(temporary.address).write_text("new")
        assert sweep_folder(Location.parse(tmp_path)) == ()
    assert place.read_text() == "new"


def test_a_folder_that_is_not_there_has_no_leftovers(tmp_path):
    assert sweep_folder(Location.parse(tmp_path / "nowhere"), below=["predictions"]) == ()


def test_the_link_of_a_trial_that_was_killed_is_removed(tmp_path):
    name = ".predictions.parquet.0123456789abcdef.tmp"
    (tmp_path / name).symlink_to(name)
    assert sweep_folder(Location(str(tmp_path))) == (name,)
    assert list(tmp_path.iterdir()) == []
