"""Receipts and decisions without Dagster, MLflow and the model's library: the same story, and as strict."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import skops.io
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import mlops_assets
from mlops_assets.cli import main
from mlops_assets.code_location.find_location import find_code_location
from mlops_assets.code_location.light_model import SETTINGS, find_light_model
from mlops_assets.code_location.open_location import open_code_location
from mlops_assets.commands import decision as decision_command
from mlops_assets.commands import verify as verify_command
from mlops_assets.models.cache import ModelCache
from mlops_assets.models.light.errors import NotLightError
from mlops_assets.models.light.skops_trees import read_plain_trees
from mlops_assets.models.light.sqlite_registry import SqliteRegistry, read_version
from mlops_assets.models.trust import TRUSTED_TYPES
from mlops_assets.resources.defaults import default_resources
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.scaffold.write_project import find_or_plan_project
from mlops_assets.settings.model import ModelSettings
from mlops_assets_tests.conftest import save_sklearn

HEAVY = (
    *("dagster", "dagster_shared", "mlflow", "sqlalchemy", "alembic", "sklearn", "scipy", "skops"),
    *("numba", "shap", "matplotlib", "lightgbm", "xgboost", "catboost"),
)
YAML = """
type: mlops_assets.MlflowModelComponent
attributes:
  model: m
  inputs: {path: inputs.parquet, row_key: [flower]}
  outputs: {path: tables}
"""
FEW = {"random_state": 0, "max_depth": 2}
MODELS = {
    "forest": RandomForestClassifier(5, **FEW),
    "extra trees": ExtraTreesClassifier(5, **FEW),
    "a tree": DecisionTreeClassifier(**FEW),
    "boosting": GradientBoostingClassifier(n_estimators=5, **FEW),
    "histograms": HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=3),
}
BINARY = {
    "forest": RandomForestClassifier(5, **FEW),
    "boosting": GradientBoostingClassifier(n_estimators=5, **FEW),
    "exponential boosting": GradientBoostingClassifier(n_estimators=5, loss="exponential", **FEW),
    "boosting from zero": GradientBoostingClassifier(n_estimators=5, init="zero", **FEW),
    "histograms": HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=3),
}
NUMBERS = {
    "forest": RandomForestRegressor(5, **FEW),
    "boosting": GradientBoostingRegressor(n_estimators=5, **FEW),
    "boosting of quantiles": GradientBoostingRegressor(n_estimators=5, loss="quantile", alpha=0.7, **FEW),
    "histograms": HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=3),
    "histograms of counts": HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=3, loss="poisson"),
}


@pytest.fixture
def iris():
    features, target = load_iris(return_X_y=True, as_frame=True)
    features.columns = ["a", "b", "c", "d"]
    return features.set_index(pd.Index([f"f{n}" for n in range(150)], name="flower")), target.to_numpy()


@pytest.fixture
def project(tmp_path, registry, monkeypatch):
    """A project as `mlops-assets init` writes it, on the tables and the registry of the other fixtures."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for name in [name for name in sys.modules if name.partition(".")[0] == "light_project"]:
        monkeypatch.delitem(sys.modules, name)
    written = tmp_path / "written" / "light_project"
    written.mkdir(parents=True)
    find_or_plan_project(written).write()
    for path in list(written.iterdir()):
        path.rename(tmp_path / path.name)
    (tmp_path / "light_project" / "defs" / "m").mkdir()
    (tmp_path / "light_project" / "defs" / "m" / "defs.yaml").write_text(YAML, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    return tmp_path


def light_model(model="m"):
    with open_code_location() as location:
        return find_light_model(location, model)


def refuse(*_):
    raise AssertionError("the usual way was taken")


@pytest.fixture
def lightly(monkeypatch):
    """The usual way is not to be taken."""
    monkeypatch.setattr(decision_command, "tell_by_definitions", refuse)
    monkeypatch.setattr(verify_command, "check_by_definitions", refuse)


def told(capsys, *arguments):
    return main([*arguments]), capsys.readouterr()


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        *((model, "classes") for model in MODELS.values()),
        *((model, "two classes") for model in BINARY.values()),
        *((model, "numbers") for model in NUMBERS.values()),
    ],
    ids=[*MODELS, *(f"{name}, two classes" for name in BINARY), *(f"{name}, numbers" for name in NUMBERS)],
)
def test_the_light_way_tells_the_same_story(model, kind, iris, registry, run, project, capsys, monkeypatch):
    features, target = iris
    target = {"classes": target, "two classes": np.where(target == 2, "late", "early"), "numbers": target + 0.5}[kind]
    for rows in (120, 150):
        chosen = np.random.default_rng(0).permutation(150)[:rows]
        registry.add_sklearn(model.fit(features.iloc[chosen], target[chosen]), features)
        assert run(features.head(60)).success
    command = ["decision", "m", "f57", "--json"]
    with monkeypatch.context() as patch:
        patch.setattr(decision_command, "tell_by_definitions", refuse)
        code, light = told(capsys, *command)
    assert code == 0
    monkeypatch.setattr(decision_command, "tell_lightly", lambda _: None)
    code, usual = told(capsys, *command)
    assert code == 0
    light, usual = json.loads(light.out), json.loads(usual.out)
    changes, others = light.pop("changes"), usual.pop("changes")
    assert light == usual
    assert len(changes) == len(others) > 0
    for change, other in zip(changes, others, strict=True):
        columns, same = change.pop("columns"), other.pop("columns")
        assert columns == pytest.approx(same, abs=1e-9)
        assert change == {
            name: pytest.approx(value, abs=1e-9) if isinstance(value, float) else value for name, value in other.items()
        }


