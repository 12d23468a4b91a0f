"""`explain.space` in a real family: in the YAML, per run, and where it cannot be had."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import log_loss

from mlops_assets.cli import main

PER_RUN = {"m__sample_explanations": {"config": {"space": "probability"}}}
PERMUTATION = {"KIND": "PermutationExplainer", "background_rows": 10}


@pytest.fixture
def flowers(registry):
    """Fit and register a model of three classes; it, and some of its rows."""

    def fit(model):
        features, target = load_iris(return_X_y=True, as_frame=True)
        registry.add_sklearn(model.fit(features, target), features)
        return model, features.iloc[::10]

    return fit


@pytest.mark.parametrize("where", ["yaml", "run"])
def test_a_probability_that_can_be_had(where, flowers, run):
    model, rows = flowers(GradientBoostingClassifier(n_estimators=3, random_state=0))
    explain = PERMUTATION | ({"space": "probability"} if where == "yaml" else {})
    done = run(rows, explain=explain, config=PER_RUN if where == "run" else None)
    assert done.success
    ledger = done.table("sample_explanations")
    assert set(ledger["space"]) == {"probability"}
    found = ledger["base_value"] + ledger.filter(like="shap_").sum(axis=1)
    np.testing.assert_allclose(found.to_numpy().reshape(-1, 3), model.predict_proba(rows), atol=1e-9)
    assert done.metadata("sample_explanations")["space_meaning"].startswith("probability")


def test_null_in_the_run_config_takes_the_yaml_s_back(flowers, run):
    _, rows = flowers(GradientBoostingClassifier(n_estimators=3, random_state=0))
    config = {"m__sample_explanations": {"config": {"space": None}}}
    done = run(rows, explain={"space": "probability"}, config=config)
    assert done.success
    assert set(done.table("sample_explanations")["space"]) == {"softmax margin"}


def test_a_probability_that_cannot_be_had_ends_the_run_with_advice_that_works(flowers, run):
    _, rows = flowers(GradientBoostingClassifier(n_estimators=3, random_state=0))
    done = run(rows, explain={"space": "probability"})
    assert not done.result.success
    assert "explain.KIND: PermutationExplainer" in done.error()
    assert "models:/m/1" in done.error()
    assert run(rows, explain=PERMUTATION | {"space": "probability"}).success
    assert run(rows).success


def test_forests_are_in_probability_already(flowers, run):
    model, rows = flowers(RandomForestClassifier(3, random_state=0))
    done = run(rows, config=PER_RUN)
    assert done.metadata("sample_explanations")["explainer"] == "TreeExplainer"
    values = done.table("sample_explanations")["explained_value"].to_numpy().reshape(-1, 3)
    np.testing.assert_allclose(values, model.predict_proba(rows), atol=1e-12)


def test_another_space_is_refused_with_the_allowed_one(flowers, run):
    _, rows = flowers(RandomForestClassifier(3, random_state=0))
    with pytest.raises(Exception, match="probability"):
        run(rows, explain={"space": "log-odds"})


@pytest.fixture
def tumours(registry, tmp_path):
    """A registered model of two classes; its rows with the true answers, of which one is missing."""
    features, target = load_breast_cancer(return_X_y=True, as_frame=True)
    features = features.iloc[:, :6]
    model = GradientBoostingClassifier(n_estimators=5, random_state=0).fit(features, target)
    registry.add_sklearn(model, features)
    rows = features.assign(id=np.arange(len(features)), benign=target.astype("Int64")).iloc[:120]
    rows.loc[7, "benign"] = pd.NA
    return model, rows


LABELLED = {"path": "rows.parquet", "row_key": ["id"], "label": "benign"}


@pytest.mark.parametrize("where", ["yaml", "run"])
@pytest.mark.parametrize("columns", [None, 6])
def test_the_loss_against_the_label(where, columns, tumours, run, tmp_path):
    model, rows = tumours
    rows.to_parquet(tmp_path / "rows.parquet", index=False)
    names = [name for name in rows if name not in ("id", "benign")]
    inputs = LABELLED | ({"columns": names} if columns else {})
    done = run(
        inputs,
        explain={"space": "loss"} if where == "yaml" else {},
        config=None if where == "yaml" else {"m__sample_explanations": {"config": {"space": "loss"}}},
        monitor={},
    )
    assert done.success
    known = rows.dropna(subset="benign")
    predicted, ledger = done.table("predictions"), done.table("sample_explanations")
    assert len(predicted) == len(rows)
    assert ledger["id"].tolist() == known["id"].tolist()
    assert set(ledger["space"]) == {"log loss"}
    mean = log_loss(known["benign"].astype(int), model.predict_proba(known[names]))
    np.testing.assert_allclose(ledger["explained_value"].mean(), mean, rtol=1e-12)
    assert ledger["residual"].abs().max() < 1e-12
    assert list(done.table("input_samples")) == ["id", *names, "benign"]
    metadata = done.metadata("sample_explanations")
    assert metadata["selection"] == "rows with a benign"
    assert "loss" in metadata["space_meaning"]
    assert all(check.passed for check in done.checks.values()), [
        check.description for check in done.checks.values() if not check.passed
    ]
    report = (done.tables / "explanation_report.html").read_text("utf-8")
    assert "moves the loss: by" in report
    assert " nats on average" in report
    assert "Each loss is the base value, the mean loss of the background" in report
    assert "effect on the prediction" not in report
    observed = next(event for event in done.result.all_events if event.event_type_value == "ASSET_OBSERVATION")
    noted = observed.event_specific_data.asset_observation.metadata["dagster/column_schema"].value.columns
    assert {column.name: column.description for column in noted}["benign"].startswith("The true answer")
    assert "benign" not in set(done.table("model_explanations")["feature"])


def test_a_row_of_a_loss_is_explained_again(tumours, run, tmp_path, registry, monkeypatch, capsys):
    (tmp_path / "loss_location.py").write_text(
        f"""
