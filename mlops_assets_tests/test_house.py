"""The plan of the house, as far as the import contract in pyproject.toml does not state it (docs/architecture.md)."""

import ast
import functools
import graphlib
import sys
from pathlib import Path

import pytest

import mlops_assets

PACKAGE = Path(mlops_assets.__file__).parent
LONGEST_MODULE = 350
FOR_TREES = {"numpy", "numba", "llvmlite"}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@functools.cache
def imports_of(module: str) -> frozenset[str]:
    """The full names of all that a module imports, also within functions and for the type checker alone."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports by a relative path"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def imported_modules(module: str) -> set[str]:
    """The modules of this package that a module imports: `from a.b import c` is a.b.c, or a.b where c is no module."""
    names = {name if name in MODULES else name.rpartition(".")[0] for name in imports_of(module)}
    return (names & MODULES.keys()) - {module}


def test_no_module_imports_another_in_a_circle():
    """Deferred imports and those for the type checker count: whoever reads one has to read the other."""
    try:
        graphlib.TopologicalSorter({module: imported_modules(module) for module in MODULES}).prepare()
    except graphlib.CycleError as error:
        pytest.fail("A circle of imports: " + " is imported by ".join(error.args[1]))


def test_no_module_imports_the_public_api():
    """It names modules of every room, so that whoever imports it knows them all."""
    assert [module for module in MODULES if "mlops_assets" in imported_modules(module)] == []


def test_trees_are_a_library_of_their_own():
    """They know NumPy, numba and themselves: no room of this package, no pandas, no library whose trees they read."""
    known = FOR_TREES | sys.stdlib_module_names
    for module in MODULES:
        if module.startswith("mlops_assets.trees"):
            foreign = {name for name in imports_of(module) if not name.startswith("mlops_assets.trees")}
            assert {name for name in foreign if name.partition(".")[0] not in known} == set(), module


@pytest.mark.parametrize("name", ["utils", "helpers", "common"])
def test_no_room_without_a_purpose(name):
    assert list(PACKAGE.glob(f"**/{name}*")) == []


def test_modules_stay_small():
    lengths = {module: len(path.read_text("utf-8").splitlines()) for module, path in MODULES.items()}
    assert {module: length for module, length in lengths.items() if length > LONGEST_MODULE} == {}


# Of small collections, which are asked once per something else than a column.
FEW = {
    ("mlops_assets.explain.ledger.joined", "name not in schema.names"),
    ("mlops_assets.explain.ledger.stored", "SPACE in wanted.names"),
    ("mlops_assets.explain.ledger.stored", "SPACE not in part.schema.names"),
}


def looked_up_in_loops(module: str) -> set[tuple[str, str]]:
    """Memberships of a schema's names that are decided inside of a loop: the list is made and searched each time."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))):
        inner: list[ast.AST] = []
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            inner += [condition for each in node.generators for condition in each.ifs]
            inner += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        elif isinstance(node, ast.For | ast.While):
            inner += node.body
        for each in (part for top in inner for part in ast.walk(top)):
            if isinstance(each, ast.Compare) and isinstance(each.ops[0], ast.In | ast.NotIn):
                held = each.comparators[0]
                if isinstance(held, ast.Attribute) and held.attr in ("names", "column_names", "features"):
                    found.add((module, ast.unparse(each)))
            if (
                isinstance(each, ast.Call)
                and isinstance(each.func, ast.Attribute)
                and "names" in ast.unparse(each.func)
            ) and each.func.attr in ("index", "count"):
                found.add((module, ast.unparse(each)))
    return found


def test_no_list_of_columns_is_searched_for_every_column():
    """What that costs grows with the square of the columns: make a set or a dict before the loop."""
    assert {found for module in MODULES for found in looked_up_in_loops(module)} <= FEW


GATE = {
    "mlops_assets.models.artifact_process",
    "mlops_assets.models.artifact_server",
    "mlops_assets.models.bounded_client",
    "mlops_assets.models.registry_connection",
    "mlops_assets.models.registry_http",
}
# A user's own logging through dagster-mlflow, which is asked for by name.
BESIDE_THE_GATE = {("mlops_assets.resources.dagster_mlflow_adapter", "mlflow.end_run")}
CALLS_OF_MLFLOW = {
    *("MlflowClient", "get_artifact_repository", "http_request", "call_endpoint", "register_model"),
    *("download_artifacts", "list_artifacts", "log_artifact", "log_artifacts", "log_model_artifacts", "load_text"),
    *("set_tracking_uri", "set_registry_uri", "start_run", "end_run", "log_model", "urlopen", "urlretrieve"),
}


def calls_beside_the_gate(source: str) -> set[str]:
    """What reaches a registry, its files or another host without the limits of `mlops_assets.models`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            names = [f"{module}.{alias.name}" if module else alias.name for alias in node.names]
            found |= {
                name
                for name in names
                if name.startswith(("mlflow.artifacts", "mlflow.tracking", "mlflow.store", "requests", "urllib3"))
                or name.startswith(("urllib.request", "http.client", "httpx", "aiohttp", "boto3"))
            }
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.rpartition(".")[2] in CALLS_OF_MLFLOW:
                found.add(called)
    return found


def test_every_call_to_a_registry_goes_through_the_gate():
    """The registry is a peer on a network: hosts, bytes, files and time are bounded in one place."""
    found = {
        (module, call)
        for module, path in MODULES.items()
        if module not in GATE
        for call in calls_beside_the_gate(path.read_text("utf-8"))
    }
    assert found == BESIDE_THE_GATE


def test_a_call_beside_the_gate_is_noticed():
    for source in (
        "from mlflow.artifacts import download_artifacts",
        "import mlflow.artifacts",
        "MlflowClient(tracking_uri=x)",
        "mlflow.artifacts.download_artifacts(x)",
        "client.log_artifact(run, path)",
        "import requests",
    ):
        assert calls_beside_the_gate(source), source
