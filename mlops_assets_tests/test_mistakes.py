"""Wrong settings in Python are answered as in YAML: the key, the nearest known one, and all that are allowed."""

from typing import Any

import pytest

from mlops_assets import InferSigner, MlflowModelComponent, MlflowRegistry, build_model_definitions
from mlops_assets.errors import ConfigurationError
from mlops_assets.explain.explainers.choose import KINDS
from mlops_assets.settings.explain import EXPLAINERS, ExplainSettings
from mlops_assets.settings.tables import InputsSettings

RIGHT: dict[str, Any] = {"model": "m", "inputs": {"path": "in.parquet"}, "outputs": {"path": "tables"}}

PTH: dict[str, Any] = {"pth": "x"}

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a misspelt group": (
        {"inptus": {}},
        "inptus: there is no such key (did you mean 'inputs'?); allowed: model",
    ),
    "a misspelt key": (
        {"inputs": {"pth": "x"}},
        "inputs.pth: there is no such key (did you mean 'path'?); allowed: pa",
    ),
    "two groups deep": (
        {"sensors": {"champion": {"statsu": "RUNNING"}}},
        "sensors.champion.statsu: there is no such key (did you mean 'status'?); allowed: status, interval_seconds",
    ),
    "a group of a choice": (
        {"inputs": {"database": "sqlite:///x", "table": {"schema": "a", "tabel": "b"}}},
        "inputs.table.tabel: there is no such key (did you mean 'table'?); allowed: schema, table",
    ),
    "partitions": (
        {"partitions": {"type": "daily", "strat": "2024-01-01"}},
        "partitions.strat: there is no such key (did you mean 'start'?)",
    ),
    "a misspelt value": ({"contract": {"missing": "alow"}}, "contract.missing: should be 'reject' or 'allow' (did you"),
    "out of range": ({"explain": {"min_ndcg": 2}}, "explain.min_ndcg: should be less than or equal to 1"),
    "a missing key": ({"partitions": {}}, "partitions.type: is required"),
    "a rule of ours": ({"contract": {"max_rejected": 1.5}}, "contract.max_rejected is a whole number, or a fraction"),
    "a strategy's key": (
        {"signer": {"KIND": "InferSigner", "sample_rowz": 3}},
        "no setting 'sample_rowz' (did you",
    ),
    "a strategy's value": (
        {"signer": {"KIND": "InferSigner", "sample_rows": 0}},
        "sample_rows: should be greater than 0",
    ),
    "an engine's key": (
        {"engine": {"KIND": "LocalEngine", "wrokers": 2}},
        "no setting 'wrokers' (did you mean 'workers'",
    ),
    "a strategy": ({"loader": {"KIND": "AutoLoder"}}, "no Loader of KIND 'AutoLoder' (did you mean 'AutoLoader'?)"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_definitions_in_python(kind):
    settings, fact = WRONG[kind]
    with pytest.raises(ConfigurationError) as refused:
        build_model_definitions(**{**RIGHT, **settings})
    assert fact in str(refused.value)
    assert "pydantic.dev" not in str(refused.value)


def test_every_mistake_is_named_at_once():
    with pytest.raises(ConfigurationError, match="inputs: is required") as refused:
        build_model_definitions("m", outptus={"path": "x"}, contract={"missing": "alow"})
    assert "contract.missing: should be 'reject' or 'allow'" in str(refused.value)
    assert "outptus: there is no such key (did you mean 'outputs'?)" in str(refused.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: InputsSettings(**PTH),
        lambda: InputsSettings.model_validate({"pth": "x"}),
        lambda: MlflowModelComponent(**RIGHT, **PTH),
        lambda: MlflowModelComponent.model_validate({**RIGHT, "pth": "x"}),
        lambda: InferSigner(**PTH),
        lambda: MlflowRegistry(**PTH),
    ],
)
def test_constructors(make):
    with pytest.raises(ConfigurationError, match="pth: there is no such key"):
        make()


def test_values_are_not_shown():
    with pytest.raises(ConfigurationError) as refused:
        InputsSettings(path="x", storage_options="my-secret")
    assert "my-secret" not in str(refused.value)
    assert "storage_options: should be a group of keys, such as {key: value}" in str(refused.value)


def test_what_is_right_is_made():
    settings = InputsSettings(path="x", row_key=["id"])
    assert InputsSettings.model_validate(settings) is settings
    assert MlflowModelComponent(**{**RIGHT, "inputs": settings}).inputs.row_key == ["id"]


def test_a_path_where_a_group_is_asked_for():
    with pytest.raises(
        ConfigurationError, match=r"inputs: should be a group of keys, such as \{.*: \.\.\.\}; allowed: .*path"
    ):
        build_model_definitions("churn", inputs="customers.csv")


def test_one_column_where_a_list_is_asked_for():
    with pytest.raises(ConfigurationError, match=r"row_key: should be a list; write \[name\] for one"):
        InputsSettings(path="x", row_key="id")


def test_an_explainer_that_does_not_exist_is_refused_when_settings_are_made():
    with pytest.raises(ConfigurationError, match=r"'TreeExplaner' \(did you mean 'TreeExplainer'\?\)"):
        ExplainSettings(KIND="TreeExplaner")
    assert ExplainSettings(KIND="my_project.Own").KIND == "my_project.Own"
    assert set(EXPLAINERS) == set(KINDS)
