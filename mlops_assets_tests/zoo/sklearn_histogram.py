"""scikit-learn's histogram gradient boosting: losses, constraints, categories of numbers and of text."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from mlops_assets.trees.arrays import Space
from mlops_assets_tests.zoo.case import Case, Fitted
from mlops_assets_tests.zoo.data import mixed, target
from mlops_assets_tests.zoo.games import Game
from mlops_assets_tests.zoo.sklearn_trees import BOOSTED_CLASSES, BOOSTING, LIBRARY, case, margin_of

FEW: dict[str, Any] = {"max_iter": 4, "max_leaf_nodes": 8, "min_samples_leaf": 5, "random_state": 0}
TEXT = "histogram boosting with categories of text"


def histogram_game(model: Any, rows: pd.DataFrame) -> Game:
    """The path-dependent game of fitted HistGradientBoosting* on what its own preprocessor makes of rows."""
    X = np.asarray(model._preprocess_X(rows, reset=False))  # noqa: SLF001 - the referee reads what the model reads
    known_bits, known_row = model._bin_mapper.make_known_categories_bitsets()  # noqa: SLF001 - as above
    names = list(rows.columns)
    if model.is_categorical_ is None:
        order = list(range(len(names)))
    else:
        order = [*np.flatnonzero(model.is_categorical_), *np.flatnonzero(~model.is_categorical_)]
    place = {int(column): position for position, column in enumerate(order)}

    def goes_left(predictor: Any, node: Any, value: float) -> bool:
        missing_left = bool(node["missing_go_to_left"])
        if np.isnan(value):
            return missing_left
        if not node["is_categorical"]:
            return bool(value <= node["num_threshold"])
        code = int(value)

        def holds(bits: Any) -> bool:
            return bool(int(bits[code // 32]) >> (code % 32) & 1)

        if holds(predictor.raw_left_cat_bitsets[node["bitset_idx"]]):
            return True
        return missing_left and not holds(known_bits[known_row[node["feature_idx"]]])

    def descend(predictor: Any, index: int, row: np.ndarray, known: frozenset[int]) -> float:
        node = predictor.nodes[index]
        if node["is_leaf"]:
            return float(node["value"])
        left, right = int(node["left"]), int(node["right"])
        if int(node["feature_idx"]) in known:
            chosen = left if goes_left(predictor, node, row[node["feature_idx"]]) else right
            return descend(predictor, chosen, row, known)
        one, two = (float(predictor.nodes[child]["count"]) for child in (left, right))
        rest = two * descend(predictor, right, row, known)
        return (one * descend(predictor, left, row, known) + rest) / (one + two)

    def worth(known: frozenset[int]) -> np.ndarray:
        inner = frozenset(place[column] for column in known)
        result = np.tile(np.asarray(model._baseline_prediction, float).reshape(1, -1), (len(X), 1))  # noqa: SLF001
        for stage in model._predictors:  # noqa: SLF001 - no public way
            for output, predictor in enumerate(stage):
                result[:, output] += [descend(predictor, 0, row, inner) for row in X]
        return result

    return Game(worth, len(names))


def histogram(name: str, family: str, space: Space, model: Any, kind: str, ask: str, **more: Any) -> Case:
    """A case that is judged by the model's own nodes."""
    return case(name, family, space, model, kind, ask, referee=histogram_game, **more)


def _with_text(model: Any, kind: str, ask: str, *, strange: bool = False, missing: bool = False) -> Fitted:
    rows = mixed(missing=missing)
    fitted = model.fit(rows, target(rows, kind))
    asked = rows.head(24).reset_index(drop=True)
    if strange:
        texts = asked["city"].astype(object)
        texts[[0, 3]] = "Atlantis"
        texts[1] = None
        asked = asked.assign(city=texts)
    referee = partial(histogram_game, fitted) if hasattr(fitted, "_predictors") else None
    return Fitted(fitted, rows, asked=asked, margin=partial(margin_of, fitted, ask), game=referee)


def _encoded() -> Fitted:
    """Text behind an OrdinalEncoder, whose codes are the categories."""
    coded = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["city"]), remainder="passthrough"
    )
    return _with_text(
        make_pipeline(coded, HistGradientBoostingRegressor(categorical_features=[0], **FEW)), "number", "predict"
    )


REGRESSOR = partial(HistGradientBoostingRegressor, **FEW)
FROM_DTYPE = partial(REGRESSOR, categorical_features="from_dtype")
CLASSIFIER = partial(HistGradientBoostingClassifier, **FEW)


def text(name: str, space: Space, make: Callable[[], Fitted], *, quick: bool = False) -> Case:
    """A case with categories of text."""
    return Case(f"histogram boosting, {name}", LIBRARY, TEXT, make, "exact", "TreeExplainer", space, quick=quick)


CASES: tuple[Case, ...] = (
    histogram("histogram boosting", BOOSTING, "identity", REGRESSOR(), "number", "predict", quick=True),
    histogram("histogram boosting, missing values", BOOSTING, "identity", REGRESSOR(), "number", "predict",
              missing=True),
    histogram("histogram boosting, absolute error", BOOSTING, "identity", REGRESSOR(loss="absolute_error"), "number",
              "predict"),
    histogram("histogram boosting, quantile", BOOSTING, "identity", REGRESSOR(loss="quantile", quantile=0.7), "number",
              "predict"),
    histogram("histogram boosting, Poisson", BOOSTING, "log", REGRESSOR(loss="poisson"), "count", "log"),
    histogram("histogram boosting, gamma", BOOSTING, "log", REGRESSOR(loss="gamma"), "positive", "log"),
    histogram("histogram boosting, monotonic", BOOSTING, "identity", REGRESSOR(monotonic_cst={"a": 1, "c": -1}),
              "number", "predict"),
    histogram("histogram boosting, interaction constraints", BOOSTING, "identity",
              REGRESSOR(interaction_cst=[{0, 1}, {2, 3}]), "number", "predict"),
    histogram("histogram boosting, early stopping", BOOSTING, "identity", REGRESSOR(early_stopping=True), "number",
              "predict"),
    histogram("histogram boosting, rows without weight", BOOSTING, "identity", REGRESSOR(), "number", "predict",
              weights=True),
    histogram("histogram boosting, binary", BOOSTED_CLASSES, "log-odds", CLASSIFIER(), "binary", "decision_function"),
    histogram("histogram boosting, classes", BOOSTED_CLASSES, "softmax margin", CLASSIFIER(), "classes",
              "decision_function", missing=True),
    histogram("histogram boosting, balanced classes", BOOSTED_CLASSES, "softmax margin",
              CLASSIFIER(class_weight="balanced"), "class codes", "decision_function"),
    text("text categories", "identity", partial(_with_text, FROM_DTYPE(), "number", "predict"), quick=True),
    text("unseen and missing text", "identity", partial(_with_text, FROM_DTYPE(), "number", "predict", strange=True)),
    text("text categories, binary", "log-odds",
         partial(_with_text, CLASSIFIER(categorical_features="from_dtype"), "binary", "decision_function",
                 strange=True, missing=True)),
    text("text categories, classes", "softmax margin",
         partial(_with_text, CLASSIFIER(categorical_features="from_dtype"), "classes", "decision_function",
                 strange=True)),
    text("text categories by name", "identity",
         partial(_with_text, REGRESSOR(categorical_features=["city", "grade"]), "number", "predict", strange=True)),
    text("text behind an encoder", "identity", _encoded),
)  # fmt: skip
