"""The laws of the house that no single module can show, tried on running code; test_house.py reads the code."""

import subprocess
import sys
from pathlib import Path

import pytest

import mlops_assets

PACKAGE = Path(mlops_assets.__file__).parent
PURE = (
    *("arrow", "direct", "engines", "explain", "journal", "models", "scoring"),
    *("signatures", "storage", "tables", "trees", "validation"),
)
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


@pytest.mark.slow
def test_importing_the_code_location_costs_what_importing_dagster_costs():
    """What is measured by benchmarks/load.py, as a rule: beside Dagster and what it brings, only this package."""
    code = (
        "import sys, dagster; before = set(sys.modules); import mlops_assets.definitions; "
        "print(sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = fresh_python(code)
    assert (done.stdout.strip(), done.stderr) == ("['mlops_assets']", "")


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_pure_rooms_never_import_dagster(tmp_path):
    """Imported one by one, with every module in them: what the import contract reads in the code, as it happens."""
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
    done = fresh_python(code, NUMBA_CACHE_DIR=str(tmp_path))
    assert done.stderr == ""
