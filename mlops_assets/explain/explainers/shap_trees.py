"""shap's own tree explainer behind the form that this package uses: for `interventional`, which needs no own kernel."""

from typing import Any

import numpy as np

from mlops_assets.errors import NotApplicableError, describe_without_values
from mlops_assets.models.inner_boosters import library_of
from mlops_assets.trees.arrays import Floats


class ShapTrees:
    """`shap.TreeExplainer` of one estimator, with (n, columns, outputs) values whatever the library returns.

    Parameters
    ----------
    estimator
        A fitted tree model that shap reads.
    background
        (rows, columns), for interventional values; None for path-dependent ones.

    Raises
    ------
    NotApplicableError
        shap does not read this model.
    """

    def __init__(self, estimator: Any, background: Floats | None) -> None:
        if library_of(estimator) == "catboost" and np.ndim(estimator.get_scale_and_bias()[1]):
            # shap 0.51 takes each output's value for a leaf of its own, and reads beyond its arrays.
            raise NotApplicableError("shap does not read CatBoost models of several outputs")
        import shap

        # shap 0.51 exports its exceptions nowhere else.
        from shap.utils._exceptions import InvalidModelError

        mode = "tree_path_dependent" if background is None else "interventional"
        try:
            self._explainer = shap.TreeExplainer(estimator, data=background, feature_perturbation=mode)
        except (InvalidModelError, NotImplementedError, AssertionError, ValueError) as error:
            raise NotApplicableError(
                f"shap does not read a {type(estimator).__name__} ({mode}): {describe_without_values(error)}"
            ) from error

    def __call__(self, X: Floats) -> tuple[Floats, Floats]:
        """Attributions (n, columns, outputs) and base (outputs,) of a float64 matrix."""
        values = self._explainer.shap_values(X, check_additivity=False)
        values = np.stack(values, axis=-1) if isinstance(values, list) else np.asarray(values)
        values = values.reshape(X.shape[0], X.shape[1], -1).astype(np.float64)
        base = np.asarray(self._explainer.expected_value, dtype=np.float64).reshape(-1)
        return values, base[-values.shape[2] :]