def test_nothing_heavy_is_imported_on_the_light_way(iris, registry, run, project):
    features, target = iris
    for seed in (0, 1):
        model = GradientBoostingClassifier(n_estimators=5, max_depth=2, random_state=seed)
        registry.add_sklearn(model.fit(features, target), features)
        assert run(features.head(60), explain={"reasons": {"top": 2}}).success
    for command in (["decision", "m", "f57"], ["verify", "m", "f57"], ["journal", "m"]):
        code = (
            f"import sys; from mlops_assets.cli import main; ended = main({command!r}); "
            f"print([name for name in {HEAVY} if name in sys.modules], ended)"
        )
        root = str(Path(mlops_assets.__file__).parents[1])
        environment = os.environ | {"PYTHONPATH": root, "MLFLOW_TRACKING_URI": registry.uri}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=project, env=environment, check=False
        )
        assert done.stdout.splitlines()[-1:] == ["[] 0"], done.stderr


def test_a_changed_ledger_is_noticed(iris, registry, run, project, lightly, capsys):
    features, target = iris
    registry.add_sklearn(RandomForestClassifier(5, max_depth=3, random_state=0).fit(features, target), features)
    place = run(features.head(40)).tables / "sample_explanations.parquet"
    table = pq.read_table(place)
    column = table.schema.get_field_index("shap_c")
    forged = table["shap_c"].to_numpy().copy()
    forged[21] += 0.25
    pq.write_table(table.set_column(column, table.schema.field(column), [forged]), place)
    code, shown = told(capsys, "verify", "m", "f7")
    assert code == 1
    assert "NOT the same" in shown.out
    assert "shap_c" in shown.out
    assert told(capsys, "verify", "m", "f8")[0] == 0
    code, shown = told(capsys, "verify", "m", "f99")
    assert code == 1
    assert "no row flower=f99" in shown.err


def test_replaced_files_are_noticed(iris, registry, run, project, lightly, capsys):
    features, target = iris
    registry.add_sklearn(RandomForestClassifier(5, max_depth=3, random_state=0).fit(features, target), features)
    assert run(features.head(40)).success
    place = registry.folder / "models" / "0"
    other = RandomForestClassifier(5, max_depth=3, random_state=1).fit(features, target)
    save_sklearn(other, features, registry.folder / "other")
    (registry.folder / "other" / "model.skops").replace(place / "model.skops")
    code, shown = told(capsys, "verify", "m", "f7")
    assert code == 1
    assert "model_digest is" in shown.out


