"""Builds a `TreeEnsemble` tree by tree: what the readers of all libraries' models share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Space, Words
from mlops_assets.trees.ensemble import TreeEnsemble
from mlops_assets.trees.errors import UnreadableTreesError


@dataclass
class TreeBuilder:
    """Collects trees, then makes the ensemble: `add_tree` for each, `build` at the end."""

    columns: dict[str, list[npt.NDArray[Any]]] = field(default_factory=dict)
    roots: list[int] = field(default_factory=list)
    tree_output: list[int] = field(default_factory=list)
    sets: list[Words] = field(default_factory=list)
    nodes: int = 0

    def add_tree(
        self,
        left: npt.ArrayLike,
        right: npt.ArrayLike,
        feature: npt.ArrayLike,
        threshold: npt.ArrayLike,
        decision: npt.ArrayLike,
        cover: npt.ArrayLike,
        value: npt.NDArray[Any],
        output: int = 0,
    ) -> None:
        """Append a tree.

        Parameters
        ----------
        left, right
            (nodes,): child nodes, counted from the tree's root; negative in leaves.
        feature, threshold, decision, cover
            (nodes,): as in `TreeEnsemble`; ignored in leaves, except `cover`.
        value
            (nodes, width).
        output
            The first output that the tree adds to.
        """
        left, right = np.asarray(left, np.int64), np.asarray(right, np.int64)
        leaf = left < 0
        tree: dict[str, tuple[npt.ArrayLike, npt.DTypeLike]] = {
            "left": (np.where(leaf, -1, left + self.nodes), np.int32),
            "right": (np.where(leaf, -1, right + self.nodes), np.int32),
            "feature": (np.where(leaf, 0, feature), np.int32),
            "threshold": (np.where(leaf, 0, threshold), np.float64),
            "decision": (np.where(leaf, 0, decision), np.uint8),
            "cover": (cover, np.float64),
            "value": (value, np.float64),
        }
        for name, (array, dtype) in tree.items():
            self.columns.setdefault(name, []).append(np.asarray(array, dtype))
        self.roots.append(self.nodes)
        self.tree_output.append(output)
        self.nodes += len(left)

    def add_category_set(self, bits: Words) -> int:
        """Append a category set (bits, 32 categories a word); the index returned is a categorical split's threshold."""
        self.sets.append(np.asarray(bits, np.uint32))
        return len(self.sets) - 1

    def build(
        self, *, offset: npt.ArrayLike, outputs: Iterable[object], space: Space, n_features: int, **more: Any
    ) -> TreeEnsemble:
        """The ensemble of all trees added; `more` are further fields of it."""
        names = tuple(str(output) for output in outputs)
        columns: dict[str, Any] = {name: np.concatenate(parts) for name, parts in self.columns.items()}
        return TreeEnsemble(
            roots=np.array(self.roots, np.int64),
            tree_output=np.array(self.tree_output, np.int64),
            offset=np.broadcast_to(np.asarray(offset, np.float64).ravel(), len(names)).copy(),
            outputs=names,
            space=space,
            n_features=n_features,
            set_start=np.concatenate([[0], np.cumsum([len(bits) for bits in self.sets], dtype=np.int64)]),
            set_words=np.concatenate([*self.sets, np.zeros(0, np.uint32)]),
            **columns,
            **more,
        )


def unreadable(model: object, what: str, fix: str | None = None) -> UnreadableTreesError:
    """The error that a reader raises: what the trees hold that an additive sum does not express."""
    return UnreadableTreesError(f"The trees cannot be read exactly: {what}", where=type(model).__name__, fix=fix)


def category_bits(categories: Iterable[int]) -> Words:
    """Categories as a bit set, 32 categories a word."""
    codes = np.asarray(sorted(categories), np.int64)
    words = np.zeros(int(codes.max(initial=-1)) // 32 + 1, np.uint32)
    np.bitwise_or.at(words, codes // 32, np.uint32(1) << (codes % 32).astype(np.uint32))
    return words


def name_boosted_outputs(classes: Sequence[object] | None, width: int) -> list[object]:
    """One output per class; of two classes only the second. Unnamed outputs are counted from 0."""
    if classes is not None and len(classes) == 2 and width == 1:
        return [classes[1]]
    # Several labels of a row have the classes 0 and 1 each: these are no names of outputs.
    return list(classes) if classes is not None and len(classes) == width else list(range(width))
