"""The laws of the house that no single module can show."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import mlops_assets

PACKAGE = Path(mlops_assets.__file__).parent
PURE = ("tables", "signatures", "models", "scoring", "explain", "journal", "validation")
HEAVY = ("mlflow", "shap", "sklearn", "numba", "matplotlib")


def fresh_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter that has nothing loaded, no environment variables, and turns warnings into errors."""
    return subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        capture_output=True,
        text=True,
        env={"PATH": "", "HOME": "/nonexistent", **environment},
        cwd=PACKAGE.parent,
        check=False,
    )


def test_importing_the_code_location_is_light_and_silent():
    code = f"import mlops_assets.definitions, sys; print([m for m in {HEAVY} if m in sys.modules])"
    done = fresh_python(code)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_importing_the_code_location_costs_what_importing_dagster_costs():
    """What is measured by benchmarks/load.py, as a rule: beside Dagster and what it brings, only this package."""
    code = (
        "import sys, dagster; before = set(sys.modules); import mlops_assets.definitions; "
        "print(sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = fresh_python(code)
    assert (done.stdout.strip(), done.stderr) == ("['mlops_assets']", "")


def test_loading_the_definitions_is_light_silent_and_does_no_io():
    """No network (sockets forbidden), no file written, and none of the heavy libraries."""
    code = f"""
import builtins, socket, sys, mlops_assets.definitions
real = builtins.open
def read_only(file, mode="r", *rest, **options):
    assert not set(mode) & set("wxa+"), (file, mode)
    return real(file, mode, *rest, **options)
def refuse(*_, **__):
    raise AssertionError("a connection at definition time")
builtins.open, socket.socket.connect = read_only, refuse
import dagster as dg
definitions = mlops_assets.definitions.defs()
dg.Definitions.validate_loadable(definitions)
print([m for m in {HEAVY} if m in sys.modules])
"""
    done = fresh_python(code, PYTHONDONTWRITEBYTECODE="1")
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_pure_rooms_never_import_dagster():
    """Imported one by one, with every module in them."""
    modules = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for room in PURE
        for path in sorted((PACKAGE / room).glob("**/*.py"))
        if path.name != "__init__.py"
    ]
    assert len(modules) > 30
    code = f"""
import importlib, sys
for name in {modules!r}:
    importlib.import_module(name)
    assert "dagster" not in sys.modules, name
"""
    done = fresh_python(code, NUMBA_CACHE_DIR="/tmp")
    assert done.stderr == ""


def test_no_pure_room_mentions_dagster_in_code():
    for room in PURE:
        for path in (PACKAGE / room).glob("**/*.py"):
            assert not re.search(r"^\s*(import|from) dagster", path.read_text("utf-8"), re.MULTILINE), path


@pytest.mark.parametrize("folder", ["utils", "helpers", "common"])
def test_no_room_without_a_purpose(folder):
    assert not list(PACKAGE.glob(f"**/{folder}*"))


def test_modules_stay_small():
    long = {
        str(path.relative_to(PACKAGE)): lines
        for path in PACKAGE.glob("**/*.py")
        if (lines := len(path.read_text("utf-8").splitlines())) > 350
    }
    # The tree kernel is one file on purpose: mathematics and code beside each other.
    long.pop("explain/tree_kernel.py", None)
    assert long == {}
