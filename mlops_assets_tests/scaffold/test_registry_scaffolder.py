"""`dg scaffold defs mlops_assets.MlflowRegistryComponent`: examined, checked, launched unedited, or told why not."""

from pathlib import Path

import pandas as pd
import pytest
import yaml
from dagster_shared.yaml_utils import parse_yaml_with_source_position
from sklearn.linear_model import LinearRegression
from sklearn.svm import SVR

from mlops_assets.errors import ConfigurationError
from mlops_assets.registry_component import RegistrySettings
from mlops_assets.scaffold.examine_models import (
    MOST_EXAMINED,
    RegistryExamination,
    RegistryRequest,
    examine_models,
    parse_tags,
)
from mlops_assets.scaffold.registry_yaml import write_registry_yaml
from mlops_assets_tests.scaffold.test_init import SRC

COMPONENT = "mlops_assets.MlflowRegistryComponent"
YAML = "src/my_project/defs/models/defs.yaml"
ROWS = pd.DataFrame({"x": [1.0, 2.0, 4.0], "key": ["a", "b", "c"]})


@pytest.fixture
def request_of(registry, tmp_path, monkeypatch):
    """A request for models of this registry, whose tables are in ``data/``."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    (tmp_path / "data").mkdir()

    def make(**more):
        settings = {"tags": {}, "pattern": "*", "inputs": "data/{model}.parquet", "row_key": ("key",)}
        return RegistryRequest(tmp_path, **{**settings, "outputs": "tables/{model}", **more})

    return make


def add_models(registry, folder: Path, *names: str, table: bool = True) -> None:
    fitted = LinearRegression().fit(ROWS[["x"]], [1.0, 2.0, 3.0])
    for name in names:
        registry.add_sklearn(fitted, ROWS[["x"]], name=name)
        if table:
            ROWS.to_parquet(folder / "data" / f"{name}.parquet", index=False)


@pytest.mark.slow
def test_what_is_scaffolded_checks_and_launches_unedited(desk):
    project = desk.folder / "my-project"
    for name, text in SRC.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    desk.write_table(project / "data")
    (project / "data" / "customers.parquet").rename(project / "data" / "churn.parquet")
    desk.registry.client.set_registered_model_tag("churn", "serve", "true")
    path = {"PYTHONPATH": f"{project / 'src'}:{desk.root}"}
    options = "--tag serve=true --row-key customer_id"
    done = desk.shell(project, f"dg scaffold defs {COMPONENT} models {options}", **path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Ready: 1 of 1 registered models were examined" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("Next: ")]
    steps = f"dg check yaml && {line.removeprefix('Next: ')} && dg check defs && dg launch --job churn_inference_job"
    launched = desk.shell(project, steps, **path)
    assert launched.returncode == 0, launched.stdout + launched.stderr[-3000:]
    assert len(pd.read_parquet(project / "tables" / "churn" / "predictions.parquet")) == 60
    again = desk.shell(project, f"dg scaffold defs {COMPONENT} models {options}", **path)
    assert again.returncode != 0
    python = desk.shell(project, f"dg scaffold defs {COMPONENT} second {options} --format python", **path)
    assert python.returncode == 0, python.stdout + python.stderr
    assert "load(context: dg.ComponentLoadContext) -> MlflowRegistryComponent" in (
        project / "src/my_project/defs/second/component.py"
    ).read_text("utf-8")


@pytest.mark.slow
def test_what_models_have_alike_is_a_default_and_the_rest_an_exception(registry, tmp_path, request_of):
    add_models(registry, tmp_path, "churn", "fraud")
    ROWS.assign(x=["1", "2", "4"]).to_csv(tmp_path / "data" / "churn.csv", index=False)
    ROWS.rename(columns={"key": "id"}).to_parquet(tmp_path / "data" / "fraud.parquet", index=False)
    examination = examine_models(request_of(row_key=()))
    settings = yaml.safe_load(write_registry_yaml(examination))["attributes"]
    assert settings["defaults"] == {"inputs": {"path": "data/{model}.parquet"}, "outputs": {"path": "tables/{model}"}}
    assert settings["models"] == {"churn": {"inputs": {"row_key": ["key"]}}, "fraud": {"inputs": {"row_key": ["id"]}}}
    assert not examination.of("red")


@pytest.mark.slow
def test_what_cannot_be_launched_is_on_the_first_lines_by_model(registry, tmp_path, request_of):
    add_models(registry, tmp_path, "churn")
    add_models(registry, tmp_path, "fraud", table=False)
    registry.client.delete_registered_model_alias("churn", "Champion")
    text = write_registry_yaml(examine_models(request_of()))
    first, second = text.splitlines()[:2]
    assert first.startswith("# Not ready: churn: ")
    assert "Champion" in first
    assert second.startswith("# Not ready: fraud: ")
    assert "fraud.parquet" in second
    assert yaml.safe_load(text)["type"] == COMPONENT


@pytest.mark.slow
def test_trust_is_never_extended_and_the_line_that_does_it_works(registry, tmp_path, request_of):
    fitted = SVR().fit(ROWS[["x"]], [1.0, 2.0, 3.0])
    registry.add_sklearn(
        fitted, ROWS[["x"]], name="pickled", serialization_format="cloudpickle", skops_trusted_types=None
    )
    ROWS.to_parquet(tmp_path / "data" / "pickled.parquet", index=False)
    text = write_registry_yaml(examine_models(request_of()))
    assert text.startswith("# Not ready: pickled: ")
    assert "models" not in yaml.safe_load(text)["attributes"]
    opened = text.replace("# models:", "models:").replace("#   pickled:", "  pickled:")
    assert yaml.safe_load(opened)["attributes"]["models"] == {"pickled": {"trust": {"allow_pickle": True}}}


def uncomment(text: str, *beginnings: str) -> str:
    """As the YAML says and an editor does: without the # and the blank after it, on the lines that begin so."""
    lines = text.splitlines()
    return "\n".join(
        line.replace("# ", "", 1) if line.lstrip().removeprefix("#").lstrip().startswith(beginnings) else line
        for line in lines
    )


