"""The kernel's walk in NumPy: the same mathematics, for jobs too small to wait for a compiler.

See `shap_kernel` for the formulas; the names are the same. All points of a tree are computed together, rows innermost.
"""

from dataclasses import dataclass

import numpy as np

from mlops_assets.trees.arrays import Floats
from mlops_assets.trees.ensemble import FLIPPED, NO_LEAF, TWO_LEAVES, TreeEnsemble, Walk
from mlops_assets.trees.quadrature import gauss_legendre

_SECONDS_PER_NODE = 60e-6
_SECONDS_PER_CELL = 8e-9


def estimate_seconds(walk: Walk, rows: int, block: int) -> float:
    """About how long `add_shap_values` takes for so many rows, `block` at a time."""
    nodes = np.diff(walk.start)
    cells = float(nodes @ walk.points) * rows * walk.leaf_value.shape[2]
    return float(_SECONDS_PER_NODE * nodes.sum() * -(-rows // block) + _SECONDS_PER_CELL * cells)


def add_shap_values(ensemble: TreeEnsemble, rows: Floats, values: Floats) -> None:
    """Add the attributions of `rows` (n, features), prepared, to `values` (n, features, outputs)."""
    walk, columns = ensemble.walk, np.ascontiguousarray(rows.T)
    for tree in np.flatnonzero(np.diff(walk.start)):
        first_output = int(ensemble.tree_output[tree])
        _walk_tree(ensemble, int(tree), columns, values[:, :, first_output : first_output + walk.leaf_value.shape[2]])


@dataclass
class _Split:
    """A split on the current path, seen from one of its children (arrays over rows)."""

    node: int
    feature: int
    z: float
    z_old: float
    before: Floats
    after: Floats
    G: Floats
    first_below: Floats | None = None

    def down(self, q: Floats) -> Floats:
        """(points, rows): G of the child."""
        return self.G * self._ratio(q)

    def up(self, q: Floats, below: Floats, sibling: Floats, values: Floats) -> Floats:
        """(outputs, points, rows): S of the node; adds the split's part to its feature's attribution."""
        b = 1 / (q + (1 - q) * self.z_old)
        difference = below - sibling
        part = ((self.z_old * b * b) * self.G * difference).sum(axis=1)
        values[:, self.feature] += ((self.after - self.z * self.before) * part).T
        return np.asarray(sibling + self._ratio(q) * difference)

    def _ratio(self, q: Floats) -> Floats:
        b = 1 / (q + (1 - q) * self.z_old)
        return np.asarray(self.z + self.before * ((1 - q) * self.z * self.z_old * b - self.z) + self.after * (q * b))


def _walk_tree(ensemble: TreeEnsemble, tree: int, columns: Floats, values: Floats) -> None:
    walk = ensemble.walk
    points, weights = gauss_legendre(int(walk.points[tree]))
    q, G = points[:, None], np.repeat(weights[:, None], columns.shape[1], axis=1)
    new_feature = np.ones(columns.shape[1]), 1.0
    path: dict[int, list[tuple[Floats, float]]] = {}
    stack: list[_Split] = []
    for node in range(walk.start[tree], walk.start[tree + 1]):
        feature, decision, z = int(walk.feature[node]), int(walk.decision[node]), float(walk.fraction[node])
        earlier = path.setdefault(feature, [new_feature])
        before, z_old = earlier[-1]
        left = ensemble.goes_left(columns[feature], float(walk.threshold[node]), decision)
        split = _Split(node, feature, z, z_old, before, before * (left != bool(decision & FLIPPED)), G)
        first_leaf, second_leaf = walk.leaf_value[node][:, :, None, None]
        if walk.kind[node] != TWO_LEAVES:
            stack.append(split)
            earlier.append((split.after, z * z_old))
            G = split.down(q)
            continue
        below = split.up(q, first_leaf, second_leaf, values)
        while stack:
            split = stack[-1]
            if walk.kind[split.node] == NO_LEAF and split.first_below is None:
                split.first_below, split.z, split.after = below, 1 - split.z, split.before - split.after
                path[split.feature][-1] = split.after, split.z * split.z_old
                G = split.down(q)
                break
            sibling = walk.leaf_value[split.node, 1][:, None, None] if split.first_below is None else split.first_below
            below = split.up(q, below, sibling, values)
            path[split.feature].pop()
            stack.pop()
