"""scikit-learn's models on what tables hold: optional booleans and integers, arrays, columns in another order."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import Schema, TensorSpec
from sklearn import ensemble as e
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_assets.trees.arrays import Space
from mlops_assets_tests.zoo.case import Case, Fitted
from mlops_assets_tests.zoo.data import numbers, target
from mlops_assets_tests.zoo.games import Game
from mlops_assets_tests.zoo.sklearn_games import forest_game
from mlops_assets_tests.zoo.sklearn_trees import FEW, LIBRARY, margin_of

OPTIONAL = "optional booleans and integers with missing values"
ARRAYS = "models that are signed with an array"
ORDER = "tables that list the columns in another order"

ASKED = 16


def _with_gaps() -> pd.DataFrame:
    """Doubles, an optional boolean and an optional integer, a fifth of them missing, as pandas holds them."""
    random = np.random.default_rng(0)
    rows = numbers(columns=2)
    gaps = random.random((len(rows), 2)) < 0.2
    member = pd.Series(random.random(len(rows)) > 0.5).astype("boolean").mask(gaps[:, 0])
    visits = pd.Series(random.integers(0, 9, len(rows))).astype("Int64").mask(gaps[:, 1])
    return rows.assign(member=member, visits=visits)


def _optional(model: Any, kind: str, ask: str) -> Fitted:
    """Fitted on floats with NaN; the table has optional booleans and integers."""
    rows = _with_gaps()
    floats = rows.astype("float64")
    fitted = model.fit(floats, target(floats, kind))

    def margin(asked: pd.DataFrame) -> np.ndarray:
        return margin_of(fitted, ask, asked.astype("float64"))

    return Fitted(fitted, rows, asked=rows.head(ASKED), margin=margin, signature=infer_signature(rows))


def _array(model: Any, kind: str, ask: str, names: bool = False) -> Fitted:
    """Fitted and signed with an array; the table has one column per column of it."""
    rows = numbers()
    fitted = model.fit(rows if names else rows.to_numpy(), target(rows, kind))
    signature = ModelSignature(Schema([TensorSpec(np.dtype("float64"), (-1, rows.shape[1]))]))

    def margin(asked: pd.DataFrame) -> np.ndarray:
        named = asked.set_axis(rows.columns, axis=1)
        return margin_of(fitted, ask, named) if names else margin_of(fitted, ask, asked.to_numpy())

    asked = rows.head(ASKED).set_axis(["one", "two", "three", "four"], axis=1)
    return Fitted(fitted, rows, asked=asked, margin=margin, signature=signature)


def _turned(model: Any, kind: str, ask: str) -> Fitted:
    rows = numbers()
    fitted = model.fit(rows[["c", "a", "d", "b"]], target(rows, kind))

    def margin(asked: pd.DataFrame) -> np.ndarray:
        return margin_of(fitted, ask, asked[["c", "a", "d", "b"]])

    def game(judged: pd.DataFrame) -> Game:
        return forest_game(fitted, judged[["c", "a", "d", "b"]])

    return Fitted(fitted, rows[["c", "a", "d", "b"]], asked=rows.head(ASKED), margin=margin, game=game)


def case(
    name: str, family: str, space: Space, fit: Any, *what: Any, explainer: str = "TreeExplainer", **more: Any
) -> Case:
    """An exact case."""
    return Case(name, LIBRARY, family, partial(fit, *what, **more), "exact", explainer, space)


HISTOGRAM = partial(e.HistGradientBoostingRegressor, max_iter=4, min_samples_leaf=5)

CASES: tuple[Case, ...] = (
    case("optional values, histogram boosting", OPTIONAL, "identity", _optional, HISTOGRAM(), "number", "predict"),
    case("optional values, random forest", OPTIONAL, "identity", _optional, e.RandomForestRegressor(**FEW), "number",
         "predict"),
    case("optional values, extra trees, classes", OPTIONAL, "probability", _optional, e.ExtraTreesClassifier(**FEW),
         "classes", "predict_proba"),
    case("optional values, imputed, ridge", OPTIONAL, "identity", _optional, make_pipeline(SimpleImputer(), Ridge()),
         "number", "predict", explainer="LinearExplainer"),
    case("optional values, voting", OPTIONAL, "identity", _optional,
         e.VotingRegressor([("forest", e.RandomForestRegressor(**FEW)), ("boosting", HISTOGRAM())]), "number",
         "predict", explainer="SumExplainer"),
    case("array, random forest", ARRAYS, "identity", _array, e.RandomForestRegressor(**FEW), "number", "predict"),
    case("array, boosting, classes", ARRAYS, "softmax margin", _array,
         e.GradientBoostingClassifier(n_estimators=4), "classes", "decision_function"),
    case("array, histogram boosting, binary", ARRAYS, "log-odds", _array,
         e.HistGradientBoostingClassifier(max_iter=4), "binary", "decision_function"),
    case("array, logistic regression behind a scaler", ARRAYS, "log-odds", _array,
         make_pipeline(StandardScaler(), LogisticRegression()), "binary", "decision_function",
         explainer="LinearExplainer"),
    case("array, fitted on names", ARRAYS, "identity", _array, e.ExtraTreesRegressor(**FEW), "number", "predict",
         names=True),
    case("array, voting", ARRAYS, "identity", _array,
         e.VotingRegressor([("ridge", Ridge()), ("forest", e.RandomForestRegressor(**FEW))]), "number", "predict",
         explainer="SumExplainer"),
    case("another order of columns", ORDER, "identity", _turned, e.RandomForestRegressor(**FEW), "number", "predict"),
)  # fmt: skip
