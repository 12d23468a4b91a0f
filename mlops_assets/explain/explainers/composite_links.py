"""Rules for estimators that put a link or a last model on their parts: targets, calibration, stacking, classes."""

from dataclasses import replace
from typing import Any

import numpy as np

from mlops_assets.errors import NotApplicableError
from mlops_assets.explain.explainers.affine import Affine, read_affine, read_exponential
from mlops_assets.explain.explainers.composite_sums import linear_sum, named_parts, require_one_space
from mlops_assets.explain.explainers.decompose import Decomposer, Question, Scale
from mlops_assets.explain.explainers.design import last_estimator, unwrap
from mlops_assets.explain.explainers.linear import linear_space, read_coefficients
from mlops_assets.explain.explainers.parts import PartsSum, add, stack
from mlops_assets.trees.arrays import Floats, Space


def transformed_target(decomposer: Decomposer, asked: Question) -> PartsSum:
    """A regression whose target is scaled, or logarithmic."""
    design, model = asked.design, asked.design.estimator
    inner = decomposer.part(design, "regressor", model.regressor_, "score")

    def back(values: Floats) -> Any:
        return model.transformer_.inverse_transform(values)

    affine = read_affine(back, inner.outputs)
    if affine is not None and inner.space == "identity":
        return inner.map(affine.weights, affine.constant)
    factors = None if affine is None or inner.space != "log" else _factors(affine)
    if factors is not None:
        return inner.times(1.0, np.log(factors))
    exponential = read_exponential(back, inner.outputs) if inner.space == "identity" else None
    if exponential is not None:
        return inner.map(exponential.weights, exponential.constant, "log")
    what = getattr(model, "inverse_func", None)
    how = getattr(what, "__name__", "") or type(model.transformer_).__name__
    raise NotApplicableError(
        f"its target is transformed back by {how}, which is neither linear nor an exponential of what its regressor "
        f"({type(unwrap(model.regressor_)).__name__}) adds up in {inner.space}"
    )


def _factors(affine: Affine) -> Floats | None:
    """(outputs,): the positive numbers by which each output is multiplied; None where that is not all."""
    factors = np.diagonal(affine.weights)
    only = (affine.weights == np.diag(factors)).all() and not affine.constant.any()
    return factors if only and (factors > 0).all() else None


def calibrated(decomposer: Decomposer, asked: Question) -> PartsSum:
    """The sigmoid, or the softmax at another temperature, of what one classifier decides by."""
    design, model = asked.design, asked.design.estimator
    method, classes = model.method, len(model.classes_)
    if asked.scale == "prediction":
        raise NotApplicableError("its probabilities are no sum: they are calibrated")
    first, *others = model.calibrated_classifiers_
    has_decision = hasattr(first.estimator, "decision_function")
    inner = decomposer.part(design, "estimator", first.estimator, "decision" if has_decision else "prediction")
    by_sigmoid, by_temperature = method == "sigmoid" and classes == 2, method == "temperature" and has_decision
    if not by_sigmoid and not by_temperature:
        raise NotApplicableError(
            f"its calibration ({method}, {classes} classes) makes no link of a sum: only a sigmoid of two classes does "
            "so, and a temperature of a decision function"
        )
    if others:
        raise NotApplicableError(
            f"it averages the probabilities of {1 + len(others)} calibrated classifiers, each of them a {method} of a "
            "sum; ensemble=False has one"
        )
    if by_sigmoid:
        (sigmoid,) = first.calibrators
        score = inner if inner.outputs == 1 else inner.choose([1])
        return score.times(-float(sigmoid.a_), -float(sigmoid.b_), "log-odds")
    beta = float(first.calibrators[0].beta_)
    return inner.times(2 * beta, 0.0, "log-odds") if classes == 2 else inner.times(beta, 0.0, "softmax margin")


def stacking(decomposer: Decomposer, asked: Question) -> PartsSum:
    """A linear model of what the parts say."""
    design, model = asked.design, asked.design.estimator
    final = unwrap(model.final_estimator_)
    is_classifier = hasattr(model, "classes_")
    outer = _final_map(final, is_classifier, asked.scale)
    inner, known = [], 0
    for (name, part), method in zip(named_parts(model), _methods(model), strict=True):
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
        own = linear_sum(decomposer, design, outer.weights[known:].T, np.zeros(len(outer.constant)), space)
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


def one_against_the_rest(decomposer: Decomposer, asked: Question) -> PartsSum:
    """A part per class: decision scores of which the largest decides, or probabilities of labels."""
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
    total = stack(require_one_space(parts))
    if scale == "prediction" and len(parts) == 1:
        return total.map(np.array([[-1.0, 1.0]]), np.array([1.0, 0.0]))
    return total
