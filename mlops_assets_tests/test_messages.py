"""Messages: every setting that one names exists, and what is joined into one leaves no empty places."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

import mlops_assets
from mlops_assets.engines.kinds import ENGINES
from mlops_assets.errors import MlopsAssetsError, describe_cause, strip_ends
from mlops_assets.registry_component import RegistrySettings
from mlops_assets.resources.loaders import LOADERS
from mlops_assets.resources.signers import SIGNERS
from mlops_assets.settings.model import ModelSettings

PACKAGE = Path(mlops_assets.__file__).parent
GROUPS = tuple(field.alias or name for name, field in ModelSettings.model_fields.items())
STRATEGIES = {"signer": SIGNERS, "loader": LOADERS, "engine": ENGINES}
# Words with an underscore that messages use and that are no settings: assets, columns of tables, names of a model's
# methods and attributes, environment variables' and arguments of functions that a person calls in Python.
OTHER_WORDS = {
    # assets and their columns
    "champion_model", "model_signature", "input_samples", "rejected_samples", "sample_explanations",
    "model_explanations", "explanation_report", "row_number", "base_value", "explained_value", "model_version",
    "model_digest", "sample_interactions", "prediction_history", "mean_error",
    # types, this package, arguments of MLflow and of storage clients, and of jobs in the Launchpad
    "large_string", "large_binary", "mlops_assets", "input_example", "client_kwargs", "move_alias", "approved_by",
    # a model's own methods and attributes
    "predict_proba", "explain_samples", "explain_model", "explain_base", "explain_space", "feature_names_out",
    "base_values", "native_importance", "predict_fn", "categorical_feature",
    # of Dagster's project files, of MLflow's Python, of the command line
    "root_module", "load_from", "python_module", "python_package", "python_file", "autoload_defs_module",
    "save_model", "log_model", "pyfunc_predict_fn", "tracking_uri",
    # the resource of the registry and its own settings
    "mlflow_registry", "artifact_hosts",
}  # fmt: skip


@cache
def messages() -> tuple[tuple[str, str], ...]:
    """All of `_messages`, looked for once."""
    return tuple(_messages())


def _messages() -> Iterator[tuple[str, str]]:
    """(file:line, text) of what reaches a person: the literals in calls of an error, and descriptions of checks."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            if re.fullmatch(r"[A-Z]\w*Error", name) or name == "_fail":
                values = [*call.args, *(one.value for one in call.keywords if one.arg in ("what", "fix"))]
            else:
                values = [one.value for one in call.keywords if name == "AssetCheckResult" and one.arg == "description"]
            for value in values:
                yield from ((f"{path.relative_to(PACKAGE)}:{call.lineno}", text) for text in _texts(value))
    for name in (
        "scoring/rejection_advice.py",
        "signatures/contract/scalar_converters.py",
        "checks/samples.py",
        "checks/predictions.py",
    ):
        tree = ast.parse((PACKAGE / name).read_text("utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if id(node) in docstrings:
                continue
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "`" in node.value:
                yield f"{name}:{node.lineno}", node.value


def _texts(node: ast.AST) -> list[str]:
    """What an expression may come to, with <> for what is computed."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else ["<>"]
    if isinstance(node, ast.JoinedStr):
        return ["".join(str(part.value) if isinstance(part, ast.Constant) else "<>" for part in node.values)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [left + right for left in _texts(node.left) for right in _texts(node.right)]
    if isinstance(node, ast.IfExp):
        return _texts(node.body) + _texts(node.orelse)
    return ["<>"]


def _fields(settings: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in settings.model_fields.items()}


def _inner(annotation: Any) -> list[type[BaseModel]]:
    from mlops_assets.mistakes import inner_groups

    return list(inner_groups(annotation))


@cache
def _strategy_settings(group: str) -> frozenset[str]:
    import inspect

    names = {"KIND"}
    for strategy in STRATEGIES[group].values():
        names |= set(getattr(strategy, "model_fields", None) or inspect.signature(strategy).parameters)
    return frozenset(names)


def exists(path: list[str]) -> bool:
    """Whether ``group.key.key`` is a setting of a model's YAML."""
    if path[0] in STRATEGIES:
        return len(path) == 1 or path[1] in _strategy_settings(path[0])
    groups: list[type[BaseModel]] = [ModelSettings]
    for part in path:
        found = [_fields(group)[part] for group in groups if part in _fields(group)]
        if not found:
            return not groups  # below a mapping of one's own keys
        groups = [inner for annotation in found for inner in _inner(annotation)]
    return True


def every_key() -> set[str]:
    keys: set[str] = set()
    todo: list[type[BaseModel]] = [ModelSettings, RegistrySettings]
    while todo:
        fields = _fields(todo.pop())
        keys |= set(fields)
        todo += [inner for annotation in fields.values() for inner in _inner(annotation)]
    return keys.union(*map(_strategy_settings, STRATEGIES))


def dotted(text: str) -> Iterator[list[str]]:
    """``contract.max_rejected`` and the like; not ``inputs.parquet``, a file, or a module of this package."""
    for found in re.finditer(rf"(?<![\w./])({'|'.join(GROUPS)})((?:\.[A-Za-z_]+)+)(?![\w(/])", text):
        path = [found[1], *found[2].strip(".").split(".")]
        if path[-1] not in ("parquet", "csv", "jsonl", "index", "yaml", "predict", "json"):
            yield path


def yaml_paths(text: str) -> Iterator[list[str]]:
    """The keys of every piece of YAML between backticks: ``contract: {missing: allow}``."""
    for snippet in re.findall(r"`([A-Za-z_]+: [^`]+)`", text):
        yield from _paths(yaml.safe_load(snippet.replace("<>", "1").replace("...", "x")))


def _paths(value: object) -> Iterator[list[str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            below = list(_paths(inner))
            yield from [[key, *path] for path in below] or [[key]]


def test_settings_in_messages_exist():
    wrong = [
        (place, ".".join(path))
        for place, text in messages()
        for path in (*dotted(text), *yaml_paths(text))
        if path[0] in GROUPS and not exists(path)
    ]
    assert wrong == []


def test_yaml_in_messages_begins_with_a_group_or_names_a_key_of_one():
    unknown = [
        (place, ".".join(path))
        for place, text in messages()
        for path in yaml_paths(text)
        if path[0] not in every_key() | {"overwrite", "predict_method"}
    ]
    assert unknown == []


def test_words_that_look_like_settings_are_settings():
    known = every_key() | OTHER_WORDS
    strange = {
        (place, word)
        for place, text in messages()
        for word in re.findall(r"(?<![\w./<>{'\"=-])[a-z]+(?:_[a-z]+)+(?![\w(/.=<:-])", text)
        if word not in known
    }
    assert strange == set()


def test_the_search_finds_what_it_is_for():
    """The faults that were: settings of the Python API in messages for people who write YAML."""
    assert not exists(["contract", "parse_iso_datetimes"])
    assert not exists(["inputs", "text_columns"])
    assert exists(["sensors", "champion", "status"])
    assert exists(["outputs", "schema"])
    assert list(yaml_paths("write `contract: {missing: allow}`")) == [["contract", "missing"]]
    assert list(dotted("see explain.KIND and inputs.parquet")) == [["explain", "KIND"]]
    assert sum(1 for _, text in messages() for _ in (*dotted(text), *yaml_paths(text))) > 40


def test_each_message_is_a_sentence_without_empty_places():
    """No doubled spaces or punctuation, no bracket that opens on nothing."""
    faults = [
        (place, text)
        for place, text in messages()
        if re.search(r"\S  \S|[;,:] [;,:.](?!\.\.)|(?<![\w>])\(\)|\. \.(?!\.\.)|,,|;;", text)
    ]
    assert faults == []


WHATS = ["It is wrong", "It is wrong.", "It is wrong: ", "It is wrong: a; ; ", "a; b; ...", "Is it wrong?",
         "It is wrong ()", "It is wrong\n", "", "explain_samples() fails"]  # fmt: skip
WHERES = [None, "", " ", "file:///in.parquet"]
FIXES = [None, "", ".", "Correct it", "Correct it.", "Correct it: ", "See a, b, ..."]


@pytest.mark.parametrize(("what", "where", "fix"), product(WHATS, WHERES, FIXES))
def test_an_error_is_well_formed_whatever_its_parts_are(what, where, fix):
    message = str(MlopsAssetsError(what, where=where, fix=fix))
    assert message == message.strip()
    assert not re.search(r"  |[;:,] ?(\.(?!\.\.)|\()|(?<!\w)\(\s*\)|(?<!\.)\.\.(?!\.)|\.{4}|[?!]\.", message), message
    assert message.endswith((".", "?", "!"))
    assert ("(file:///in.parquet)" in message) == (where == "file:///in.parquet")
    assert ("Correct it" in message) == bool(fix and "Correct" in fix)


def test_an_ellipsis_survives_and_has_nothing_behind_it():
    message = str(MlopsAssetsError("Rows: id=1 (a); ...", where="file:///in.parquet", fix="Correct them"))
    assert message == "Rows: id=1 (a); ... (file:///in.parquet). Correct them."


@pytest.mark.parametrize(
    "error", [ValueError(), ValueError(""), ValueError(" \n "), OSError(2, "no such"), KeyError("a")]
)
def test_a_cause_without_a_message_is_its_name(error):
    described = describe_cause(error)
    assert described.startswith(type(error).__name__)
    assert described == strip_ends(described)
