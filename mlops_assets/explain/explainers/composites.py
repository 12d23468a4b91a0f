"""How scikit-learn's estimators that hold other estimators are made of them."""

from mlops_assets.explain.explainers.composite_links import (
    calibrated,
    one_against_the_rest,
    stacking,
    transformed_target,
)
from mlops_assets.explain.explainers.composite_sums import (
    adaboost,
    bagging,
    boosting,
    multi_output,
    regressor_chain,
    voting_classifier,
    voting_regressor,
)
from mlops_assets.explain.explainers.decompose import Rule

RULES: dict[str, Rule] = {
    "VotingRegressor": voting_regressor,
    "VotingClassifier": voting_classifier,
    "AdaBoostClassifier": adaboost,
    "BaggingRegressor": bagging,
    "BaggingClassifier": bagging,
    "GradientBoostingRegressor": boosting,
    "GradientBoostingClassifier": boosting,
    "TransformedTargetRegressor": transformed_target,
    "MultiOutputRegressor": multi_output,
    "MultiOutputClassifier": multi_output,
    "RegressorChain": regressor_chain,
    "CalibratedClassifierCV": calibrated,
    "StackingRegressor": stacking,
    "StackingClassifier": stacking,
    "OneVsRestClassifier": one_against_the_rest,
}
"""Class name of scikit-learn -> its rule."""

REFUSED: dict[str, str] = {
    "AdaBoostRegressor": "it predicts the weighted median of its parts' predictions, which is no sum",
    "ClassifierChain": "each of its parts takes the predictions of earlier parts as columns",
    "OneVsOneClassifier": "it counts the votes of one classifier per pair of classes, which are no sum",
    "OutputCodeClassifier": "it looks for the nearest code among the votes of its parts, which is no sum",
}
"""Class name of scikit-learn -> why it is no sum of its parts."""
