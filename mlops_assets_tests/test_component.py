"""The component: several models side by side, plain Python, the user's own assets and strategies."""

import dagster as dg
import mlflow.pyfunc
import pandas as pd
import pytest
from dagster.components.testing import create_defs_folder_sandbox
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from mlops_assets.component import MlflowModelComponent, build_model_definitions
from mlops_assets.resources.defaults import default_resources


@pytest.fixture
def iris(registry):
    features, target = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=500).fit(features, target)
    registry.add_sklearn(model, features)
    return features, model


def family(model: str, root, **settings) -> dg.Definitions:
    return build_model_definitions(
        model, root, **{"inputs": {"path": "in.parquet"}, "outputs": {"path": f"tables/{model}"}, **settings}
    )


def test_two_models_in_one_code_location(tmp_path):
    both = dg.Definitions.merge(
        family("one", tmp_path), family("two", tmp_path), dg.Definitions(resources=default_resources(tmp_path))
    )
    dg.Definitions.validate_loadable(both)
    keys = {key.to_user_string() for key in both.resolve_asset_graph().get_all_asset_keys()}
    assert {"one/predictions", "two/predictions"} <= keys
    assert len(keys) == 20


class WithAMarker(MlflowModelComponent):
    """A user's own component: what `definitions` adds is there whichever way it is loaded."""

    def definitions(self, root=None) -> dg.Definitions:
        return dg.Definitions.merge(super().definitions(root), dg.Definitions(assets=[dg.AssetSpec("marker")]))


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_a_subclass_that_adds_to_its_definitions_does_so_in_yaml_too(tmp_path):
    """Beside it another model, with which it shares the sensor that looks after dead runs."""
    with create_defs_folder_sandbox() as sandbox:
        for kind, model in ((f"{__name__}.WithAMarker", "one"), ("mlops_assets.MlflowModelComponent", "two")):
            folder = sandbox.defs_folder_path / model
            folder.mkdir(parents=True)
            inputs = "{path: in.parquet}"
            text = f"type: {kind}\nattributes: {{model: {model}, inputs: {inputs}}}\n"
            (folder / "defs.yaml").write_text(text)
        with sandbox.build_all_defs() as loaded:
            assert dg.AssetKey("marker") in loaded.resolve_asset_graph().get_all_asset_keys()
            assert [each.name for each in loaded.sensors if "dead" in each.name] == ["mlops_assets_dead_runs"]
    python = WithAMarker.model_validate({"model": "one", "inputs": {"path": "in.parquet"}}).definitions(tmp_path)
    assert [each.name for each in python.sensors if "dead" in each.name] == ["one_dead_runs"]


def test_a_model_name_that_is_no_identifier(tmp_path):
    odd = dg.Definitions.merge(
        family("main.sales-models.churn v2", tmp_path), dg.Definitions(resources=default_resources(tmp_path))
    )
    dg.Definitions.validate_loadable(odd)
    assert odd.resolve_job_def("main_sales_models_churn_v2_inference_job")
    assert dg.AssetKey(["main.sales-models.churn_v2", "predictions"]) in odd.resolve_asset_graph().get_all_asset_keys()


def test_inputs_may_be_the_users_own_asset(iris, run):
    features, model = iris

    @dg.asset(key=["warehouse", "flowers"])
    def flowers() -> pd.DataFrame:
        return features.set_index(pd.Index([f"f{n}" for n in range(150)], name="flower"))

    done = run(
        {"asset": "warehouse/flowers"},
        extra=dg.Definitions(assets=[flowers], jobs=[dg.define_asset_job("m_own_job", selection="*")]),
        job="own",
    )
    assert done.success
    predictions = done.table("predictions")
    assert predictions["flower"].tolist() == [f"f{n}" for n in range(150)]
    assert predictions["prediction"].tolist() == model.predict(features).tolist()


def test_another_asset_reads_a_table_as_it_annotates(iris, run):
    import pyarrow as pa
    import pyarrow.dataset as ds

    seen = {}

    @dg.asset(ins={"table": dg.AssetIn(key=["m", "predictions"])})
    def eager(table: pd.DataFrame) -> None:
        seen["pandas"] = (type(table).__name__, len(table))

    @dg.asset(ins={"table": dg.AssetIn(key=["m", "predictions"], metadata={"columns": ["prediction"], "limit": 3})})
    def selected(table: pa.Table) -> None:
        seen["arrow"] = (table.column_names, table.num_rows)

    @dg.asset(ins={"table": dg.AssetIn(key=["m", "predictions"])})
    def lazy(table: ds.Dataset) -> None:
        seen["dataset"] = (isinstance(table, ds.Dataset), table.count_rows())

    extra = dg.Definitions(assets=[eager, selected, lazy], jobs=[dg.define_asset_job("m_all_job", selection="*")])
    assert run(iris[0], extra=extra, job="all").success
    assert seen == {"pandas": ("DataFrame", 150), "arrow": (["prediction"], 3), "dataset": (True, 150)}


def test_another_assets_own_job_has_what_reads_the_table(iris, run):
    """The reader comes with the model's assets; a job that makes none of them reads one all the same."""
    seen = []

    @dg.asset(ins={"table": dg.AssetIn(key=["m", "predictions"])})
    def report(table: pd.DataFrame) -> None:
        seen.append(len(table))

    extra = dg.Definitions(assets=[report], jobs=[dg.define_asset_job("m_report_job", selection=[report])])
    assert run(iris[0], extra=extra, job="inference").success
    assert run(iris[0], extra=extra, job="report").success
    assert seen == [150]


