"""Which reader takes which model."""

from collections.abc import Callable
from typing import Any

from mlops_assets.explain import tree_readers_boosters as boosters
from mlops_assets.explain import tree_readers_sklearn as sklearn_models
from mlops_assets.explain.tree_ensembles import TreeEnsemble
from mlops_assets.explain.tree_readers_catboost import read_catboost

READERS: dict[str, Callable[[Any], TreeEnsemble | None]] = {
    "sklearn.HistGradientBoostingRegressor": sklearn_models.read_histogram,
    "sklearn.HistGradientBoostingClassifier": sklearn_models.read_histogram,
    "sklearn.GradientBoostingRegressor": sklearn_models.read_boosting,
    "sklearn.GradientBoostingClassifier": sklearn_models.read_boosting,
    "sklearn.ForestRegressor": sklearn_models.read_trees,
    "sklearn.ForestClassifier": sklearn_models.read_trees,
    "sklearn.DecisionTreeRegressor": sklearn_models.read_trees,
    "sklearn.DecisionTreeClassifier": sklearn_models.read_trees,
    "lightgbm.LGBMModel": boosters.read_lightgbm_model,
    "lightgbm.Booster": boosters.read_lightgbm,
    "xgboost.XGBModel": boosters.read_xgboost_model,
    "xgboost.Booster": boosters.read_xgboost,
    "catboost.CatBoost": read_catboost,
}
"""Readers by the class they take, or a base class of it."""
