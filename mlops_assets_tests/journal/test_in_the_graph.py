"""The journal as runs write it, and as people see it: on champion_model and with ``mlops-assets journal``."""

import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, Ridge

from mlops_assets.cli import main
from mlops_assets.journal.journal import Journal
from mlops_assets.models.digest import compute_digest
from mlops_assets.storage.location import Location


@pytest.fixture
def features(registry) -> pd.DataFrame:
    """Two versions; the alias is at the first."""
    features, target = load_diabetes(return_X_y=True, as_frame=True)
    features, target = features.iloc[:30, :3], target[:30]
    registry.add_sklearn(LinearRegression().fit(features, target), features)
    registry.add_sklearn(Ridge().fit(features, target), features)
    registry.client.set_registered_model_alias("m", "Champion", "1")
    return features


@pytest.fixture
def journal(tmp_path) -> Journal:
    return Journal(Location.parse(tmp_path / ".mlops_assets" / "journal" / "m"), "m")


def test_runs_note_each_move_once_and_the_asset_shows_it(features, registry, run, journal):
    run(features, job="inference")
    run(features, job="inference")
    registry.client.set_registered_model_alias("m", "Champion", "2")
    shown = run(features, job="inference").metadata("champion_model")["journal"]
    entries = journal.entries()
    assert [(entry.version, entry.previous_version, entry.noticed_by) for entry in entries] == [
        (1, None, "run"),
        (2, 1, "run"),
    ]
    assert entries[1].digest == compute_digest(registry.folder / "models" / "1")
    assert [record.data["version"] for record in shown.records] == [2, 1]


def test_the_asset_shows_the_last_twenty(features, registry, run, journal):
    for number in range(25):
        journal.note("Champion", 100 + number, None, "sensor")
    shown = run(features, job="inference").metadata("champion_model")["journal"]
    assert [record.data["version"] for record in shown.records] == [1, *range(124, 105, -1)]


def test_files_replaced_under_the_same_version_stop_everything(features, registry, run, journal):
    assert run(features, job="inference").success
    before = {path: path.read_bytes() for path in (registry.folder.parent / "tables").iterdir()}
    shutil.rmtree(registry.folder / "models" / "0")
    shutil.copytree(registry.folder / "models" / "1", registry.folder / "models" / "0")
    done = run(features, job="inference")
    assert not done.result.success
    assert "DigestMismatchError" in done.error()
    assert done.result.get_asset_materialization_events() == []
    assert {path: path.read_bytes() for path in (registry.folder.parent / "tables").iterdir()} == before

    accepted = compute_digest(registry.folder / "models" / "0")
    again = run(features, job="inference", config={"m__champion_model": {"config": {"accept_digest": accepted}}})
    assert again.result.success
    assert [(entry.digest == accepted, entry.accepted) for entry in journal.entries()] == [(False, False), (True, True)]


@pytest.fixture
def location(tmp_path, monkeypatch):
    """A code location of two models, in a module of its own."""
    (tmp_path / "own_location.py").write_text(
        "from pathlib import Path\n"
        "import dagster as dg\n"
        "from mlops_assets import build_model_definitions\n"
        "root = Path(__file__).parent\n"
        "defs = dg.Definitions.merge(*(\n"
        "    build_model_definitions(name, root, inputs={'path': 'i.parquet'}, outputs={'path': place + name})\n"
        "    for name, place in {'m': 'tables/', 'remote': 'memory://tables/'}.items()\n"
        "))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "own_location"
    sys.modules.pop("own_location", None)


def test_the_command_prints_the_journal(location, journal, capsys):
    journal.note("Champion", 7, "d" * 64, "run")
    assert main(["journal", "m", "--module", location]) == 0
    header, line = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["observed", "(UTC)", "alias"]
    assert line.split()[2:5] == ["Champion", "7", "d" * 12]


def test_the_journal_is_beside_remote_tables(location, capsys):
    Journal(Location.parse("memory://tables/remote/journal/remote"), "remote").note("Champion", 7, None, "sensor")
    assert main(["journal", "remote", "--module", location]) == 0
    assert "Champion  7" in capsys.readouterr().out


def test_the_command_names_the_models_there_are(location, capsys):
    assert main(["journal", "n", "--module", location]) == 1
    assert "no model 'n'" in (errors := capsys.readouterr().err)
    assert "Its models are: m, remote" in errors


def test_the_command_says_when_a_module_is_no_code_location(capsys):
    assert main(["journal", "m", "--module", "json"]) == 1
    assert "holds no definitions" in capsys.readouterr().err
    assert main(["journal", "m", "--module", "no.such.module"]) == 1
    assert "cannot be imported" in capsys.readouterr().err


def test_a_path_of_ones_own_is_relative_to_the_project(features, run, tmp_path: Path):
    run(features, job="inference", journal={"path": "records"})
    assert [path.name for path in (tmp_path / "records" / "m").iterdir()] == ["00000001.json"]
