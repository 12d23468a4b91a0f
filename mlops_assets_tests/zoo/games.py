"""Cooperative games and Shapley's formula as in the textbook: referees that share no code with explainers.

A game says what a coalition of columns is worth. Path dependent: where a column is not known, a tree follows both
children, each with its share of the training weight. Interventional: columns that are not known are those of a
background row, averaged over all of them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_assets.trees.ensemble import TreeEnsemble

Floats = NDArray[np.float64]
Coalition = frozenset[int]


@dataclass(frozen=True)
class Game:
    """A cooperative game per row.

    Attributes
    ----------
    worth
        Known columns -> (rows, outputs).
    columns
        How many players there are.
    sources
        (columns,): the input column that each one belongs to; attributions are summed by it. None: one to one.
    """

    worth: Callable[[Coalition], Floats]
    columns: int
    sources: Sequence[int] | NDArray[np.intp] | None = None


def shapley(game: Game) -> tuple[Floats, Floats]:
    """(rows, input columns, outputs) Shapley values and (rows, outputs) of the empty coalition, term by term."""
    n = game.columns
    worth = {frozenset(known): game.worth(frozenset(known)) for size in range(n + 1) for known in _of_size(n, size)}
    sources = list(range(n)) if game.sources is None else [int(source) for source in game.sources]
    empty = worth[frozenset()]
    values = np.zeros((len(empty), max(sources) + 1, empty.shape[1]))
    for known, with_all in worth.items():
        for column in known:
            weight = factorial(len(known) - 1) * factorial(n - len(known)) / factorial(n)
            values[:, sources[column]] += weight * (with_all - worth[known - {column}])
    return values, empty


def _of_size(n: int, size: int) -> Iterator[tuple[int, ...]]:
    return combinations(range(n), size)


def interventional(margin: Callable[[pd.DataFrame], Floats], rows: pd.DataFrame, background: pd.DataFrame) -> Game:
    """The mean of `margin` over the background, with the known columns of each row put in."""

    def worth(known: Coalition) -> Floats:
        parts = []
        for place in range(len(rows)):
            mixed = background.copy()
            for column in known:
                name = rows.columns[column]
                value = rows[name].iloc[[place] * len(background)].array
                mixed[name] = value if mixed[name].dtype == rows[name].dtype else pd.Series(value)
            parts.append(margin(mixed).mean(axis=0))
        return np.stack(parts)

    return Game(worth, rows.shape[1])


def ensemble_game(
    ensemble: TreeEnsemble, X: NDArray[Any], sources: Sequence[int] | NDArray[np.intp] | None = None
) -> Game:
    """The path-dependent game of trees as this package reads them; `X` (rows, columns) as the model takes it."""
    prepared = ensemble.prepare(X)

    def descend(node: int, row: Floats, known: Coalition) -> Floats:
        left, right = int(ensemble.left[node]), int(ensemble.right[node])
        if left < 0:
            return np.asarray(ensemble.value[node])
        column = int(ensemble.feature[node])
        if column in known:
            goes_left = bool(ensemble.goes_left(row[column], ensemble.threshold[node], ensemble.decision[node]))
            return descend(left if goes_left else right, row, known)
        one, two = ensemble.cover[left], ensemble.cover[right]
        share = one / (one + two) if one + two else 0.5
        return share * descend(left, row, known) + (1 - share) * descend(right, row, known)

    def worth(known: Coalition) -> Floats:
        result = np.tile(ensemble.offset, (len(prepared), 1))
        for place, row in enumerate(prepared):
            for root, output in zip(ensemble.roots, ensemble.tree_output, strict=True):
                added = descend(int(root), row, known)
                result[place, output : output + len(added)] += added
        return result

    return Game(worth, ensemble.n_features, sources)


def sklearn_tree_game(estimator: Any, X: NDArray[Any], leaf: Callable[[Any, int], Floats]) -> Game:
    """The path-dependent game of one fitted tree of scikit-learn, read from its ``tree_`` alone.

    `leaf` gives (outputs,) for a tree and a node.
    """
    tree, numbers = estimator.tree_, np.asarray(X, np.float32)

    def descend(node: int, row: NDArray[np.float32], known: Coalition) -> Floats:
        left, right = tree.children_left[node], tree.children_right[node]
        if left == -1:
            return leaf(tree, node)
        if tree.feature[node] in known:
            value = row[tree.feature[node]]
            goes_left = bool(tree.missing_go_to_left[node]) if np.isnan(value) else value <= tree.threshold[node]
            return descend(left if goes_left else right, row, known)
        one, two = tree.weighted_n_node_samples[left], tree.weighted_n_node_samples[right]
        share = one / (one + two) if one + two else 0.5
        return share * descend(left, row, known) + (1 - share) * descend(right, row, known)

    return Game(lambda known: np.stack([descend(0, row, known) for row in numbers]), numbers.shape[1])


def weighted_sum(parts: Sequence[tuple[float, Game]], offset: float | Floats = 0.0) -> Game:
    """The sum of games of the same columns, each times a number, plus a constant."""

    def worth(known: Coalition) -> Floats:
        return np.asarray(sum(weight * game.worth(known) for weight, game in parts) + offset)

    return Game(worth, parts[0][1].columns, parts[0][1].sources)
