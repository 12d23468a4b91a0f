"""The kernel's walk for a few rows: level by level through all trees at once, in NumPy.

See `shap_kernel` for the formulas; the names are the same. `shap_numpy` visits each node by itself, which takes seconds
for one row of a large forest; here each step is taken for all nodes of a depth together. Sums are added up in another
order: the results agree to 1e-12 of the prediction's scale, not to the last bit, so they are for checks alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Indices, Ints
from mlops_assets.trees.ensemble import TreeEnsemble
from mlops_assets.trees.quadrature import gauss_legendre

MOST_ROWS = 64
_quick: ContextVar[bool] = ContextVar("quick", default=False)
_MOST_CELLS = 1_000_000


@contextmanager
def walk_quickly() -> Iterator[None]:
    """Inside, `tree_shap` of a few rows is computed here: for what is compared within a tolerance and not kept."""
    token = _quick.set(True)
    try:
        yield
    finally:
        _quick.reset(token)


def is_quick(rows: int) -> bool:
    """Whether so many rows are computed here, now."""
    return _quick.get() and rows <= MOST_ROWS


@dataclass
class _Level:
    """The nodes of one depth, and what holds on the way to them (arrays over nodes, then points, then rows).

    Attributes
    ----------
    node
        Their numbers in the ensemble.
    parent
        The position of each one's parent in the level above.
    feature
        The one that the parent splits on; -1 for a root.
    o, z
        Whether the row follows all splits on that feature down to here, and the product of their shares.
    """

    node: Indices
    parent: Ints
    feature: Ints
    o: Floats
    z: Floats
    G: Floats


@dataclass
class _Splits:
    """The splits of the inner nodes of a level, seen from the left child."""

    at: Ints
    feature: Ints
    change: Floats
    weight: Floats
    ratio: Floats


def few_row_values(ensemble: TreeEnsemble, X: npt.NDArray[np.generic]) -> tuple[Floats, Floats]:
    """Values (n, features, outputs) and base (outputs,) of at most `MOST_ROWS` rows, as of `shap_values.tree_shap`."""
    walk, rows = ensemble.walk, ensemble.prepare(X)
    values = np.zeros((len(rows), ensemble.n_features, len(ensemble.outputs)))
    add_shap_values(ensemble, rows, values)
    if walk.complement:
        values[:, :, -1] = -values[:, :, :-1].sum(axis=2)
    return values, ensemble.offset + walk.expected


def add_shap_values(ensemble: TreeEnsemble, rows: Floats, values: Floats) -> None:
    """Add the attributions of `rows` (n, features), prepared, to `values` (n, features, outputs)."""
    columns = np.ascontiguousarray(rows.T)
    total = np.zeros((values.shape[1], values.shape[2], len(rows)))
    for trees, count in _groups(ensemble, len(rows)):
        _add_trees(ensemble, trees, gauss_legendre(count), columns, total)
    values += total.transpose(2, 0, 1)


def _groups(ensemble: TreeEnsemble, rows: int) -> Iterator[tuple[Ints, int]]:
    """Trees that need the same number of points, so many that what is kept of their nodes fits into memory."""
    walk = ensemble.walk
    nodes = np.diff(walk.start)
    for count in np.unique(walk.points[nodes > 0]):
        trees = np.flatnonzero((walk.points == count) & (nodes > 0))
        cells = np.cumsum((2 * nodes[trees] + 1) * int(count) * rows * walk.leaf_value.shape[2])
        group = cells // _MOST_CELLS
        for number in np.unique(group):
            yield trees[group == number], int(count)


def _add_trees(
    ensemble: TreeEnsemble, trees: Ints, rule: tuple[Floats, Floats], columns: Floats, total: Floats
) -> None:
    q, weights = rule
    rows = columns.shape[1]
    roots = ensemble.roots[trees]
    ones = np.ones((len(roots), rows))
    first = np.broadcast_to(weights[None, :, None], (len(roots), len(q), rows))
    levels = [
        _Level(roots.astype(np.int32), np.arange(len(roots)), np.full(len(roots), -1), ones, np.ones(len(roots)), first)
    ]
    output = [ensemble.tree_output[trees]]
    splits: list[_Splits] = []
    while (inner := ensemble.left[levels[-1].node] >= 0).any():
        below, split = _descend(ensemble, levels, np.flatnonzero(inner), q, columns)
        output.append(output[-1][below.parent])
        levels.append(below)
        splits.append(split)
    _climb(ensemble, levels, splits, output, total)


def _descend(
    ensemble: TreeEnsemble, levels: list[_Level], at: Ints, q: Floats, columns: Floats
) -> tuple[_Level, _Splits]:
    level = levels[-1]
    node = level.node[at]
    feature = ensemble.feature[node].astype(np.int64)
    o_old, z_old = _earlier(levels, at, feature, columns.shape[1])
    left, right = ensemble.left[node], ensemble.right[node]
    one, two = ensemble.cover[left], ensemble.cover[right]
    z = np.where(one + two > 0, one / np.where(one + two > 0, one + two, 1), 0.5)
    goes = ensemble.goes_left(columns[feature], ensemble.threshold[node][:, None], ensemble.decision[node][:, None])
    o = o_old * goes
    b = 1 / (q + (1 - q) * z_old[:, None])
    back = (1 - q) * (z * z_old)[:, None] * b - z[:, None]
    ratio = z[:, None, None] + o_old[:, None, :] * back[:, :, None] + o[:, None, :] * (q * b)[:, :, None]
    G = level.G[at]
    below = _Level(
        np.concatenate([left, right]),
        np.concatenate([at, at]),
        np.concatenate([feature, feature]),
        np.concatenate([o, o_old - o]),
        np.concatenate([z * z_old, (1 - z) * z_old]),
        np.concatenate([ratio * G, (1 - ratio) * G]),
    )
    weight = (z_old[:, None] * b * b)[:, :, None] * G
    return below, _Splits(at, feature, o - z[:, None] * o_old, weight, ratio)


def _earlier(levels: list[_Level], at: Ints, feature: Ints, rows: int) -> tuple[Floats, Floats]:
    """o' and z' of each split: those of the nearest split above on the same feature, else ones."""
    o, z = np.ones((len(at), rows)), np.ones(len(at))
    open_, place = np.arange(len(at)), at
    for level in reversed(levels):
        same = level.feature[place] == feature[open_]
        o[open_[same]], z[open_[same]] = level.o[place[same]], level.z[place[same]]
        open_, place = open_[~same], level.parent[place[~same]]
    return o, z


def _climb(
    ensemble: TreeEnsemble, levels: list[_Level], splits: list[_Splits], output: list[Ints], total: Floats
) -> None:
    """From the leaves up: S of each node, and what its split changes."""
    width = ensemble.walk.leaf_value.shape[2]
    points, rows = levels[0].G.shape[1:]
    S = _leaves(ensemble, levels[-1].node, (width, points, rows))
    for level, split, outputs in zip(levels[-2::-1], splits[::-1], output[-2::-1], strict=True):
        count = len(split.at)
        difference = S[:count] - S[count:]
        part = np.einsum("mkr,mwkr->mwr", split.weight, difference)
        slot = outputs[split.at][:, None] + np.arange(width)
        np.add.at(total, (split.feature[:, None], slot), split.change[:, None, :] * part)
        own = S[count:] + split.ratio[:, None] * difference
        S = _leaves(ensemble, level.node, (width, points, rows))
        S[split.at] = own


def _leaves(ensemble: TreeEnsemble, node: Indices, shape: tuple[int, int, int]) -> npt.NDArray[np.float64]:
    """(nodes, outputs, points, rows): the value of a leaf; of other nodes it is replaced."""
    values = ensemble.value[node, : shape[0]]
    return np.array(np.broadcast_to(values[:, :, None, None], (len(node), *shape)))
