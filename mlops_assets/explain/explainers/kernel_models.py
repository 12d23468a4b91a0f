"""Support vector machines, kernel ridge and Gaussian processes as sums of products, one factor per column."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_assets.errors import NotApplicableError
from mlops_assets.trees.arrays import Floats, Space

_MACHINES = ("SVR", "NuSVR", "SVC", "NuSVC", "OneClassSVM")
_MARGIN = ("SVC", "NuSVC", "OneClassSVM")


@dataclass(frozen=True)
class KernelSum:
    """``offset + sum_m alpha[m] * exp(-sum_j scale[j] * |x_j - center[m, j]| ** power)``.

    Attributes
    ----------
    centers
        (terms, columns): support vectors or training rows.
    alpha
        (terms, outputs).
    scale
        (columns,): of the distances.
    power
        2: a radial kernel; 1: a Laplacian one.
    offset
        (outputs,).
    space
        The scale of the sum.
    """

    centers: Floats
    alpha: Floats
    scale: Floats
    power: int
    offset: Floats
    space: Space

    def __post_init__(self) -> None:
        terms, columns = self.centers.shape
        if self.alpha.shape != (terms, len(self.offset)) or self.scale.shape != (columns,):
            raise NotApplicableError("its kernels, weights and lengths do not fit each other")

    def exponents(self, X: Floats, terms: slice) -> Floats:
        """(n, terms, columns): minus the logarithm of each column's factor."""
        distance = np.abs(X[:, None, :] - self.centers[None, terms])
        return np.asarray(self.scale * (distance * distance if self.power == 2 else distance))


def read_kernel_sum(estimator: Any) -> KernelSum:
    """The estimator's sum.

    Raises
    ------
    NotApplicableError
        It is none, or its kernel is no product over the columns.
    """
    name, module = type(estimator).__name__, type(estimator).__module__
    if module.startswith("sklearn.svm") and name in _MACHINES:
        return _read_machine(estimator, name)
    if module.startswith("sklearn.kernel_ridge"):
        return _read_ridge(estimator)
    if module.startswith("sklearn.gaussian_process") and name == "GaussianProcessRegressor":
        return _read_process(estimator)
    raise NotApplicableError(f"{name} is no sum of radial kernels")


def _read_machine(estimator: Any, name: str) -> KernelSum:
    if estimator.kernel != "rbf":
        raise _not_a_product(name, estimator.kernel)
    if name in ("SVC", "NuSVC") and len(estimator.classes_) > 2:
        raise NotApplicableError(f"{name} of {len(estimator.classes_)} classes has a sum for each pair of them")
    centers = _dense(estimator.support_vectors_)
    # The number that `gamma="scale"` stands for is kept under this name only (scikit-learn 1.8).
    scale = np.full(centers.shape[1], float(getattr(estimator, "_gamma")))  # noqa: B009
    alpha, offset = _dense(estimator.dual_coef_).T, np.asarray(estimator.intercept_, np.float64)
    return KernelSum(centers, alpha, scale, 2, offset, "margin" if name in _MARGIN else "identity")


def _read_ridge(estimator: Any) -> KernelSum:
    powers = {"rbf": 2, "laplacian": 1}
    if not isinstance(estimator.kernel, str) or estimator.kernel not in powers:
        raise _not_a_product("KernelRidge", estimator.kernel)
    centers = _dense(estimator.X_fit_)
    gamma = 1.0 / centers.shape[1] if estimator.gamma is None else float(estimator.gamma)
    alpha = np.asarray(estimator.dual_coef_, np.float64).reshape(len(centers), -1)
    scale = np.full(centers.shape[1], gamma)
    return KernelSum(centers, alpha, scale, powers[estimator.kernel], np.zeros(alpha.shape[1]), "identity")


def _read_process(estimator: Any) -> KernelSum:
    if not hasattr(estimator, "X_train_"):
        raise NotApplicableError("its Gaussian process was not fitted")
    centers = _dense(estimator.X_train_)
    factor, length = _read_radial(estimator.kernel_)
    scale = np.broadcast_to(0.5 / np.square(np.asarray(length, np.float64)), (centers.shape[1],)).copy()
    # The mean and spread of the target, which predictions are brought back to, have no other name (scikit-learn 1.8).
    mean, spread = (np.asarray(getattr(estimator, one), np.float64) for one in ("_y_train_mean", "_y_train_std"))
    alpha = np.asarray(estimator.alpha_, np.float64).reshape(len(centers), -1)
    spread, offset = (np.broadcast_to(one, (alpha.shape[1],)) for one in (spread, mean))
    return KernelSum(centers, factor * alpha * spread, scale, 2, offset.copy(), "identity")


def _read_radial(kernel: Any) -> tuple[float, Any]:
    """Factor and length of a constant times one radial kernel, with or without white noise."""
    name = type(kernel).__name__
    if name == "RBF":
        return 1.0, kernel.length_scale
    parts = [kernel.k1, kernel.k2] if name in ("Sum", "Product") else []
    # Noise is added on the diagonal of the training rows only, constants multiply.
    ignored = {"Sum": "WhiteKernel", "Product": "ConstantKernel"}.get(name)
    others = [part for part in parts if type(part).__name__ != ignored]
    if len(others) != 1:
        raise _not_a_product("GaussianProcessRegressor", kernel)
    factor, length = _read_radial(others[0])
    if name == "Product":
        factor *= next(part.constant_value for part in parts if part is not others[0])
    return factor, length


def _not_a_product(name: str, kernel: object) -> NotApplicableError:
    return NotApplicableError(f"the kernel of its {name} ({kernel}) is no product over the columns")


def _dense(values: Any) -> Floats:
    return np.ascontiguousarray(values.toarray() if hasattr(values, "toarray") else values, dtype=np.float64)
