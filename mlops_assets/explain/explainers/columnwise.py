"""Classifiers that add up one function per column: naive Bayes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mlops_assets.trees.arrays import Floats

Functions = Callable[[Floats], Floats]


def read_naive_bayes(estimator: Any) -> tuple[Functions, Floats] | None:
    """What each column adds to the log-odds of two classes, or to the joint log-likelihood of each of more.

    Returns
    -------
    (n, columns) -> (n, columns, outputs), and the (outputs,) constant; None where it is no such classifier.
    """
    name = type(estimator).__name__
    if not type(estimator).__module__.startswith("sklearn.naive_bayes") or name not in _READERS:
        return None
    functions, prior = _READERS[name](estimator)
    if len(estimator.classes_) != 2:
        return functions, prior
    return lambda X: _difference(functions(X)), prior[1:] - prior[:1]


def _difference(scores: Floats) -> Floats:
    return np.asarray(scores[..., 1:] - scores[..., :1])


def _gaussian(estimator: Any) -> tuple[Functions, Floats]:
    mean, variance = estimator.theta_.T, estimator.var_.T  # (columns, classes)
    start = -0.5 * np.log(2.0 * np.pi * variance)

    def functions(X: Floats) -> Floats:
        return np.asarray(start - 0.5 * (X[:, :, None] - mean) ** 2 / variance)

    return functions, np.log(estimator.class_prior_)


def _multinomial(estimator: Any) -> tuple[Functions, Floats]:
    weights = estimator.feature_log_prob_.T
    return lambda X: X[:, :, None] * weights, np.asarray(estimator.class_log_prior_, np.float64)


def _complement(estimator: Any) -> tuple[Functions, Floats]:
    weights = estimator.feature_log_prob_.T
    # The priors of the classes count only where there is one class.
    prior = estimator.class_log_prior_ if len(estimator.classes_) == 1 else np.zeros(len(estimator.classes_))
    return lambda X: X[:, :, None] * weights, np.asarray(prior, np.float64)


def _bernoulli(estimator: Any) -> tuple[Functions, Floats]:
    yes = estimator.feature_log_prob_.T
    no = np.log(1.0 - np.exp(yes))
    threshold = estimator.binarize

    def functions(X: Floats) -> Floats:
        on = X if threshold is None else (threshold < X).astype(np.float64)
        return np.asarray(no + on[:, :, None] * (yes - no))

    return functions, np.asarray(estimator.class_log_prior_, np.float64)


def _categorical(estimator: Any) -> tuple[Functions, Floats]:
    tables = [table.T for table in estimator.feature_log_prob_]  # per column (categories, classes)

    def functions(X: Floats) -> Floats:
        codes = X.astype(np.intp).T
        return np.stack([table[column] for table, column in zip(tables, codes, strict=True)], axis=1)

    return functions, np.asarray(estimator.class_log_prior_, np.float64)


_READERS: dict[str, Callable[[Any], tuple[Functions, Floats]]] = {
    "GaussianNB": _gaussian,
    "MultinomialNB": _multinomial,
    "ComplementNB": _complement,
    "BernoulliNB": _bernoulli,
    "CategoricalNB": _categorical,
}
