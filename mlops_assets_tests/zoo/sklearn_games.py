"""Games of scikit-learn's models, read from their public attributes alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_assets_tests.zoo.games import Game, interventional, sklearn_tree_game, weighted_sum

Floats = NDArray[np.float64]


def value_of(tree: Any, node: int) -> Floats:
    """What a regression tree predicts in a leaf."""
    return np.asarray(tree.value[node, :, 0], np.float64)


def shares_of(tree: Any, node: int) -> Floats:
    """The classes' shares of a leaf's weight, output by output."""
    return np.concatenate([np.asarray(one, np.float64) / max(one.sum(), 1e-300) for one in tree.value[node]])


def forest_game(model: Any, rows: pd.DataFrame) -> Game:
    """The mean of a forest's trees, or a single tree."""
    trees = getattr(model, "estimators_", [model])
    leaf = shares_of if hasattr(model, "classes_") else value_of
    return weighted_sum([(1 / len(trees), sklearn_tree_game(tree, rows.to_numpy(), leaf)) for tree in trees])


def boosting_game(model: Any, rows: pd.DataFrame, start: float) -> Game:
    """Gradient boosting with one output."""
    parts = [
        (model.learning_rate, sklearn_tree_game(tree, rows.to_numpy(), value_of)) for tree in model.estimators_[:, 0]
    ]
    return weighted_sum(parts, start)


def column_game(predict: Callable[[pd.DataFrame], Any], rows: pd.DataFrame, background: pd.DataFrame) -> Game:
    """A function of the columns against a background."""

    def margin(frame: pd.DataFrame) -> Floats:
        return np.asarray(predict(frame), np.float64).reshape(len(frame), -1)

    return interventional(margin, rows, background)


def positive(game: Game) -> Game:
    """The second of two outputs."""
    return Game(lambda known: game.worth(known)[:, 1:], game.columns, game.sources)
