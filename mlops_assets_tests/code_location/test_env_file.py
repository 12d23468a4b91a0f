"""A project's ``.env``, as Dagster's commands read it."""

import os

import pytest

from mlops_assets.code_location.env_file import load_env_file


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("http://server:5000", "http://server:5000"),
        ("sqlite:///mlflow.db", "sqlite:///{folder}/mlflow.db"),
        ("sqlite:////srv/mlflow.db", "sqlite:////srv/mlflow.db"),
        ("runs/here", "{folder}/runs/here"),
        ("databricks", "databricks"),
        ("file:///srv/runs", "file:///srv/runs"),
    ],
)
def test_mlflows_relative_paths_start_at_the_project(written, read, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "before")
    monkeypatch.setenv("OTHER", "before")
    (tmp_path / ".env").write_text(f"MLFLOW_TRACKING_URI={written}\nOTHER=a/b\n")
    load_env_file(tmp_path)
    assert os.environ["MLFLOW_TRACKING_URI"] == read.format(folder=tmp_path.as_posix())
    assert os.environ["OTHER"] == "a/b"


def test_without_the_file_nothing_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "before")
    load_env_file(tmp_path)
    assert os.environ["MLFLOW_TRACKING_URI"] == "before"
