"""`explain.space` in a real family: in the YAML, per run, and where it cannot be had."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

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