def test_the_trust_policy_is_asked(iris, registry, run, project, lightly, capsys):
    features, target = iris
    registry.add_sklearn(RandomForestClassifier(5, max_depth=3, random_state=0).fit(features, target), features)
    assert run(features.head(40)).success
    yaml = project / "light_project" / "defs" / "m" / "defs.yaml"
    for trust, reason in (
        ("{required_tags: {validated: 'yes'}}", "did not have the tags"),
        (f"{{pinned_digests: {{1: '{'0' * 64}'}}}}", "is pinned"),
        ("{allowed_flavors: [lightgbm]}", "is not allowed here"),
        ("{allowed_sources: [s3://models]}", "is not allowed here"),
    ):
        yaml.write_text(f"{YAML}  trust: {trust}\n")
        code, shown = told(capsys, "verify", "m", "f7")
        assert code == 1
        assert reason in shown.err


OTHER_WAYS = {
    "Python in the defs folder": {"light_project/defs/more.py": "import dagster as dg\n"},
    "definitions of their own": {"light_project/definitions.py": "import dagster as dg\ndefs = dg.Definitions()\n"},
    "a package that does something": {"light_project/__init__.py": "import os\nos.environ['X'] = '1'\n"},
    "another component": {"light_project/defs/n/defs.yaml": "type: theirs.Component\nattributes: {model: n}\n"},
    "post-processing": {"light_project/defs/n/defs.yaml": YAML + "post_processing: {assets: []}\n"},
    "a template": {"light_project/defs/m/defs.yaml": YAML + "  journal: {path: '{{ env.PLACE }}'}\n"},
    "a loader": {"light_project/defs/m/defs.yaml": YAML + "  loader: {KIND: theirs.Loader}\n"},
    "signatures": {"light_project/defs/m/defs.yaml": YAML + "  trust: {signatures: {key: key.pem}}\n"},
    "a wrong type": {"light_project/defs/m/defs.yaml": YAML + "  trust: {allow_pickle: 'no'}\n"},
    "an unknown key": {"light_project/defs/m/defs.yaml": YAML + "  turst: {allow_pickle: true}\n"},
    "CSV": {"light_project/defs/m/defs.yaml": YAML.replace("{path: tables}", "{path: tables, format: csv}")},
    "options of a store": {"light_project/defs/m/defs.yaml": YAML.replace("tables}", "tables, storage_options: {}}")},
    "broken YAML": {"light_project/defs/n/defs.yaml": "type: [\n"},
    "the name twice": {"light_project/defs/n/defs.yaml": YAML},
    "another file name": {"light_project/defs/n/component.yaml": YAML.replace("model: m", "model: n")},
}


@pytest.mark.parametrize("files", OTHER_WAYS.values(), ids=OTHER_WAYS)
def test_what_definitions_alone_know_takes_the_usual_way(files, project):
    assert light_model().names.model == "m"
    for name, text in files.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text, "utf-8")
    with pytest.raises(NotLightError):
        light_model()


def test_models_are_found_by_name_and_by_registered_model(project):
    challenger = YAML.replace("model: m", "model: other\n  name: challenger").replace("{path: tables}", "{}")
    (project / "light_project" / "defs" / "n").mkdir()
    (project / "light_project" / "defs" / "n" / "defs.yaml").write_text(challenger, "utf-8")
    by_name, by_model = light_model("challenger"), light_model("other")
    assert (by_name.names, by_name.tables) == (by_model.names, by_model.tables)
    assert by_name.tables.folder.address == str(project / "tables" / "challenger")
    with pytest.raises(NotLightError):
        light_model("n")


