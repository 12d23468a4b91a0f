"""Who adds up the trees of a model: this package's kernel, where it is worth its start and was found to be exact."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.errors import UnreadableTreesError
from mlops_assets.trees.files.errors import NativeFileError
from mlops_assets.trees.ranked_trees import RankedTrees

LOG = logging.getLogger("mlops_assets")

WORTH_PAIRS = 50_000_000
"""Rows times trees from which on the kernel is used: loading it takes as long as the library does for these."""


@dataclass
class TreeSums:
    """Decides, for one model, whether the kernel or its library adds up the trees.

    Threads may share it: at worst two of them encode the trees at once, with the same result.

    Attributes
    ----------
    trees
        That each output is the sum of.
    read
        The trees of the model for the kernel; None where they are not for it.
    weight
        What the library takes for a tree, compared with scikit-learn's gradient boosting.
    pairs
        Rows times trees: the number expected, or seen so far where that is more.
    compared
        Whether the kernel's answers have been compared with the library's.
    rejected
        Whether a bit differed, or the trees cannot be encoded: the library adds them up from then on.
    """

    trees: int
    read: Callable[[], RankedTrees | None]
    name: str
    weight: float = 1.0
    pairs: float = 0
    rejected: bool = False
    _compared: set[str] = field(default_factory=set, repr=False)
    _encoded: RankedTrees | None = field(default=None, repr=False)

    @property
    def compared(self) -> bool:
        return bool(self._compared)

    @property
    def uses_kernel(self) -> bool:
        """Whether the next rows are the kernel's, as far as is known."""
        return not self.rejected and self.pairs >= WORTH_PAIRS

    def expect_rows(self, rows: int, beside: float = 0.0) -> None:
        """Announce about how many rows will be predicted: the kernel is loaded when it pays, now or after so many.

        Parameters
        ----------
        beside
            Pairs of other models that are predicted with the same kernel.
        """
        self.pairs = max(self.pairs, self.pairs_of(rows) + beside)

    def pairs_of(self, rows: int) -> float:
        """Rows times trees, weighted."""
        return rows * self.trees * self.weight

    def kernel_trees(self, rows: int) -> RankedTrees | None:
        """The trees for the kernel where it is to add them up for the next `rows` rows; None: the library does."""
        if not self.uses_kernel:
            self.pairs += self.pairs_of(rows)
            return None
        if self._encoded is None:
            try:
                self._encoded = self.read()
            except (UnreadableTreesError, NativeFileError) as error:
                self.reject(str(error))
            else:
                if self._encoded is None:
                    self.reject("its trees have more columns, thresholds or categories than the kernel takes")
        return self._encoded

    def needs_comparison(self, answer: str) -> bool:
        """Whether answers of this kind (a name, of anybody's choice) have not been compared."""
        return answer not in self._compared

    def compare(self, answer: str, ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> bool:
        """Whether the kernel's answers are the library's to the last bit; remembered."""
        self._compared.add(answer)
        same = ours.dtype == theirs.dtype and ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes()
        if not same:
            self.reject(f"{describe_difference(ours, theirs)} ({answer})")
        return not self.rejected

    def reject(self, reason: str) -> None:
        """The library adds up the trees from now on; the log says why, once."""
        if not self.rejected:
            LOG.warning("The trees of %s are summed by their library, not by the faster kernel: %s", self.name, reason)
        self.rejected = True


def describe_difference(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> str:
    """In which way two answers are not the same bits."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return f"its answers are {theirs.dtype} of shape {theirs.shape}, not {ours.dtype} of shape {ours.shape}"
    differ = np.ascontiguousarray(ours).view(np.uint8) != np.ascontiguousarray(theirs).view(np.uint8)
    rows = int(differ.reshape(len(ours), -1).any(axis=1).sum())
    return f"bits differ in {rows} of {len(ours)} compared rows"
