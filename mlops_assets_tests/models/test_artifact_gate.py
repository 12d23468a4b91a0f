"""Local folders are read like everything that a registry names: plain files alone, within limits, to their end."""

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.errors import (
    ArtifactsMissingError,
    ConfigurationError,
    MlopsAssetsError,
    RegistryUnreachableError,
    TrustError,
)
from mlops_assets.models.artifact_address import ArtifactAddress
from mlops_assets.models.registry import Registry
from mlops_assets.models.registry_limits import RegistryLimits
from mlops_assets.resources.registry import MlflowRegistry


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    (folder / "data").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}")
    (folder / "data/model.skops").write_bytes(b"weights")
    return folder


def fetch(folder: Path, tmp_path: Path, part: str = "", **limits: Any) -> Path:
    registry = Registry(folder.as_uri(), limits=RegistryLimits(**limits))
    (tmp_path / "into").mkdir(exist_ok=True)
    return registry.download_files(ArtifactAddress.parse(folder.as_uri()), tmp_path / "into", "downloading", part=part)


def test_the_files_are_copied(model, tmp_path):
    copy = fetch(model, tmp_path)
    assert sorted(path.relative_to(copy).as_posix() for path in copy.rglob("*")) == [
        "MLmodel",
        "data",
        "data/model.skops",
    ]
    assert (copy / "data/model.skops").read_bytes() == b"weights"
    assert copy.name == "model"


def test_a_link_to_a_sibling_is_copied(model, tmp_path):
    (model / "same.skops").symlink_to("data/model.skops")
    assert (fetch(model, tmp_path) / "same.skops").read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/etc/hostname", "leads out"),
        ("../outside", "leads out"),
        ("data", "link to a folder"),
        (".", "link to a folder"),
    ],
)
def test_a_link_out_or_to_a_folder_is_not_copied(model, tmp_path, target, reason):
    (tmp_path / "outside").write_text("secret")
    (model / "data/linked").symlink_to(target if target.startswith("/") else f"../{target}")
    with pytest.raises(TrustError, match=f"'data/linked' is a .*{reason}"):
        fetch(model, tmp_path)


def make_pipe(path):
    os.mkfifo(path)


def link_to_a_device(path):
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [make_pipe, link_to_a_device])
@pytest.mark.parametrize("part", ["", "odd"])
def test_what_is_no_file_is_not_waited_for(model, tmp_path, make, part):
    make(model / "odd")
    with pytest.raises(TrustError, match=r"not a plain file|leads out"):
        fetch(model, tmp_path, part)


def test_too_many_bytes(model, tmp_path):
    with (model / "large").open("wb") as file:
        file.truncate(3 * 2**20)
    fetch(model, tmp_path, max_model_gib=4 / 1024)
    with pytest.raises(TrustError, match=r"more than 0.00195312 GiB.*MLOPS_ASSETS_MAX_MODEL_GIB"):
        fetch(model, tmp_path, max_model_gib=2 / 1024)


def test_too_many_files(model, tmp_path):
    fetch(model, tmp_path, max_model_files=3)
    with pytest.raises(TrustError, match=r"more than 2 files.*max_model_files"):
        fetch(model, tmp_path, max_model_files=2)


def test_too_deep(model, tmp_path):
    (model / "/".join(["a"] * 31)).mkdir(parents=True)
    fetch(model, tmp_path)
    (model / "/".join(["a"] * 33)).mkdir(parents=True)
    with pytest.raises(TrustError, match="nested more than 32 deep"):
        fetch(model, tmp_path)


def test_no_time_left(model, tmp_path):
    with pytest.raises(RegistryUnreachableError, match=r"took more than 1e-09 seconds.*download_timeout"):
        fetch(model, tmp_path, download_timeout=1e-9)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ArtifactsMissingError):
        fetch(tmp_path / "nowhere", tmp_path)


@pytest.mark.parametrize("name", ["a\nb", "a\\b", "a:b", "\u202eb"])
def test_names_that_no_model_has(model, tmp_path, name):
    (model / name).write_text("")
    with pytest.raises(TrustError, match="not accepted"):
        fetch(model, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("url", ["ftp://127.0.0.1:1/m", "unknown://127.0.0.1/m", "sftp://user:CANARY@127.0.0.1:1/m"])
def test_other_stores_are_read_in_a_process_that_reports_its_errors(tmp_path, url):
    registry = Registry(f"sqlite:///{tmp_path / 'nowhere.db'}", limits=RegistryLimits(artifact_hosts=("127.0.0.1",)))
    with pytest.raises(MlopsAssetsError) as caught:
        registry.download_files(ArtifactAddress.parse(url), tmp_path, "downloading")
    assert "CANARY" not in str(caught.value)


@pytest.mark.slow
def test_a_store_that_does_not_end_is_ended(tmp_path, monkeypatch):
    """A client that hangs is a process that is ended."""
    (tmp_path / "sitecustomize.py").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry(
        f"sqlite:///{tmp_path / 'nowhere.db'}", limits=RegistryLimits(artifact_hosts=("127.0.0.1",), download_timeout=2)
    )
    with pytest.raises(RegistryUnreachableError, match="took more than 2 seconds"):
        registry.download_files(ArtifactAddress.parse("ftp://127.0.0.1:1/m"), tmp_path, "downloading")


def test_limits_come_from_the_settings_then_from_the_environment(monkeypatch):
    monkeypatch.setenv("MLOPS_ASSETS_MAX_MODEL_FILES", "7")
    monkeypatch.setenv("MLOPS_ASSETS_ARTIFACT_HOSTS", "Store.example, other:9000")
    limits = MlflowRegistry(tracking_uri="http://127.0.0.1:1", max_answer_mib=3).address().limits
    assert (limits.max_model_files, limits.max_answer_mib, limits.max_model_gib) == (7, 3, 32)
    assert limits.artifact_hosts == ("store.example", "other:9000")
    assert MlflowRegistry(tracking_uri="http://127.0.0.1:1", max_model_files=9).address().limits.max_model_files == 9


@pytest.mark.parametrize("text", ["x", "0", "-1", "nan", "inf", "1e300", "9" * 5_000])
@pytest.mark.parametrize("name", ["MAX_MODEL_GIB", "MAX_MODEL_FILES", "DOWNLOAD_TIMEOUT"])
def test_a_variable_that_is_no_limit_is_named(monkeypatch, name, text):
    monkeypatch.setenv(f"MLOPS_ASSETS_{name}", text)
    with pytest.raises(ConfigurationError, match=f"MLOPS_ASSETS_{name} is"):
        Registry("http://127.0.0.1:1")


def test_a_registry_that_travels_keeps_its_limits():
    limits = RegistryLimits(max_model_files=5, artifact_hosts=("a",))
    assert pickle.loads(pickle.dumps(Registry("http://127.0.0.1:1", limits=limits))).limits == limits
