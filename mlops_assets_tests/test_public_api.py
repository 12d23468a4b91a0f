"""The public API: what `from mlops_assets import ...` gives, and what each of it takes.

A change of it shows up as a diff of public_api.txt. To accept one: ``python -m mlops_assets_tests.test_public_api``.
"""

import ast
import dataclasses
import inspect
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

import mlops_assets
from mlops_assets.strategies import Strategy

SNAPSHOT = Path(__file__).parent / "public_api.txt"
ROOT = Path(__file__).parent.parent
STRATEGIES = [
    name
    for name in mlops_assets.__all__
    if inspect.isclass(value := getattr(mlops_assets, name)) and issubclass(value, Strategy)
]


def describe(name: str) -> list[str]:
    """One line for a function, one per public member for a class; without annotations, whose text Python words anew."""
    value = getattr(mlops_assets, name)
    if not inspect.isclass(value):
        return [f"{name}({parameters(value)})"]
    bases = [base.__name__ for base in value.__mro__[1:] if base.__name__ in mlops_assets.__all__]
    lines = [f"class {name}({', '.join(bases)})"]
    if issubclass(value, BaseModel):
        lines += [f"{name}.{field.alias or key} (setting)" for key, field in value.model_fields.items()]
    elif dataclasses.is_dataclass(value):
        lines += [f"{name}.{field.name} (field)" for field in dataclasses.fields(value)]
    elif "__init__" in vars(value):
        lines += [f"{name}({parameters(vars(value)['__init__'])})"]
    for key, member in vars(value).items():
        if key.startswith("_") or key.startswith("model_") or inspect.isclass(member):
            continue
        abstract = " (abstract)" if getattr(member, "__isabstractmethod__", False) else ""
        function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if inspect.isfunction(function):
            lines.append(f"{name}.{key}({parameters(function)}){abstract}")
        elif isinstance(member, property):
            lines.append(f"{name}.{key}{abstract}")
    return sorted(lines)


def parameters(function: Callable[..., object]) -> str:
    return ", ".join(
        f"{'*' * (parameter.kind is parameter.VAR_POSITIONAL)}{'**' * (parameter.kind is parameter.VAR_KEYWORD)}"
        f"{parameter.name}{'=' if parameter.default is not parameter.empty else ''}"
        f"{' (by name)' if parameter.kind is parameter.KEYWORD_ONLY else ''}"
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name not in ("self", "cls")
    )


def snapshot() -> str:
    return "".join(f"{line}\n" for name in mlops_assets.__all__ for line in describe(name))


def test_the_public_api_is_the_one_that_was_reviewed():
    assert snapshot() == SNAPSHOT.read_text("utf-8")


def test_each_public_name_is_written_once():
    stub = ast.parse((ROOT / "mlops_assets" / "__init__.pyi").read_text("utf-8"))
    names = [alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert len(names) == len(set(names))
    assert sorted(names) == mlops_assets.__all__ == dir(mlops_assets)
    errors = vars(sys.modules["mlops_assets.errors"]).items()
    assert {name for name, value in errors if inspect.isclass(value) and issubclass(value, Exception)} <= set(names)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'InferSinger'"):
        _ = mlops_assets.InferSinger


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_is_called_by_its_kind(name):
    strategy = getattr(mlops_assets, name)
    assert name == strategy.KIND
    # Either of Engine's two methods may be replaced: none is abstract, and nobody chooses the base class.
    if not inspect.isabstract(strategy) and strategy is not mlops_assets.Engine:
        (literal,) = get_args(strategy.__annotations__["KIND"])
        assert get_args(literal) == (name,)


def test_a_class_of_ones_own_is_called_by_its_name():
    class Loud(mlops_assets.LogNotifier):
        pass

    class Named(mlops_assets.LogNotifier):
        KIND = "team:loud"

    assert (Loud.KIND, Named.KIND) == ("Loud", "team:loud")


USER_FILE = """
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from mlops_assets import (
    AutoLoader, Contract, Engine, ExplainConfig, Explainer, Explanation, InferSigner, LoadedModel, MlflowRegistry,
    MlopsAssetsError, ModelReference, Notifier, ParquetIOManager, RowVerdict, Run, ExplanationSubject, TableIOManager,
    build_model_definitions, default_resources, explain, infer_signature, score,
)


class Audited(AutoLoader):
    note: str = ""

    def load(self, folder: Path, reference: ModelReference) -> LoadedModel:
        return super().load(folder, reference)


class Strict(InferSigner):
    def sign(self, inputs: Any, outputs: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        return super().sign(inputs, outputs, params)


class Chat(Notifier):
    def notify(self, title: str, message: str) -> None:
        print(title, message)


class Here(Engine):
    def results(self, run: Run) -> Iterator[pa.RecordBatch]:
        do = run.work.open()
        yield from (do(chunk.rows) for chunk in run.rows.chunks())


class Zero(Explainer):
    def __init__(self, subject: ExplanationSubject) -> None:
        self.features, self.outputs, self.space, self.reason = subject.features, ("prediction",), "identity", "mine"

    def explain(self, inputs: pd.DataFrame) -> Explanation:
        raise NotImplementedError

    def predict(self, inputs: pd.DataFrame) -> Any:
        raise NotImplementedError


def conform(frame: pd.DataFrame) -> RowVerdict:
    batch: pa.RecordBatch = pa.RecordBatch.from_pandas(frame)
    return Contract(infer_signature(frame).inputs, batch.schema).apply(batch)


def directly(frame: pd.DataFrame) -> list[pa.Table]:
    return [score("churn", frame, row_key="id"), explain("churn@Champion", frame, row_key=["id"], limit=1)]


writer: type[TableIOManager] = ParquetIOManager
config, registry = ExplainConfig(seed=1), MlflowRegistry(timeout=5)
try:
    build_model_definitions("churn", inputs={"path": "c.parquet"}, outputs={"path": "t"}, signer={"KIND": "no"})
except MlopsAssetsError as error:
    what: str = error.what
print(Strict.KIND, sorted(default_resources()), len(conform(pd.DataFrame({"a": [1.0]})).accepted))
"""


@pytest.mark.slow
def test_the_wheel_is_typed_and_a_user_needs_no_other_module(tmp_path, wheel):
    """In an environment that has the wheel, and of the tests' environment only the dependencies."""
    run = {"check": True, "capture_output": True, "text": True, "cwd": tmp_path}
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], **run)
    python = tmp_path / "env" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    subprocess.run([*pip, "install", "-q", "--no-deps", "--no-index", str(wheel)], **run)
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    # A line of a .pth file is a path; the .pth files in that folder, of the editable install, are not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    (tmp_path / "user.py").write_text(USER_FILE)
    assert "mlops_assets." not in USER_FILE

    done = subprocess.run([str(python), "user.py"], **run, env=environment)
    assert done.stdout == "Strict ['mlflow_registry', 'notifier'] 1\n"
    home = "import mlops_assets; print(mlops_assets.__file__)"
    assert subprocess.run([str(python), "-c", home], **run, env=environment).stdout.startswith(str(site))
    arguments = ["--strict", "--python-executable", str(python), "--disable-error-code=import-untyped", "user.py"]
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *arguments], cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    assert checked.stdout == "Success: no issues found in 1 source file\n"


if __name__ == "__main__":
    SNAPSHOT.write_text(snapshot(), "utf-8")
