"""Models made of models, labels, outliers and categories of text in the real graph: tables, checks, reasons."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier

from mlops_assets_tests.zoo.data import mixed, numbers, target

TRUSTED = {"trust": {"allow_pickle": True}}


def _numbers(model: Any, kind: str) -> tuple[Any, pd.DataFrame]:
    rows = numbers(60)
    return model.fit(rows, target(rows, kind)), rows


def _text() -> tuple[Any, pd.DataFrame]:
    rows = mixed(60)[["a", "city", "b"]]
    model = HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=5, categorical_features="from_dtype")
    return model.fit(rows, target(rows, "number")), rows.assign(city=rows["city"].astype(str))


FORESTS = {"n_estimators": 3, "max_depth": 3, "random_state": 0}
MODELS = {
    "vote": lambda: _numbers(
        VotingRegressor([("forest", RandomForestRegressor(**FORESTS)), ("ridge", Ridge())]), "number"
    ),
    "labels": lambda: _numbers(RandomForestClassifier(**FORESTS), "labels"),
    "texts": lambda: _numbers(RandomForestClassifier(**FORESTS), "several texts"),
    "outliers": lambda: _numbers(IsolationForest(n_estimators=5, random_state=0), "number"),
    "one against the rest": lambda: _numbers(OneVsRestClassifier(LogisticRegression()), "classes"),
    "text": _text,
}
EXPECTED = {
    "vote": ("SumExplainer", "identity", ["prediction"]),
    "labels": ("TreeExplainer", "probability", ["prediction_0:1", "prediction_1:1", "prediction_2:1"]),
    "texts": (
        "TreeExplainer",
        "probability",
        ["prediction_0:high", "prediction_0:low", "prediction_0:middle", "prediction_1:yes"],
    ),
    "outliers": ("TreeExplainer", "margin", [1]),
    "one against the rest": ("SumExplainer", "margin", ["high", "low", "middle"]),
    "text": ("TreeExplainer", "identity", ["prediction"]),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_check_passes_and_the_predictions_are_those_explained(name: str, registry, run) -> None:
    model, rows = MODELS[name]()
    registry.add_sklearn(model, rows, serialization_format="cloudpickle")
    done = run(rows, **TRUSTED)
    assert done.success, done.error()
    kind, space, outputs = EXPECTED[name]
    about = done.metadata("sample_explanations")
    assert (about["explainer"], about["space"]) == (kind, space)
    ledger = done.table("sample_explanations")
    assert list(dict.fromkeys(ledger["output"])) == outputs
    checks = {check.check_name: check for check in done.result.get_asset_check_evaluations()}
    assert [check.check_name for check in checks.values() if not check.passed] == []
    compared = checks["explains_the_stored_prediction"].metadata
    assert compared["different_rows"].value == 0
    assert compared["rows"].value == len(rows)
    total = ledger["base_value"] + ledger.filter(like="shap_").sum(axis=1)
    np.testing.assert_allclose(total, ledger["explained_value"], atol=1e-12)


def test_an_outlier_is_what_the_sign_of_the_ledger_says(registry, run) -> None:
    model, rows = MODELS["outliers"]()
    registry.add_sklearn(model, rows, serialization_format="cloudpickle")
    done = run(rows, **TRUSTED)
    signs = np.where(done.table("sample_explanations")["explained_value"] < 0, -1, 1)
    assert signs.tolist() == done.table("predictions")["prediction"].tolist()
    assert -1 in signs
