"""The whole graph on real models: predictions are the model's own, every row is explained, every check passes."""

import json

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ASSETS = {
    "champion_model",
    "model_signature",
    "input_samples",
    "rejected_samples",
    "predictions",
    "sample_explanations",
    "model_explanations",
    "explanation_report",
}


def iris() -> tuple[pd.DataFrame, pd.Series]:
    return load_iris(return_X_y=True, as_frame=True)


def diabetes() -> tuple[pd.DataFrame, pd.Series]:
    return load_diabetes(return_X_y=True, as_frame=True)


def cancer() -> tuple[pd.DataFrame, pd.Series]:
    features, target = load_breast_cancer(return_X_y=True, as_frame=True)
    return features.iloc[:200, :8], target[:200]


def mixed() -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "city": rng.choice(["Oslo", "Rome", "Kyiv"], 120),
            "age": rng.integers(18, 90, 120).astype("int64"),
            "income": rng.normal(50_000, 9_000, 120),
        }
    )
    return frame, pd.Series((frame.age > 50).to_numpy() ^ (frame.city == "Rome").to_numpy()).astype("int64")


def one_hot_pipeline():
    columns = ColumnTransformer([("city", OneHotEncoder(), ["city"]), ("numbers", StandardScaler(), ["age", "income"])])
    return make_pipeline(columns, LogisticRegression())


MODELS = {
    "pipeline with one-hot, binary": (one_hot_pipeline(), mixed, 1, "LinearExplainer"),
    "linear, regression": (LinearRegression(), diabetes, 1, "LinearExplainer"),
    "forest, multiclass": (RandomForestClassifier(10, max_depth=4, random_state=0), iris, 3, "TreeExplainer"),
    "gradient boosting, regression": (GradientBoostingRegressor(n_estimators=10), diabetes, 1, "TreeExplainer"),
    "histogram boosting, binary": (HistGradientBoostingClassifier(max_iter=8), cancer, 1, "TreeExplainer"),
}


@pytest.mark.parametrize("name", list(MODELS))
def test_predictions_are_the_models_own_and_every_row_is_explained(name, registry, run):
    model, data, outputs, explainer = MODELS[name]
    features, target = data()
    model.fit(features, target)
    registry.add_sklearn(model, features)
    keys = [f"row-{number}" for number in range(len(features))]
    done = run(features.assign(key=keys), row_key=["key"])

    assert done.success
    # Only explainers that compare rows with others have a background.
    background = {"sample_explanations_background"} if explainer == "LinearExplainer" else set()
    materialized = {event.asset_key.path[-1] for event in done.result.get_asset_materialization_events()}
    assert materialized == ASSETS | background
    failed = [check for check, found in done.checks.items() if not found.passed]
    assert failed == []
    predictions = done.table("predictions")
    assert predictions["key"].tolist() == keys
    np.testing.assert_array_equal(predictions["prediction"], model.predict(features))
    assert predictions["model_version"].unique().tolist() == [1]

    ledger = done.table("sample_explanations")
    assert len(ledger) == len(features) * outputs
    assert ledger["key"].tolist() == [key for key in keys for _ in range(outputs)]
    assert done.metadata("sample_explanations")["explainer"] == explainer
    shap_columns = [f"shap_{column}" for column in features.columns]
    np.testing.assert_allclose(
        ledger["base_value"] + ledger[shap_columns].sum(axis=1) + ledger["residual"],
        ledger["explained_value"],
        rtol=1e-12,
    )
    assert ledger["residual"].abs().max() < 1e-6

    summary = done.table("model_explanations")
    assert len(summary) == len(features.columns) * outputs
    first = summary[summary["output"] == summary["output"].iloc[0]]
    assert sorted(first["rank"]) == list(range(1, len(features.columns) + 1))
    own = ledger[ledger["output"] == first["output"].iloc[0]]
    for row in first.itertuples():
        assert row.mean_abs_shap == pytest.approx(own[f"shap_{row.feature}"].abs().mean(), rel=1e-9)


def test_a_rerun_gives_the_same_bytes_and_data_versions(registry, run):
    features, target = iris()
    registry.add_sklearn(RandomForestClassifier(5, max_depth=3, random_state=0).fit(features, target), features)
    first = run(features.rename_axis("flower"))
    bytes_before = {path.name: path.read_bytes() for path in first.tables.iterdir()}
    versions_before = data_versions(first.result)
    second = run(features.rename_axis("flower"))

    assert {path.name: path.read_bytes() for path in second.tables.iterdir()} == bytes_before
    assert data_versions(second.result) == versions_before
    assert len(versions_before) == len(ASSETS)


