"""Trees gathered one by one into a `TreeEnsemble`: what the readers of the libraries' models share."""

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
    """Trees put one after the other."""

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
        """Add a tree whose children are counted from its root, negative in leaves; `value` is (nodes, width)."""
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
        """The index of a new category set."""
        self.sets.append(np.asarray(bits, np.uint32))
        return len(self.sets) - 1

    def ensemble(
        self, *, offset: npt.ArrayLike, outputs: Iterable[object], space: Space, n_features: int, **more: Any
    ) -> TreeEnsemble:
        """The ensemble; `more` are further fields of it."""
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
    return UnreadableTreesError(f"The trees cannot be read exactly: {what}", where=type(model).__name__, fix=fix)


def category_bits(categories: Iterable[int]) -> Words:
    """Categories as a bit set."""
    codes = np.asarray(sorted(categories), np.int64)
    words = np.zeros(int(codes.max(initial=-1)) // 32 + 1, np.uint32)
    np.bitwise_or.at(words, codes // 32, np.uint32(1) << (codes % 32).astype(np.uint32))
    return words


def boosted_outputs(classes: Sequence[object] | None, width: int) -> list[object]:
    """One output per class; of two classes only the second."""
    if classes is None or len(classes) not in (2, width):
        return list(range(width)) if classes is not None or width > 1 else ["0"]
    return [classes[1]] if width == 1 else list(classes)
