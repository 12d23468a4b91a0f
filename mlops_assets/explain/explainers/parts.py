"""A model as a weighted sum of parts that are explained exactly; by linearity, so is the sum.

Shapley values are linear in the game: those of ``a f + b g`` are ``a`` times those of ``f`` plus ``b`` times those of
``g`` (Shapley 1953, axiom 3). A part of trees has the training rows' weights as the distribution of what is not known,
a part of single columns the background.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlops_assets.explain.explainers.design import Design
from mlops_assets.trees.arrays import Floats, Space
from mlops_assets.trees.ensemble import TreeEnsemble
from mlops_assets.trees.margin import raw_margin

_DOUBLE: np.dtype[np.floating] = np.dtype(np.float64)


class Leaf(ABC):
    """A function of a matrix (n, columns) whose Shapley values are known in closed form or by an exact algorithm."""

    outputs: int
    uses_background: bool = False

    @abstractmethod
    def margin(self, X: Floats) -> Floats:
        """(n, outputs)."""

    @abstractmethod
    def attribute(self, X: Floats, rows: int | None) -> tuple[Floats, Floats]:
        """(n, columns, outputs) attributions and the (outputs,) base; `rows`: about how many there are in all."""


class TreeLeaf(Leaf):
    """The additive output of trees, path dependent."""

    def __init__(self, ensemble: TreeEnsemble) -> None:
        self.ensemble, self.outputs = ensemble, len(ensemble.outputs)

    def margin(self, X: Floats) -> Floats:
        return raw_margin(self.ensemble, X)

    def attribute(self, X: Floats, rows: int | None) -> tuple[Floats, Floats]:
        from mlops_assets.trees.shap_values import tree_shap

        return tree_shap(self.ensemble, X, rows, by_tables=False)  # there may be hundreds of ensembles


class ColumnLeaf(Leaf):
    """A constant plus a function of each column by itself, against the background.

    Parameters
    ----------
    functions
        (n, columns) -> (n, columns, outputs): what each column adds.
    constant
        (outputs,).
    background
        (rows, columns).
    """

    uses_background = True

    def __init__(self, functions: Callable[[Floats], Floats], constant: Floats, background: Floats) -> None:
        self._functions, self._constant, self.outputs = functions, constant, len(constant)
        self._mean = functions(background).mean(axis=0)  # (columns, outputs)

    def margin(self, X: Floats) -> Floats:
        return np.asarray(self._functions(X).sum(axis=1) + self._constant)

    def attribute(self, X: Floats, rows: int | None) -> tuple[Floats, Floats]:
        return self._functions(X) - self._mean, self._constant + self._mean.sum(axis=0)


class ConstantLeaf(Leaf):
    """The same answer for every row."""

    def __init__(self, constant: Floats) -> None:
        self._constant, self.outputs = constant, len(constant)

    def margin(self, X: Floats) -> Floats:
        return np.tile(self._constant, (len(X), 1))

    def attribute(self, X: Floats, rows: int | None) -> tuple[Floats, Floats]:
        return np.zeros((*X.shape, self.outputs)), self._constant


@dataclass(frozen=True)
class Term:
    """One part with its weights.

    Attributes
    ----------
    design
        The way from input rows to the part's matrix, and back to the input columns.
    leaf
        What it computes.
    weights
        (the leaf's outputs, outputs of the sum).
    """

    design: Design
    leaf: Leaf
    weights: Floats


@dataclass(frozen=True)
class PartsSum:
    """Terms and a constant.

    Attributes
    ----------
    space
        The scale of the sum.
    terms
        At least one.
    constant
        (outputs,).
    precision
        The floating-point type that the model computes in.
    """

    space: Space
    terms: tuple[Term, ...]
    constant: Floats
    precision: np.dtype[np.floating] = _DOUBLE

    @property
    def outputs(self) -> int:
        """How many numbers there are per row."""
        return len(self.constant)

    def map(self, weights: Floats, constant: Floats | float = 0.0, space: Space | None = None) -> "PartsSum":
        """The sum times `weights` (outputs, new outputs), plus a constant."""
        return PartsSum(
            space or self.space,
            tuple(replace(term, weights=term.weights @ weights) for term in self.terms),
            self.constant @ weights + constant,
            self.precision,
        )

    def times(self, factor: float, constant: Floats | float = 0.0, space: Space | None = None) -> "PartsSum":
        """The sum times a number, plus a constant."""
        return self.map(factor * np.eye(self.outputs), constant, space)

    def choose(self, outputs: Sequence[int]) -> "PartsSum":
        """Some of the outputs."""
        return self.map(np.eye(self.outputs)[:, list(outputs)])


def add(parts: Sequence[PartsSum]) -> PartsSum:
    """The sum of sums of equally many outputs on the same scale."""
    terms = tuple(term for part in parts for term in part.terms)
    constant = np.sum([part.constant for part in parts], axis=0)
    return PartsSum(parts[0].space, terms, constant, min((part.precision for part in parts), key=lambda x: x.itemsize))


def stack(parts: Sequence[PartsSum]) -> PartsSum:
    """The outputs of several sums on the same scale, side by side."""
    total, placed, start = sum(part.outputs for part in parts), [], 0
    for part in parts:
        placed.append(part.map(np.eye(total)[start : start + part.outputs]))
        start += part.outputs
    return add(placed)