@pytest.mark.parametrize("own", [("churn",), ("churn", "fraud"), ()], ids=" ".join)
def test_a_model_with_settings_of_its_own_is_trusted_without_a_second_entry(own, tmp_path):
    settings = {"inputs": {"row_key": ["key"]}}
    examination = RegistryExamination(
        request=RegistryRequest(tmp_path, {}, "*", "data/{model}.parquet", ("key",), "tables/{model}"),
        findings=(),
        defaults={"inputs": {"path": "data/{model}.parquet"}, "outputs": {"path": "tables/{model}"}},
        found=("churn", "fraud"),
        models=dict.fromkeys(own, settings),
        refused={"churn": {"allow_pickle": True}, "fraud": {"trusted_types": ["numpy.dtype"]}},
    )
    text = write_registry_yaml(examination)
    untrusted = parse_yaml_with_source_position(text).value["attributes"]
    assert untrusted.get("models", {}) == dict.fromkeys(own, settings)
    opened = uncomment(
        text, "trust:", *(() if own else ("models:",)), *(f"{name}: {{trust" for name in ("churn", "fraud"))
    )
    keys = [key.value for key, _ in models_node(opened).value]
    assert sorted(keys) == ["churn", "fraud"], "a duplicate key is kept by YAML's parser, and drops the first"
    models = parse_yaml_with_source_position(opened).value["attributes"]["models"]
    rest = {name: settings if name in own else {} for name in ("churn", "fraud")}
    assert models == {
        "churn": {**rest["churn"], "trust": {"allow_pickle": True}},
        "fraud": {**rest["fraud"], "trust": {"trusted_types": ["numpy.dtype"]}},
    }
    loaded = RegistrySettings.model_validate(
        {key: value for key, value in yaml.safe_load(opened)["attributes"].items() if key != "defs_state"}
    )
    assert loaded.models == models


def models_node(text: str) -> yaml.MappingNode:
    """The YAML's own tree, in which a duplicate key is there twice."""
    root = yaml.compose(text)
    attributes = next(value for key, value in root.value if key.value == "attributes")
    return next(value for key, value in attributes.value if key.value == "models")


@pytest.mark.slow
def test_a_registry_without_such_models_is_not_ready(registry, tmp_path, request_of):
    add_models(registry, tmp_path, "churn")
    text = write_registry_yaml(examine_models(request_of(tags={"serve": "true"}, pattern="risk_*")))
    first = text.splitlines()[0]
    assert first.startswith("# Not ready: There is no registered model with the tags serve=true and a name like risk_*")
    assert "its models are: churn" in first


@pytest.mark.slow
def test_of_many_models_the_first_are_examined_and_the_yaml_says_so(registry, tmp_path, request_of, monkeypatch):
    names = [f"model_{number}" for number in range(MOST_EXAMINED + 1)]
    add_models(registry, tmp_path, names[0])
    source = registry.client.get_model_version_by_alias(names[0], "Champion")
    for name in names[1:]:
        registry.client.create_registered_model(name)
        version = registry.client.create_model_version(name, source.source, source.run_id)
        registry.client.set_registered_model_alias(name, "Champion", version.version)
        ROWS.to_parquet(tmp_path / "data" / f"{name}.parquet", index=False)
    examination = examine_models(request_of())
    assert (examination.examined, len(examination.found)) == (MOST_EXAMINED, MOST_EXAMINED + 1)
    assert "the first 10 were examined" in write_registry_yaml(examination)


def test_a_tag_needs_a_name():
    assert parse_tags(["serve=true", "team", "a=b=c"]) == {"serve": "true", "team": "*", "a": "b=c"}
    with pytest.raises(ConfigurationError, match="NAME=VALUE"):
        parse_tags(["=true"])
