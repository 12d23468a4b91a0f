"""Rules for estimators that add up their parts: means, outputs side by side, chains, boosting from another model."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mlops_assets.errors import NotApplicableError
from mlops_assets.explain.explainers.affine import Affine, read_affine
from mlops_assets.explain.explainers.decompose import Decomposer, Question
from mlops_assets.explain.explainers.design import Design, last_estimator, unwrap
from mlops_assets.explain.explainers.linear import linear_space, read_coefficients
from mlops_assets.explain.explainers.parts import ColumnLeaf, PartsSum, Term, TreeLeaf, add, stack
from mlops_assets.trees.arrays import Floats, Space
from mlops_assets.trees.read import read_ensemble
from mlops_assets.trees.read_sklearn import read_boosting_stages


def named_parts(model: Any) -> list[tuple[str, Any]]:
    """The parts that are not dropped, by name."""
    names = [name for name, part in model.estimators if part != "drop"]
    return list(zip(names, model.estimators_, strict=True))


def require_one_space(parts: list[PartsSum]) -> list[PartsSum]:
    """The same sums, if all are on one scale."""
    spaces = sorted({part.space for part in parts})
    if len(spaces) > 1:
        raise NotApplicableError(f"its outputs add up on different scales: {', '.join(spaces)}")
    return parts


def linear_sum(decomposer: Decomposer, design: Design, weights: Floats, intercept: Floats, space: Space) -> PartsSum:
    """A linear function of the columns that a design makes, against the background."""

    def functions(X: Floats) -> Floats:
        return X[:, :, None] * weights.T

    leaf = ColumnLeaf(functions, np.asarray(intercept), decomposer.matrix(design))
    return PartsSum(space, (Term(design, leaf, np.eye(len(weights))),), np.zeros(len(weights)))


def zeros(outputs: Sequence[object]) -> Floats:
    """A constant of no size."""
    return np.zeros(len(outputs))


def voting_regressor(decomposer: Decomposer, asked: Question) -> PartsSum:
    """The weighted mean of what the parts predict."""
    return _mean(decomposer, asked.design)


def voting_classifier(decomposer: Decomposer, asked: Question) -> PartsSum:
    """The weighted mean of the parts' probabilities, where they do not vote."""
    if asked.design.estimator.voting != "soft":
        raise NotApplicableError("it counts the votes of its parts (voting='hard'), which are no sum of their scores")
    return _mean(decomposer, asked.design)


def _mean(decomposer: Decomposer, design: Design) -> PartsSum:
    model = design.estimator
    kept = [part != "drop" for _, part in model.estimators]
    weights = np.ones(len(kept)) if model.weights is None else np.asarray(model.weights, np.float64)
    shares = weights[kept] / weights[kept].sum()
    parts = [decomposer.part(design, name, part, "prediction") for name, part in named_parts(model)]
    return add([part.times(float(share)) for part, share in zip(parts, shares, strict=True)])


def bagging(decomposer: Decomposer, asked: Question) -> PartsSum:
    """The mean of the parts, each of some columns and some classes."""
    design, model = asked.design, asked.design.estimator
    trees = read_ensemble(model)
    if trees is not None:
        return PartsSum(trees.space, (Term(design, TreeLeaf(trees), np.eye(len(trees.outputs))),), zeros(trees.outputs))
    parts = []
    for place, (part, columns) in enumerate(zip(model.estimators_, model.estimators_features_, strict=True)):
        one = decomposer.part(_select(design, np.asarray(columns)), str(place), part, "prediction")
        if hasattr(model, "classes_"):
            # A part knows the classes of its own rows, by their number.
            one = one.map(np.eye(len(model.classes_))[np.asarray(part.classes_, np.int64)])
        parts.append(one.times(1.0 / len(model.estimators_)))
    return add(parts)


def _select(design: Design, columns: np.ndarray) -> Design:
    """The design of a part that is given some columns, as an array."""

    def transform(frame: Any) -> Any:
        data = design.transform(frame)
        data = data.to_numpy() if hasattr(data, "to_numpy") else data
        return data[:, columns]

    return replace(design, sources=design.sources[columns], transform=transform)


def boosting(decomposer: Decomposer, asked: Question) -> PartsSum:
    """Gradient boosting that starts from an estimator of its own."""
    design, model = asked.design, asked.design.estimator
    starts = getattr(model, "init_", "zero")
    if isinstance(starts, str) or type(starts).__name__ in ("DummyRegressor", "DummyClassifier"):
        return decomposer.leaf(asked)
    if hasattr(model, "classes_"):
        raise NotApplicableError(
            f"its boosting starts from the probabilities of a {type(starts).__name__}, as log-odds: no sum"
        )
    # It is given the columns as the trees are: rounded to 32 bits.
    rounded = replace(design, transform=lambda frame: design.matrix(design.transform(frame)).astype(np.float32))
    start = decomposer.part(rounded, "init", starts, "prediction")
    trees = read_boosting_stages(model)
    term = Term(design, TreeLeaf(trees), np.eye(len(trees.outputs)))
    # Where it was fitted on columns of 32 bits, it computes in them.
    single = np.dtype(np.float32)
    return add([start, PartsSum("identity", (term,), zeros(trees.outputs), single)])


def multi_output(decomposer: Decomposer, asked: Question) -> PartsSum:
    """A part per output."""
    parts = [
        decomposer.part(asked.design, str(place), part, asked.scale)
        for place, part in enumerate(asked.design.estimator.estimators_)
    ]
    if any(part.space == "softmax margin" for part in parts):
        raise NotApplicableError(
            "several of its outputs have more than two classes, whose softmax margins belong together output by output"
        )
    return stack(require_one_space(parts))


def adaboost(decomposer: Decomposer, asked: Question) -> PartsSum:
    """Trees vote by their leaves; other parts by a winner that no sum says."""
    model = asked.design.estimator
    if read_ensemble(model) is None:
        kind = type(model.estimators_[0]).__name__
        raise NotApplicableError(f"it adds up the votes of its parts, and those of a {kind} are no sum of its columns")
    return decomposer.leaf(asked)


def regressor_chain(decomposer: Decomposer, asked: Question) -> PartsSum:
    """Each part is given the columns and what the parts before it predict: exact where it is linear in these."""
    design, model = asked.design, asked.design.estimator
    done: list[PartsSum] = []
    for place, part in enumerate(model.estimators_):
        if place == 0:
            done.append(decomposer.part(design, "0", part, "prediction"))
            continue
        affine = _read_line(part, place)
        width = len(design.sources)
        own = linear_sum(decomposer, design, affine.weights[:width].T, affine.constant, "identity")
        earlier = [done[k].times(float(weight)) for k, weight in enumerate(affine.weights[width:, 0])]
        done.append(add([own, *earlier]))
    order = [int(output) for output in model.order_]
    return stack([done[order.index(output)] for output in range(len(order))])


def _read_line(part: Any, place: int) -> Affine:
    """A regression, maybe behind scaled columns, as a linear function of what it is given."""
    name, last = type(part).__name__, last_estimator(part)
    refused = NotApplicableError(
        f"its part '{place}' ({name}) takes the predictions of earlier parts as columns, and is not linear in them"
    )
    try:
        weights, intercept = read_coefficients(last)
    except NotApplicableError:
        raise refused from None
    if linear_space(last) != "identity":
        raise NotApplicableError(f"its part '{place}' ({name}) predicts the exponential of a sum")
    if unwrap(part) is last:
        return Affine(weights.T, np.asarray(intercept))
    affine = read_affine(part.predict, int(part.n_features_in_))
    if affine is None:
        raise refused
    return affine
