"""Multi-layer perceptrons of scikit-learn as arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_assets.errors import NotApplicableError
from mlops_assets.trees.arrays import Floats, Ints

_CODES = {"identity": 0, "logistic": 1, "tanh": 2, "relu": 3, "exp": 4, "softmax": 5}


@dataclass(frozen=True)
class Network:
    """Layers, each a linear map and a function of its sums.

    Attributes
    ----------
    first, offset
        (columns, width) and (width,): the first layer.
    widths
        (layers,): of each layer's sums.
    weights
        The others, one after the other, each as (sums, sums of the layer before).
    biases
        The others', one after the other.
    codes
        (layers,): the function of the sums: 0 identity, 1 sigmoid, 2 hyperbolic tangent, 3 rectifier, 4 exponential, 5
        softmax.
    """

    first: Floats
    offset: Floats
    widths: Ints
    weights: Floats
    biases: Floats
    codes: Ints

    @property
    def outputs(self) -> int:
        return int(self.widths[-1])

    def of(self, X: Floats) -> Floats:
        """(n, columns) -> (n, outputs), each row by itself."""
        from mlops_assets.explain.explainers.network_kernel import evaluate_network

        rows, out = np.ascontiguousarray(X), np.zeros((len(X), self.outputs))
        evaluate_network(rows, self.first, self.offset, self.widths, self.weights, self.biases, self.codes, out)
        return out


def read_network(estimator: Any) -> Network:
    """The layers of an estimator.

    Raises
    ------
    NotApplicableError
        It is no such network, or computes in single precision.
    """
    name = type(estimator).__name__
    if not type(estimator).__module__.startswith("sklearn.neural_network") or not hasattr(estimator, "coefs_"):
        raise NotApplicableError(f"{name} is no network of layers")
    if any(layer.dtype != np.float64 for layer in (*estimator.coefs_, *estimator.intercepts_)):
        raise NotApplicableError(f"{name} computes in single precision")
    functions = [estimator.activation] * (len(estimator.coefs_) - 1) + [estimator.out_activation_]
    unknown = [one for one in functions if one not in _CODES]
    if unknown:
        raise NotApplicableError(f"{name} has layers of {unknown[0]}")
    inputs, widths = np.shape(estimator.coefs_[0])[0], [len(bias) for bias in estimator.intercepts_]
    expected = list(zip([inputs, *widths], widths, strict=False))
    if [layer.shape for layer in estimator.coefs_] != expected or any(one.ndim != 1 for one in estimator.intercepts_):
        raise NotApplicableError(f"the layers of its {name} do not fit each other")
    first, *others = estimator.coefs_
    offset, *biases = estimator.intercepts_
    none = np.zeros(0)
    return Network(
        np.array(first, order="C"),
        np.array(offset),
        np.array(widths, np.int64),
        np.concatenate([none, *(np.array(layer).T.ravel() for layer in others)]),
        np.concatenate([none, *biases]),
        np.array([_CODES[one] for one in functions], np.int64),
    )