def test_another_model_takes_the_usual_way(iris, registry, run, project, capsys, monkeypatch):
    features, target = iris
    registry.add_sklearn(LogisticRegression(max_iter=1000).fit(features, target), features)
    assert run(features.head(40)).success
    calls = []
    usual = verify_command.check_by_definitions
    monkeypatch.setattr(verify_command, "check_by_definitions", lambda *given: calls.append(1) or usual(*given))
    assert told(capsys, "verify", "m", "f7")[0] == 0
    assert calls == [1]


def test_resources_are_those_of_the_graph(project, monkeypatch):
    """What a project without resources of its own gets from its definitions."""
    from mlops_assets.code_location.model_resources import open_model

    for uri in ("sqlite:////elsewhere/mlflow.db", None):
        if uri is None:
            monkeypatch.delenv("MLFLOW_TRACKING_URI")
        else:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        model = light_model()
        with open_model(None, "m", lambda names: {names.tables, names.champion_store}) as opened:
            of_graph: MlflowRegistry = opened.resources["mlflow_registry"]
            assert of_graph.address().tracking_uri == of_graph.address().registry_uri == model.registry_uri
            assert of_graph.address().limits == model.limits
            assert of_graph.cache.root == model.cache.root
            assert opened.resources[opened.names.champion_store].trust == model.trust
            assert opened.resources[opened.names.tables].folder == model.tables.folder
            assert opened.journal_resource.open() == model.journal
            assert opened.names == model.names
    assert find_code_location().folder == project
    assert default_resources(project)["mlflow_registry"].state == str(project / ".mlops_assets")


def test_a_registry_elsewhere_takes_the_usual_way(project, registry, monkeypatch):
    with pytest.raises(NotLightError):
        read_version("http://127.0.0.1:1", "m", 1)
    with pytest.raises(NotLightError):
        read_version(registry.uri, "m", 1)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "http://127.0.0.1:1")
    with pytest.raises(NotLightError):
        light_model()


def test_a_version_is_pinned_as_mlflow_has_it(iris, registry, tmp_path):
    import mlflow

    features, target = iris
    model = RandomForestClassifier(2, max_depth=2).fit(features, target)
    registry.add_sklearn(model, features)
    registry.client.set_model_version_tag("m", "1", "validated", "yes")
    # A version whose source is a logged model, as MLflow 3 registers it.
    mlflow.set_tracking_uri(registry.uri)
    with mlflow.start_run():
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            serialization_format="skops",
            skops_trusted_types=sorted(TRUSTED_TYPES),
            pip_requirements=["scikit-learn"],
        )
    registry.client.create_model_version("m", source=logged.model_uri, run_id=logged.run_id, model_id=logged.model_id)
    cache = ModelCache(tmp_path / "cache")
    for number in (1, 2):
        light = SqliteRegistry(registry.uri, read_version(registry.uri, "m", number))
        assert light.pin("m", number, cache) == registry.resource.address().pin("m", number, cache)
        version = registry.client.get_model_version("m", str(number))
        assert read_version(registry.uri, "m", number).tags == version.tags
    with pytest.raises(NotLightError):
        read_version(registry.uri, "m", 3)


def test_every_setting_of_a_model_is_known():
    keys = {field.alias or name for name, field in ModelSettings.model_fields.items()}
    assert keys == SETTINGS


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(max_iter=1000),
        HistGradientBoostingClassifier(max_iter=2, categorical_features=[3]),
        GradientBoostingClassifier(n_estimators=2, init=LogisticRegression(max_iter=1000)),
    ],
    ids=["linear", "categories", "boosting from another model"],
)
def test_other_models_are_not_read(model, iris, tmp_path):
    from mlops_assets.trees.errors import UnreadableTreesError
    from mlops_assets.trees.read import read_ensemble

    features, target = iris
    features = features.assign(d=np.round(features["d"]))
    skops.io.dump(model.fit(features, target), tmp_path / "model.skops")
    with pytest.raises((NotLightError, UnreadableTreesError)):
        read_ensemble(read_plain_trees(tmp_path / "model.skops"))
