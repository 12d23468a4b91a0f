"""A fitted estimator of scikit-learn as a sum of parts that are explained exactly, or which part is none.

`Decomposer.of` follows scikit-learn's own arithmetic, estimator by estimator. An estimator is asked for one of three
functions: what its score adds up to on a scale of its own (``score``), what `decision_function` returns (``decision``),
or what `predict` and `predict_proba` return (``prediction``: of a classifier the probability of each class).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mlops_assets.errors import NotApplicableError
from mlops_assets.explain.explainers.columnwise import read_naive_bayes
from mlops_assets.explain.explainers.design import Design, enter_pipelines
from mlops_assets.explain.explainers.linear import linear_space, read_coefficients
from mlops_assets.explain.explainers.linear_booster import read_linear_booster
from mlops_assets.explain.explainers.parts import ColumnLeaf, ConstantLeaf, Leaf, PartsSum, Term, TreeLeaf
from mlops_assets.explain.explainers.readable import read_if_any
from mlops_assets.trees.arrays import Floats, Space
from mlops_assets.trees.read import read_ensemble

if TYPE_CHECKING:
    import pandas as pd

Scale = Literal["score", "decision", "prediction"]

_PROOF_ROWS = 8
# What is looked for is a wrong scale or column, not rounding; float32 models keep six digits.
_RELATIVE = 1e-4


@dataclass(frozen=True)
class Question:
    """The estimator of a design, and which of its functions is meant."""

    design: Design
    scale: Scale


Rule = Callable[["Decomposer", Question], PartsSum]


@dataclass(frozen=True)
class Decomposer:
    """Takes estimators apart.

    Attributes
    ----------
    background
        Rows of the input columns: what parts of single columns compare with, and what every part is tried on.
    rules
        Class name of scikit-learn -> how it is made of its parts.
    refused
        Class name of scikit-learn -> why it is no sum of its parts.
    """

    background: "pd.DataFrame"
    rules: Mapping[str, Rule]
    refused: Mapping[str, str]

    def of(self, design: Design, scale: Scale) -> PartsSum:
        """The estimator of `design` as a sum.

        Raises
        ------
        NotApplicableError
            It is none; the message names the part.
        """
        design = enter_pipelines(design, self.background)
        estimator = design.estimator
        name = type(estimator).__name__
        is_sklearn = type(estimator).__module__.partition(".")[0] == "sklearn"
        if is_sklearn and name in self.refused:
            raise NotApplicableError(self.refused[name])
        rule = self.rules.get(name) if is_sklearn else None
        asked = Question(design, scale)
        parts = rule(self, asked) if rule is not None else self.leaf(asked)
        self._confirm(asked, parts)
        return parts

    def part(self, design: Design, name: str, estimator: Any, scale: Scale) -> PartsSum:
        """An estimator that is given what the one of `design` is given."""
        with _named(name, estimator):
            return self.of(replace(design, estimator=estimator), scale)

    def leaf(self, asked: Question) -> PartsSum:
        """An estimator that holds no others."""
        design, scale, estimator = asked.design, asked.scale, asked.design.estimator
        leaf, space = self._trees(design, scale) or _constant(estimator) or self._columns(design) or (None, "identity")
        if leaf is None:
            raise NotApplicableError("it is neither trees, nor linear, nor a sum of such parts that is known here")
        if scale == "prediction" and space != ("probability" if _is_classifier(estimator) else "identity"):
            raise NotApplicableError(f"what it predicts is no sum: it adds up in {space}")
        single = type(estimator).__module__.startswith("xgboost")
        precision: np.dtype[np.floating] = np.dtype(np.float32 if single else np.float64)
        return PartsSum(space, (Term(design, leaf, np.eye(leaf.outputs)),), np.zeros(leaf.outputs), precision)

    def _trees(self, design: Design, scale: Scale) -> tuple[Leaf, Space] | None:
        ensemble = read_if_any(read_ensemble, design.estimator)
        if ensemble is None:
            return None
        if scale != "decision":
            ensemble = ensemble.to_log_odds()
        elif type(design.estimator).__name__ == "AdaBoostClassifier" and len(ensemble.outputs) > 1:
            # Its decision function is the mean vote; the softmax is that of the vote over the other classes.
            ensemble = replace(ensemble, value=ensemble.value * (len(ensemble.outputs) - 1))
        return TreeLeaf(ensemble), ensemble.space

    def _columns(self, design: Design) -> tuple[Leaf, Space] | None:
        estimator = design.estimator
        bayes = read_naive_bayes(estimator)
        if bayes is not None:
            space: Space = "log-odds" if len(estimator.classes_) == 2 else "softmax margin"
            return ColumnLeaf(*bayes, self.matrix(design)), space
        booster = read_linear_booster(estimator)
        if booster is not None:
            linear = _linear(booster.weights.T)
            leaf = ColumnLeaf(lambda X: linear(booster.clean(X)), booster.intercept, self.matrix(design))
            return leaf, booster.space
        try:
            weights, intercept = read_coefficients(estimator)
        except NotApplicableError:
            return None
        functions = _linear(weights.T)
        return ColumnLeaf(functions, intercept, self.matrix(design)), linear_space(estimator)

    def matrix(self, design: Design) -> Floats:
        """(background rows, columns) of what the estimator is given."""
        return design.matrix(design.transform(self.background))

    def _confirm(self, asked: Question, parts: PartsSum) -> None:
        """See on some rows that the parts add up to what the estimator says."""
        rows = self.background.head(_PROOF_ROWS)
        expected = _say(asked, parts.space, rows)
        if expected is None:
            return
        found = evaluate(parts, rows)
        if expected.shape[1] == 2 and found.shape[1] == 1:
            expected = expected[:, 1:]
        size = max(float(np.abs(expected).max(initial=0.0)), np.finfo(np.float64).tiny)
        if found.shape != expected.shape or not np.abs(found - expected).max(initial=0.0) <= _RELATIVE * size:
            raise NotApplicableError("its parts, as they are known here, do not add up to what it predicts")


def evaluate(parts: PartsSum, rows: "pd.DataFrame") -> Floats:
    """(n, outputs): the sum itself."""
    result = np.tile(parts.constant, (len(rows), 1))
    for term in parts.terms:
        margin = term.leaf.margin(term.design.matrix(term.design.transform(rows)))
        # Row by row: the last bits of one product of all rows depend on how many there are.
        result += (margin[:, None, :] @ term.weights)[:, 0]
    return result


@contextmanager
def _named(name: str, estimator: Any) -> Iterator[None]:
    try:
        yield
    except NotApplicableError as error:
        place = f"its part {name!r} ({type(estimator).__name__})"
        raise NotApplicableError(f"{place}: {error.what}") from error


def _say(asked: Question, space: Space, rows: "pd.DataFrame") -> Floats | None:
    """What the estimator says of rows on the scale that is asked for; None where it has no method for it."""
    estimator, scale = asked.design.estimator, asked.scale
    is_classifier = _is_classifier(estimator)
    if scale == "decision":
        method = "decision_function"
    elif scale == "prediction":
        method = "predict_proba" if is_classifier else "predict"
    else:
        method = "predict" if space == "identity" and not is_classifier else ""
    ask = getattr(estimator, method, None) if method else None
    if ask is None:
        return None
    answer = ask(asked.design.transform(rows))
    if isinstance(answer, list):
        answer = np.concatenate(answer, axis=1)
    answer = np.asarray(answer, np.float64)
    return answer.reshape(len(rows), -1)


def _is_classifier(estimator: Any) -> bool:
    """Whether it has classes: a regressor of CatBoost has a list of none."""
    classes = getattr(estimator, "classes_", None)
    return classes is not None and len(classes) > 0


def _linear(weights: Floats) -> Callable[[Floats], Floats]:
    return lambda X: X[:, :, None] * weights


def _constant(estimator: Any) -> tuple[Leaf, Space] | None:
    """Models that answer the same for every row."""
    name = type(estimator).__name__
    if len(np.atleast_1d(getattr(estimator, "classes_", ()))) == 1:
        return ConstantLeaf(np.ones(1)), "probability"
    if name == "DummyRegressor":
        return ConstantLeaf(np.asarray(estimator.constant_, np.float64).ravel()), "identity"
    if name == "DummyClassifier" and estimator.strategy in ("prior", "most_frequent", "constant"):
        return ConstantLeaf(np.asarray(estimator.predict_proba(np.zeros((1, 1)))[0], np.float64)), "probability"
    if name == "_ConstantPredictor":  # of a class that no row, or every row, has
        answer = np.asarray(estimator.predict(np.zeros((1, 1))), np.float64).ravel()
        return ConstantLeaf(np.concatenate([1 - answer, answer])), "probability"
    return None