def test_csv_in_and_csv_out_keep_keys_and_types(iris, run, tmp_path):
    features, model = iris
    features.assign(flower=[f"00{n}" for n in range(150)]).to_csv(tmp_path / "in.csv", index=False)
    done = run({"path": "in.csv", "row_key": ["flower"]}, outputs={"path": "tables", "format": "csv"})
    assert done.success
    predictions = pd.read_csv(tmp_path / "tables" / "predictions.csv", dtype={"flower": str})
    assert predictions["flower"].tolist() == [f"00{n}" for n in range(150)]
    assert predictions["prediction"].tolist() == model.predict(features).tolist()


def test_json_lines_in(iris, run, tmp_path):
    features, model = iris
    features.assign(flower=range(150)).to_json(tmp_path / "in.jsonl", orient="records", lines=True)
    done = run({"path": "in.jsonl", "row_key": ["flower"]}, job="inference")
    assert done.success
    assert done.table("predictions")["prediction"].tolist() == model.predict(features).tolist()


def test_a_url_in_and_a_url_out(iris, run):
    import fsspec

    features, model = iris
    with fsspec.open("memory://bucket/in.parquet", "wb") as file:
        features.to_parquet(file)
    done = run({"path": "memory://bucket/in.parquet"}, outputs={"path": "memory://bucket/tables"}, job="inference")
    assert done.success
    with fsspec.open("memory://bucket/tables/predictions.parquet", "rb") as file:
        assert pd.read_parquet(file)["prediction"].tolist() == model.predict(features).tolist()


def test_a_users_own_signer_and_loader_by_name(iris, registry, run, tmp_path, monkeypatch):
    (tmp_path / "my_strategies.py").write_text(
        """
from mlops_assets import InferSigner, Loader
from mlops_assets.models.load import load_by_flavor

class MySigner(InferSigner):
    note: str = ""

    def sign(self, inputs, outputs=None, params=None):
        (__import__("pathlib").Path(__file__).parent / "signed").write_text(self.note)
        return super().sign(inputs, outputs, params)

class MyLoader(Loader):
    def load(self, folder, reference):
        (__import__("pathlib").Path(__file__).parent / "loaded").touch()
        return load_by_flavor(folder, reference)
"""
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    features, model = iris
    registry.add_sklearn(model, features, signature=None)
    done = run(
        features,
        job="inference",
        signer={"KIND": "my_strategies.MySigner", "note": "by me"},
        loader={"KIND": "my_strategies.MyLoader"},
    )
    assert done.success
    assert (tmp_path / "signed").read_text() == "by me"
    assert (tmp_path / "loaded").exists()
    assert not done.checks["champion_model", "has_signature"].passed
    assert done.metadata("model_signature")["origin"].startswith("made by MySigner")


class TakesAnything(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [0.0] * len(model_input)


def test_a_column_that_cannot_be_signed_is_named(iris, registry, run):
    features, _ = iris
    registry.add_pyfunc(TakesAnything())
    odd = features.assign(waited=pd.to_timedelta(range(150), unit="s"))
    done = run(odd, job="inference", trust={"allow_pickle": True})
    assert not done.success
    assert "waited" in done.error()


def test_a_column_that_cannot_be_signed_is_passed_over_where_the_model_was_not_fitted_on_it(iris, registry, run):
    features, model = iris
    registry.add_sklearn(model, features, signature=None)
    done = run(features.assign(waited=pd.to_timedelta(range(150), unit="s")), job="inference")
    assert done.success
    assert done.table("predictions")["prediction"].tolist() == model.predict(features).tolist()


def test_secrets_in_storage_options_are_not_in_the_snapshot(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "canary-4711")
    options = {"path": "s3://b/t", "storage_options": {"secret": {"env": "MY_TOKEN"}}}
    definitions = dg.Definitions.merge(
        family("m", tmp_path, outputs=options), dg.Definitions(resources=default_resources(tmp_path))
    )
    snapshot = repr(definitions.get_repository_def().get_top_level_resources())
    assert "canary-4711" not in snapshot
    from mlops_assets.settings.environment import from_environment

    assert from_environment(options["storage_options"]) == {"secret": "canary-4711"}


def test_a_blocking_failure_stops_what_comes_after(iris, run):
    """No rows: `not_empty` fails, and nothing is predicted or explained."""
    done = run(iris[0].head(0), row_key=None)
    assert not done.success
    assert not done.checks["input_samples", "not_empty"].passed
    materialized = {event.asset_key.path[-1] for event in done.result.get_asset_materialization_events()}
    assert materialized == {"champion_model", "model_signature", "rejected_samples", "input_samples"}


def test_a_blocking_failure_says_why_where_a_person_reads_it(iris, run):
    """The error of the step, which the terminal, the run's page and a notification show, holds the check's reason."""
    done = run(iris[0].head(0), row_key=None)
    assert "The check not_empty failed (asset m/input_samples). No row was accepted." in done.error()
    assert "the table that inputs names has no rows" in done.error()