from pathlib import Path
import dagster as dg
from mlops_assets import MlflowRegistry, build_model_definitions
root = Path({str(tmp_path)!r})
defs = dg.Definitions.merge(
    build_model_definitions("m", root, inputs={LABELLED!r}, outputs={{"path": "tables"}}, explain={{"space": "loss"}}),
    dg.Definitions(resources={{
        "mlflow_registry": MlflowRegistry(tracking_uri={registry.uri!r}, state=str(root / "state"))
    }}),
)
"""
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    _, rows = tumours
    rows.to_parquet(tmp_path / "rows.parquet", index=False)
    assert run(LABELLED, explain={"space": "loss"}).success
    assert main(["explain-receipt", "m", "11", "--module", "loss_location"]) == 0
    told = capsys.readouterr().out
    assert "the same as stored" in told
    assert "Output log_loss" in told


def test_a_filter_looks_at_the_loss_of_rows_with_a_label(tumours, run, tmp_path):
    _, rows = tumours
    rows.to_parquet(tmp_path / "rows.parquet", index=False)
    explain = {"space": "loss"}
    whole = run(LABELLED, explain=explain).table("sample_explanations")
    some = run(LABELLED, explain=explain | {"where": "explained_value > 0.5"}).table("sample_explanations")
    assert some["id"].tolist() == whole.loc[whole["explained_value"] > 0.5, "id"].tolist()
    assert 0 < len(some) < len(whole)


def test_labels_that_are_no_class_end_the_run_and_keep_their_values(tumours, run, tmp_path):
    _, rows = tumours
    rows.assign(benign="secret").to_parquet(tmp_path / "rows.parquet", index=False)
    done = run(LABELLED, explain={"space": "loss"})
    assert not done.result.success
    assert "none of the model's classes" in done.error()
    assert "secret" not in done.error()


def test_a_label_that_the_table_lacks_is_named(tumours, run, tmp_path):
    _, rows = tumours
    rows.to_parquet(tmp_path / "rows.parquet", index=False)
    done = run(LABELLED | {"label": "bening"}, explain={"space": "loss"})
    assert not done.result.success
    assert "'bening'" in done.error()
    assert "did you mean 'benign'" in done.error()


def test_a_run_cannot_ask_for_a_loss_without_a_label(tumours, run, tmp_path):
    _, rows = tumours
    rows.to_parquet(tmp_path / "rows.parquet", index=False)
    config = {"m__sample_explanations": {"config": {"space": "loss"}}}
    done = run({"path": "rows.parquet", "row_key": ["id"]}, config=config)
    assert not done.result.success
    assert "inputs: {label: COLUMN}" in done.error()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"inputs": {"path": "rows.parquet"}, "explain": {"space": "loss"}}, "inputs.label"),
        ({"inputs": LABELLED, "explain": {"space": "loss", "reasons": {}}}, "explain.reasons"),
        ({"inputs": LABELLED, "explain": {"space": "loss", "changes": {}}}, "explain.changes"),
        ({"inputs": LABELLED, "explain": {"space": "loss", "interactions": 2}}, "explain.interactions"),
        ({"inputs": LABELLED, "explain": {"space": "loss", "mode": "path_dependent"}}, "explain.mode"),
    ],
)
def test_what_does_not_go_with_a_loss_is_refused_when_definitions_load(settings, named, tmp_path):
    from mlops_assets.component import build_model_definitions

    with pytest.raises(Exception, match=named):
        build_model_definitions("m", tmp_path, **settings)
