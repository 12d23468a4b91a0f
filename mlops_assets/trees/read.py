"""Read the trees of a fitted model, whichever library grew them."""

from collections.abc import Callable
from typing import Any

from mlops_assets.trees import read_boosters as boosters
from mlops_assets.trees import read_sklearn as sklearn_models
from mlops_assets.trees import read_sklearn_ensembles as sklearn_ensembles
from mlops_assets.trees.ensemble import TreeEnsemble
from mlops_assets.trees.read_catboost_categories import read_catboost_model

READERS: dict[str, Callable[[Any], TreeEnsemble | None]] = {
    "sklearn.HistGradientBoostingRegressor": sklearn_models.read_histogram,
    "sklearn.HistGradientBoostingClassifier": sklearn_models.read_histogram,
    "sklearn.GradientBoostingRegressor": sklearn_models.read_boosting,
    "sklearn.GradientBoostingClassifier": sklearn_models.read_boosting,
    "sklearn.ForestRegressor": sklearn_models.read_trees,
    "sklearn.ForestClassifier": sklearn_models.read_trees,
    "sklearn.DecisionTreeRegressor": sklearn_models.read_trees,
    "sklearn.DecisionTreeClassifier": sklearn_models.read_trees,
    "sklearn.BaggingRegressor": sklearn_ensembles.read_bagging,
    "sklearn.BaggingClassifier": sklearn_ensembles.read_bagging,
    "sklearn.AdaBoostClassifier": sklearn_ensembles.read_adaboost,
    "sklearn.IsolationForest": sklearn_ensembles.read_isolation_forest,
    "lightgbm.LGBMModel": boosters.read_lightgbm_model,
    "lightgbm.Booster": boosters.read_lightgbm,
    "xgboost.XGBModel": boosters.read_xgboost_model,
    "xgboost.Booster": boosters.read_xgboost,
    "catboost.CatBoost": read_catboost_model,
    "mlops_assets.FileModel": lambda model: model.read_margin(),
}
"""Class, or base class, of a model -> its reader."""


def read_ensemble(model: object) -> TreeEnsemble | None:
    """The trees of a fitted model; None where the model is not made of trees.

    Reads scikit-learn's decision trees, extra trees, forests, bagging and AdaBoost of trees, isolation forests and
    gradient boosting (classic and histogram), LightGBM, XGBoost (`gbtree` and `dart`) and CatBoost (splits that ask for
    one column each).
    The ensemble takes the same matrix as the model, in numbers: where a library turns a column into category codes,
    these are expected.

    Raises
    ------
    UnreadableTreesError
        A tree model with something that an additive sum of such trees does not express; the message says what.
    """
    class_names = {f"{kind.__module__.split('.')[0]}.{kind.__name__}" for kind in type(model).__mro__}
    for class_name, reader in READERS.items():
        if class_name in class_names:
            return reader(model)
    return None
