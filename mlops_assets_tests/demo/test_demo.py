"""What the demo prepares; that it runs is tested with the README's commands."""

import os

import pytest

from mlops_assets.demo.champion import ALIAS, MODEL, register_demo_champion, write_demo_table
from mlops_assets.demo.run import prepare_dagster_home


@pytest.fixture
def without_home(monkeypatch, tmp_path):
    monkeypatch.setenv("DAGSTER_HOME", "to be removed after the test")
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.delenv("MLOPS_ASSETS_HOME", raising=False)
    return tmp_path


def test_the_dagster_home_is_made_once_and_named_for_the_ui(without_home):
    (without_home / ".env").write_text("OTHER=1")
    home = prepare_dagster_home(without_home)
    assert os.environ["DAGSTER_HOME"] == str(home)
    assert (home / "dagster.yaml").is_file()
    (home / "dagster.yaml").write_text("# changed by a user\n")
    del os.environ["DAGSTER_HOME"]
    prepare_dagster_home(without_home)
    assert (without_home / ".env").read_text() == f"OTHER=1\nDAGSTER_HOME=${{DAGSTER_HOME:-{home}}}\n"
    assert (home / "dagster.yaml").read_text() == "# changed by a user\n"


def test_a_dagster_home_that_is_set_is_used(without_home, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(without_home / "mine"))
    assert prepare_dagster_home(without_home) == without_home / "mine"
    assert not (without_home / ".env").exists()


def test_the_inputs_are_the_same_bytes_every_time(tmp_path):
    for name in ("a", "b"):
        write_demo_table(tmp_path / name / "inputs.parquet")
    assert (tmp_path / "a" / "inputs.parquet").read_bytes() == (tmp_path / "b" / "inputs.parquet").read_bytes()


def test_the_model_is_registered_once_and_made_the_champion_again(registry):
    first = register_demo_champion(registry.resource)
    registry.client.delete_registered_model_alias(MODEL, ALIAS)
    second = register_demo_champion(registry.resource)
    assert (first.version, first.registered_now) == (1, True)
    assert (second.version, second.registered_now) == (1, False)
    assert int(registry.client.get_model_version_by_alias(MODEL, ALIAS).version) == 1