def data_versions(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    return {
        event.asset_key.path[-1]: event.materialization.tags["dagster/data_version"]
        for event in result.get_asset_materialization_events()
    }


def test_without_a_key_rows_get_a_number(registry, run):
    features, target = iris()
    registry.add_sklearn(LogisticRegression(max_iter=500).fit(features, target), features)
    done = run(features, job="inference")
    assert done.table("predictions")["row_number"].tolist() == list(range(150))


def test_a_stored_pandas_index_is_the_key(registry, run):
    features, target = iris()
    registry.add_sklearn(LogisticRegression(max_iter=500).fit(features, target), features)
    done = run(features.set_index(pd.Index([f"i{n}" for n in range(150)], name="flower")), job="inference")
    assert done.table("predictions")["flower"].tolist() == [f"i{n}" for n in range(150)]


@pytest.mark.fast
def test_probabilities_and_their_explanations_agree(registry, run):
    features, target = cancer()
    model = RandomForestClassifier(5, max_depth=3, random_state=0).fit(features, target)
    registry.add_sklearn(model, features)
    done = run(features, config={"m__predictions": {"config": {"predict_method": "predict_proba"}}})
    assert done.success
    predictions = done.table("predictions")
    np.testing.assert_array_equal(predictions[["probability_0", "probability_1"]], model.predict_proba(features))
    np.testing.assert_allclose(
        done.table("sample_explanations")["explained_value"], predictions["probability_1"], atol=1e-12
    )
    assert (
        done.checks["sample_explanations", "explains_the_stored_prediction"].metadata["compared"].value == "the numbers"
    )


def test_a_run_can_name_a_version_instead_of_the_alias(registry, run):
    features, target = iris()
    model = LogisticRegression(max_iter=500).fit(features, target)
    registry.add_sklearn(model, features)
    registry.add_sklearn(model, features)
    assert run(features, job="inference").metadata("champion_model")["version"] == 2
    done = run(features, job="inference", config={"m__champion_model": {"config": {"version": 1}}})
    assert done.metadata("champion_model")["version"] == 1


def test_only_the_first_rows_are_explained_when_limited(registry, run):
    features, target = iris()
    registry.add_sklearn(RandomForestClassifier(5, max_depth=3, random_state=0).fit(features, target), features)
    done = run(features, explain={"limit": 7})
    assert done.success
    assert len(done.table("predictions")) == 150
    assert done.table("sample_explanations")["row_number"].unique().tolist() == list(range(7))
    assert done.checks["sample_explanations", "one_row_per_prediction"].passed


def test_the_standard_metadata_is_there(registry, run):
    features, target = diabetes()
    registry.add_sklearn(LinearRegression().fit(features, target), features)
    done = run(features)
    for name in ASSETS - {"champion_model", "model_signature", "explanation_report"}:
        told = done.metadata(name)
        assert told["dagster/row_count"] == len(done.table(name))
        assert [column.name for column in told["dagster/column_schema"].columns] == list(done.table(name).columns)
        assert all(column.description for column in told["dagster/column_schema"].columns), name
        assert told["dagster/uri"].endswith(f"{name}.parquet")
    told = done.metadata("predictions")
    assert told["prediction/mean"] == pytest.approx(done.table("predictions")["prediction"].mean())
    assert [row.data["column"] for row in told["statistics"].records] == ["prediction"]
    assert json.loads(told["statistics_exact"])["prediction/std"] == pytest.approx(
        done.table("predictions")["prediction"].std(ddof=0)
    )
    columns = {column.name: column for column in done.metadata("sample_explanations")["dagster/column_schema"].columns}
    assert columns["shap_bmi"].description.endswith("Unit: identity.")
    lineage = told["dagster/column_lineage"].deps_by_column
    assert {dep.column_name for dep in lineage["prediction"]} == set(features.columns)
    lineage = done.metadata("sample_explanations")["dagster/column_lineage"].deps_by_column
    assert {dep.column_name for dep in lineage["shap_bmi"]} == set(features.columns)
    told = done.metadata("model_explanations")
    assert told["summary_plot"].startswith("![")
    assert len(told["summary_plot"]) < 120_000
    assert len(told["top_features"].records if hasattr(told["top_features"], "records") else told["top_features"]) == 10
    assert done.metadata("champion_model")["alias"] == "Champion"
