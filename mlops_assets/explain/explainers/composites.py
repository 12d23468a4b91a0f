"""How scikit-learn's estimators that hold other estimators are made of them: one rule per class."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mlops_assets.errors import NotApplicableError
from mlops_assets.explain.explainers.affine import Affine, read_affine, read_exponential
from mlops_assets.explain.explainers.decompose import Decomposer, Question, Rule, Scale
from mlops_assets.explain.explainers.design import Design, last_estimator, unwrap
from mlops_assets.explain.explainers.linear import linear_space, read_coefficients
from mlops_assets.explain.explainers.parts import ColumnLeaf, PartsSum, Term, TreeLeaf, add, stack
from mlops_assets.trees.arrays import Floats, Space
from mlops_assets.trees.read import read_ensemble
from mlops_assets.trees.read_sklearn import read_boosting_stages


def _voting_regressor(decomposer: Decomposer, asked: Question) -> PartsSum:
    return _mean(decomposer, asked.design)


def _voting_classifier(decomposer: Decomposer, asked: Question) -> PartsSum:
    if asked.design.estimator.voting != "soft":
        raise NotApplicableError("it counts the votes of its parts (voting='hard'), which are no sum of their scores")
    return _mean(decomposer, asked.design)


def _named_parts(model: Any) -> list[tuple[str, Any]]:
    names = [name for name, part in model.estimators if part != "drop"]
    return list(zip(names, model.estimators_, strict=True))


def _mean(decomposer: Decomposer, design: Design) -> PartsSum:
    model = design.estimator
    kept = [part != "drop" for _, part in model.estimators]
    weights = np.ones(len(kept)) if model.weights is None else np.asarray(model.weights, np.float64)
    shares = weights[kept] / weights[kept].sum()
    parts = [decomposer.part(design, name, part, "prediction") for name, part in _named_parts(model)]
    return add([part.times(float(share)) for part, share in zip(parts, shares, strict=True)])


def _bagging(decomposer: Decomposer, asked: Question) -> PartsSum:
    design, model = asked.design, asked.design.estimator
    trees = read_ensemble(model)
    if trees is not None:
        return PartsSum(trees.space, (Term(design, TreeLeaf(trees), np.eye(len(trees.outputs))),), _none(trees.outputs))
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


def _boosting(decomposer: Decomposer, asked: Question) -> PartsSum:
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
    return add([start, PartsSum("identity", (term,), _none(trees.outputs), single)])


def _transformed_target(decomposer: Decomposer, asked: Question) -> PartsSum:
    design, model = asked.design, asked.design.estimator
    inner = decomposer.part(design, "regressor", model.regressor_, "score")

    def back(values: Floats) -> Any:
        return model.transformer_.inverse_transform(values)

    affine = read_affine(back, inner.outputs)
    if affine is not None and inner.space == "identity":
        return inner.map(affine.weights, affine.constant)
    if affine is not None and inner.space == "log" and _is_identity(affine):
        return inner
    exponential = read_exponential(back, inner.outputs) if inner.space == "identity" else None
    if exponential is not None:
        return inner.map(exponential.weights, exponential.constant, "log")
    what = getattr(model, "inverse_func", None)
    how = getattr(what, "__name__", "") or type(model.transformer_).__name__
    raise NotApplicableError(
        f"its target is transformed back by {how}, which is neither linear nor an exponential of what its regressor "
        f"({type(unwrap(model.regressor_)).__name__}) adds up in {inner.space}"
    )


def _is_identity(affine: Affine) -> bool:
    return bool((affine.weights == np.eye(len(affine.constant))).all() and not affine.constant.any())


def _multi_output(decomposer: Decomposer, asked: Question) -> PartsSum:
    parts = [
        decomposer.part(asked.design, str(place), part, asked.scale)
        for place, part in enumerate(asked.design.estimator.estimators_)
    ]
    if any(part.space == "softmax margin" for part in parts):
        raise NotApplicableError(
            "several of its outputs have more than two classes, whose softmax margins belong together output by output"
        )
    return stack(_same_space(parts))


def _same_space(parts: list[PartsSum]) -> list[PartsSum]:
    spaces = sorted({part.space for part in parts})
    if len(spaces) > 1:
        raise NotApplicableError(f"its outputs add up on different scales: {', '.join(spaces)}")
    return parts


def _regressor_chain(decomposer: Decomposer, asked: Question) -> PartsSum:
    """Each part is given the columns and what the parts before it predict: exact where it is linear in these."""
    design, model = asked.design, asked.design.estimator
    done: list[PartsSum] = []
    for place, part in enumerate(model.estimators_):
        if place == 0:
            done.append(decomposer.part(design, "0", part, "prediction"))
            continue
        try:
            weights, intercept = read_coefficients(unwrap(part))
        except NotApplicableError as error:
            raise NotApplicableError(
                f"its part '{place}' ({type(part).__name__}) takes the predictions of earlier parts as columns, and is "
                "not linear in them"
            ) from error
        if linear_space(unwrap(part)) != "identity":
            raise NotApplicableError(f"its part '{place}' ({type(part).__name__}) predicts the exponential of a sum")
        width = len(design.sources)
        own = _linear_sum(decomposer, design, weights[:, :width], intercept, "identity")
        earlier = [done[k].times(float(weight)) for k, weight in enumerate(weights[0, width:])]
        done.append(add([own, *earlier]))
    order = [int(output) for output in model.order_]
    return stack([done[order.index(output)] for output in range(len(order))])


def _linear_sum(decomposer: Decomposer, design: Design, weights: Floats, intercept: Floats, space: Space) -> PartsSum:
    def functions(X: Floats) -> Floats:
        return X[:, :, None] * weights.T

    leaf = ColumnLeaf(functions, np.asarray(intercept), decomposer.matrix(design))
    return PartsSum(space, (Term(design, leaf, np.eye(len(weights))),), np.zeros(len(weights)))


def _calibrated(decomposer: Decomposer, asked: Question) -> PartsSum:
    design, model = asked.design, asked.design.estimator
    calibrated, method = model.calibrated_classifiers_, model.method
    if len(calibrated) > 1:
        raise NotApplicableError(
            f"it averages the probabilities of {len(calibrated)} calibrated classifiers, each of them a {method} of a "
            "sum; ensemble=False has one"
        )
    if asked.scale == "prediction":
        raise NotApplicableError("its probabilities are no sum: they are calibrated")
    (only,) = calibrated
    part, classes = only.estimator, len(model.classes_)
    has_decision = hasattr(part, "decision_function")
    inner = decomposer.part(design, "estimator", part, "decision" if has_decision else "prediction")
    if method == "sigmoid" and classes == 2:
        (sigmoid,) = only.calibrators
        score = inner if inner.outputs == 1 else inner.choose([1])
        return score.times(-float(sigmoid.a_), -float(sigmoid.b_), "log-odds")
    if method == "temperature" and has_decision:
        beta = float(only.calibrators[0].beta_)
        return inner.times(2 * beta, 0.0, "log-odds") if classes == 2 else inner.times(beta, 0.0, "softmax margin")
    raise NotApplicableError(
        f"its calibration ({method}, {classes} classes) makes no link of a sum: only a sigmoid of two classes does, "
        "and a temperature of a decision function"
    )


def _stacking(decomposer: Decomposer, asked: Question) -> PartsSum:
    design, model = asked.design, asked.design.estimator
    final = unwrap(model.final_estimator_)
    is_classifier = hasattr(model, "classes_")
    outer = _final_map(final, is_classifier, asked.scale)
    inner, known = [], 0
    for (name, part), method in zip(_named_parts(model), _methods(model), strict=True):
        scale: Scale = "decision" if method == "decision_function" else "prediction"
        if method == "predict" and is_classifier:
            raise NotApplicableError(f"its part {name!r} ({type(part).__name__}) gives labels to the final estimator")
        one = decomposer.part(design, name, part, scale)
        if method == "predict_proba" and len(model.classes_) == 2:
            one = one.choose([1])
        inner.append(one.map(outer.weights[known : known + one.outputs]))
        known += one.outputs
    space: Space = linear_space(last_estimator(final))
    if model.passthrough:
        own = _linear_sum(decomposer, design, outer.weights[known:].T, np.zeros(len(outer.constant)), space)
        inner.append(own)
    total = add(inner)
    return replace(total, space=space, constant=total.constant + outer.constant)


def _methods(model: Any) -> list[str]:
    """What each part that is not dropped is asked for."""
    kept = [method for method in model.stack_method_ if method is not None]
    return list(kept)


def _final_map(final: Any, is_classifier: bool, scale: Scale) -> Affine:
    """The last estimator as a linear function of what the parts say."""
    name = type(last_estimator(final)).__name__
    if linear_space(last_estimator(final)) == "log" or (is_classifier and scale == "prediction"):
        raise NotApplicableError(f"its final estimator ({name}) predicts no sum")
    if final is last_estimator(final):
        try:
            weights, intercept = read_coefficients(final)
            return Affine(weights.T, np.asarray(intercept))
        except NotApplicableError:
            pass  # it may be linear all the same
    ask = final.decision_function if is_classifier and hasattr(final, "decision_function") else final.predict
    if is_classifier and not hasattr(final, "decision_function"):
        raise NotApplicableError(f"its final estimator ({name}) is not linear")
    affine = read_affine(ask, int(final.n_features_in_))
    if affine is None:
        raise NotApplicableError(f"its final estimator ({name}) is not linear")
    return affine


def _one_against_the_rest(decomposer: Decomposer, asked: Question) -> PartsSum:
    design, model = asked.design, asked.design.estimator
    independent = model.multilabel_ or len(model.estimators_) == 1  # each probability is that of its part
    if asked.scale == "prediction" and not independent:
        raise NotApplicableError("its probabilities are no sum: they are scaled to add up to 1")
    has_decision = hasattr(model.estimators_[0], "decision_function")
    scale: Scale = asked.scale if independent else "decision" if has_decision else "prediction"
    parts = []
    for place, part in enumerate(model.estimators_):
        one = decomposer.part(design, str(place), part, scale)
        parts.append(one.choose([1]) if one.outputs == 2 else one)
    if not independent:
        return replace(stack(parts), space="margin")
    total = stack(_same_space(parts))
    if scale == "prediction" and len(parts) == 1:
        return total.map(np.array([[-1.0, 1.0]]), np.array([1.0, 0.0]))
    return total


def _none(outputs: Sequence[object]) -> Floats:
    return np.zeros(len(outputs))


RULES: dict[str, Rule] = {
    "VotingRegressor": _voting_regressor,
    "VotingClassifier": _voting_classifier,
    "BaggingRegressor": _bagging,
    "BaggingClassifier": _bagging,
    "GradientBoostingRegressor": _boosting,
    "GradientBoostingClassifier": _boosting,
    "TransformedTargetRegressor": _transformed_target,
    "MultiOutputRegressor": _multi_output,
    "MultiOutputClassifier": _multi_output,
    "RegressorChain": _regressor_chain,
    "CalibratedClassifierCV": _calibrated,
    "StackingRegressor": _stacking,
    "StackingClassifier": _stacking,
    "OneVsRestClassifier": _one_against_the_rest,
}
"""Class name of scikit-learn -> its rule."""

REFUSED: dict[str, str] = {
    "AdaBoostRegressor": "it predicts the weighted median of its parts' predictions, which is no sum",
    "ClassifierChain": "each of its parts takes the labels of earlier parts as columns",
    "OneVsOneClassifier": "it counts the votes of one classifier per pair of classes, which are no sum",
    "OutputCodeClassifier": "it looks for the nearest code among the votes of its parts, which is no sum",
}
"""Class name of scikit-learn -> why it is no sum of its parts."""
