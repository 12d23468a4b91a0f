"""What is published: the same bytes from the same files, and metadata that are true."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from mlops_assets_tests.newcomer.environment import CHECKOUT, build_wheel
from mlops_assets_tests.oldest import FAST_TESTS, split_arguments

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "mlops_assets")
# 2023-11-14; zip archives count in steps of two seconds.
EPOCH, DATE = "1700000000", (2023, 11, 14, 22, 13, 20)


@pytest.fixture
def other_checkout(tmp_path) -> Path:
    """The same files elsewhere, written at another time, readable by nobody else."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for name in BUILT_FROM:
        place = CHECKOUT / name
        copy = shutil.copytree if place.is_dir() else shutil.copy
        copy(place, folder / name)
    for path in folder.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder


@pytest.mark.slow
def test_the_wheel_has_the_same_bytes_wherever_and_whenever_it_is_built(tmp_path, wheel, other_checkout, monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    elsewhere = build_wheel(tmp_path, other_checkout)
    assert wheel.name == elsewhere.name
    assert wheel.read_bytes() == elsewhere.read_bytes()


@pytest.mark.slow
def test_the_date_of_the_source_is_that_of_all_files_in_the_wheel(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    with zipfile.ZipFile(build_wheel(tmp_path)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {DATE}


@pytest.mark.slow
def test_the_wheel_holds_license_types_and_command(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name.partition("/")[2]: name for name in archive.namelist()}
        commands = archive.read(names["entry_points.txt"]).decode()
    assert {"py.typed", "__init__.pyi", "METADATA", "licenses/LICENSE"} <= set(names)
    assert "mlops-assets = mlops_assets.cli:main" in commands


def minor_versions() -> list[str]:
    """The versions of Python that the classifiers name."""
    pattern = re.compile(r"Programming Language :: Python :: (\d+\.\d+)")
    return [match[1] for text in PROJECT["classifiers"] if (match := pattern.fullmatch(text))]


def test_classifiers_name_the_versions_of_python_that_are_allowed():
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert minor_versions() == [version for version in (f"3.{n}" for n in range(30)) if allowed.contains(version)]


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md", "CONTRIBUTING.md"])
def test_pages_name_the_same_versions_of_python(page):
    first, *_, last = minor_versions()
    named = re.findall(r"Python (\d+\.\d+) to (\d+\.\d+)", (CHECKOUT / page).read_text("utf-8"))
    assert named
    assert set(named) == {(first, last)}


@pytest.mark.parametrize("place", sorted(CHECKOUT.glob("examples/*/pyproject.toml")), ids=lambda path: path.parent.name)
def test_examples_allow_the_same_versions_of_python(place):
    project = tomllib.loads(place.read_text("utf-8"))["project"]
    assert project["requires-python"] == PROJECT["requires-python"]


def test_a_new_project_allows_the_same_versions_of_python(tmp_path):
    from mlops_assets.scaffold.write_project import find_or_plan_project

    files = dict(find_or_plan_project(tmp_path / "shop").files)
    written = tomllib.loads(files[tmp_path / "shop" / "pyproject.toml"])["project"]
    assert written["requires-python"] == PROJECT["requires-python"]


def test_tools_check_for_the_oldest_python_that_is_allowed():
    tool = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["tool"]
    oldest = minor_versions()[0]
    assert tool["mypy"]["python_version"] == oldest
    assert tool["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("cyclonedx_py"), reason="needs the extra `release`")
def test_the_list_of_dependencies_names_this_package_and_dagster(tmp_path):
    place = tmp_path / "sbom.json"
    listed = re.search(r'^"\$tools/cyclonedx-py" ((?:.*\\\n)?.*)$', (CHECKOUT / ".ci/release").read_text("utf-8"), re.M)
    assert listed, "the command of .ci/release"
    command = listed[1].replace("dist/sbom.json", str(place)).replace("$environment/bin/python", sys.executable)
    arguments = shlex.split(command.replace("\\\n", " "))
    subprocess.run([sys.executable, "-m", "cyclonedx_py", *arguments], check=True, cwd=CHECKOUT, timeout=300)
    told = json.loads(place.read_text("utf-8"))
    components = {component["name"]: component for component in told["components"]}
    assert told["bomFormat"] == "CycloneDX"
    assert told["metadata"]["component"]["name"] == "mlops-assets"
    assert told["metadata"]["component"]["version"] == PROJECT["version"]
    assert components["dagster"]["version"] == version("dagster")
    needed = {entry["ref"]: entry.get("dependsOn", []) for entry in told["dependencies"]}
    assert components["dagster"]["bom-ref"] in needed[told["metadata"]["component"]["bom-ref"]]


@pytest.mark.parametrize(
    ("arguments", "folder", "for_pytest"),
    [
        ([], None, list(FAST_TESTS)),
        (["old"], "old", list(FAST_TESTS)),
        (["a folder", "--", "-q", "-m", "not slow"], "a folder", ["-q", "-m", "not slow"]),
        (["--", "-m", "not slow", "--", "file.py"], None, ["-m", "not slow", "--", "file.py"]),
    ],
)
def test_the_command_for_old_versions_passes_each_argument_on_as_it_is(arguments, folder, for_pytest):
    assert split_arguments(arguments) == (Path(folder) if folder else None, for_pytest)


@pytest.mark.parametrize("arguments", [["-m", "not slow"], ["one", "two"]])
def test_the_command_for_old_versions_refuses_what_it_would_pass_over(arguments):
    with pytest.raises(SystemExit, match="behind --"):
        split_arguments(arguments)


def test_no_address_is_invented():
    assert "urls" not in PROJECT
