"""What is proposed for `contract.missing`, read from fitted models."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from mlops_assets.models.missing_values import propose_missing

X = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0) % 3, "city": ["x", "y"] * 10})
Y = np.arange(20) % 2
TEXT_MISSING = X.assign(city=pd.Series(["x", None] * 10))


def branches(*parts):
    return make_pipeline(make_column_transformer(*parts), LogisticRegression())


IMPUTED = make_pipeline(SimpleImputer(), LogisticRegression())
INDICATED = make_union(SimpleImputer(), MissingIndicator(error_on_new=False))
ALLOWED = {
    "imputer": make_pipeline(SimpleImputer(), LogisticRegression()),
    "imputer after a scaler that passes NaN on": make_pipeline(StandardScaler(), KNNImputer(), LogisticRegression()),
    "histogram gradient boosting": HistGradientBoostingRegressor(),
    "forest": RandomForestClassifier(n_estimators=2),
    "scaled forest": make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=2)),
    "search": GridSearchCV(
        make_pipeline(SimpleImputer(), LogisticRegression()), {"logisticregression__C": [1.0]}, cv=2
    ),
    "union with an indicator": make_pipeline(INDICATED, LogisticRegression()),
    "stack": StackingClassifier([("h", RandomForestClassifier(n_estimators=2))], cv=2),
}
REFUSED = {
    "linear": LogisticRegression(),
    "scaled linear": make_pipeline(StandardScaler(), LogisticRegression()),
    "components": make_pipeline(PCA(1), RandomForestClassifier(n_estimators=2)),
    "classic gradient boosting": GradientBoostingClassifier(n_estimators=2),
    "monotonic forest": RandomForestClassifier(n_estimators=2, monotonic_cst=[1, 0]),
    "imputer of another value": make_pipeline(SimpleImputer(missing_values=-1), LogisticRegression()),
    "indicator of the columns that it knows": make_pipeline(MissingIndicator(), LogisticRegression()),
    "function": make_pipeline(FunctionTransformer(np.abs), LogisticRegression()),
}


@pytest.mark.parametrize("kind", ALLOWED)
def test_allowed(kind):
    model = ALLOWED[kind].fit(X[["a", "b"]], Y)
    holes = X[["a", "b"]].assign(a=np.nan)
    assert propose_missing(model).missing == "allow"
    assert len(model.predict(holes)) == 20, "and it is true"


@pytest.mark.parametrize("kind", REFUSED)
def test_refused(kind):
    holes = X[["a", "b"]].assign(a=np.where(Y, np.nan, 1.0)) if "indicator" in kind else X[["a", "b"]]
    proposal = propose_missing(REFUSED[kind].fit(holes, Y))
    assert proposal.missing == "reject"
    assert proposal.reason


def test_each_branch_counts_that_a_missing_value_enters():
    model = branches((SimpleImputer(), ["a", "b"]), (OneHotEncoder(), ["city"])).fit(X, Y)
    assert propose_missing(model).missing == "reject"
    assert "OneHotEncoder" in propose_missing(model).reason
    assert propose_missing(model, columns=["a"]).missing == "allow"
    assert propose_missing(model, columns=["a", "city"]).missing == "reject"


def test_an_encoder_that_has_seen_missing_text_or_ignores_it():
    seen = branches((SimpleImputer(), ["a", "b"]), (OneHotEncoder(), ["city"])).fit(TEXT_MISSING, Y)
    ignoring = branches((SimpleImputer(), ["a", "b"]), (OneHotEncoder(handle_unknown="ignore"), ["city"])).fit(X, Y)
    assert [propose_missing(model).missing for model in (seen, ignoring)] == ["allow", "allow"]


def test_text_is_required():
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["good", "bad"] * 10, Y)
    assert propose_missing(model).missing == "reject"


def test_boosters():
    import catboost
    import lightgbm
    import xgboost

    numbers = X[["a", "b"]]
    quiet = {"iterations": 2, "verbose": 0, "allow_writing_files": False}
    forest = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1, min_child_samples=2)
    cases = [
        (xgboost.XGBClassifier(n_estimators=2).fit(numbers, Y), "allow"),
        (xgboost.XGBClassifier(n_estimators=2).fit(numbers, Y).get_booster(), "allow"),
        (xgboost.XGBClassifier(n_estimators=2, missing=-1).fit(numbers, Y), "reject"),
        (xgboost.XGBClassifier(n_estimators=2, booster="gblinear").fit(numbers, Y), "reject"),
        (forest.fit(numbers, Y), "allow"),
        (forest.booster_, "allow"),
        (lightgbm.LGBMClassifier(n_estimators=2, verbose=-1, use_missing=False).fit(numbers, Y), "reject"),
        (catboost.CatBoostClassifier(**quiet).fit(numbers, Y), "allow"),
        (catboost.CatBoostClassifier(**quiet, nan_mode="Forbidden").fit(numbers, Y), "reject"),
        (catboost.CatBoostClassifier(**quiet, cat_features=["city"]).fit(X, Y), "reject"),
    ]
    assert [propose_missing(model).missing for model, _ in cases] == [expected for _, expected in cases]
    assert propose_missing(cases[-1][0], columns=["a"]).missing == "allow"
