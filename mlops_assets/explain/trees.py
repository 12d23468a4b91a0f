"""Tree ensembles: exact Shapley values of the model proper, rolled up to the input columns."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mlops_assets.explain.design import Design, read_design
from mlops_assets.explain.explainer import Explainer, Explanation, Floats, NotApplicableError, Space, Subject
from mlops_assets.explain.sampling import frame_digest
from mlops_assets.explain.shap_trees import ShapTrees

if TYPE_CHECKING:
    import pandas as pd

_CELLS = 1_000_000


class _Ensemble(Protocol):
    @property
    def space(self) -> Space: ...

    def raw_margin(self, X: Floats) -> Floats: ...


class TreeExplainer(Explainer):
    """SHAP values of decision trees, forests and boosted trees, alone or behind a traceable preprocessing.

    Mode `path_dependent`: exact, with the training covers as the distribution of what is not known (Lundberg et al.
    2020), no background. Mode `interventional`: against the background rows, by shap.

    Space: `identity` for regressions, `probability` for forests, `log-odds` for boosted classifiers.
    """

    kind = "TreeExplainer"

    def __init__(self, subject: Subject) -> None:
        self._design: Design = read_design(subject)
        estimator = self._design.estimator
        self._trees, self._attribute = _read(estimator)
        probe = self._design.matrix(self._design.transform(subject.background))
        if subject.config.mode == "interventional":
            self.background = subject.background
            self.background_digest = frame_digest(subject.background)
            self._attribute = ShapTrees(estimator, probe)
        self.features, self.space, self.outputs = subject.features, self._trees.space, subject.response.outputs
        width = self._margin(probe[:1]).shape[1]
        if subject.response.classes is None and self.space in ("log-odds", "probability"):
            # A Booster knows no labels: the positive class is 1, several are numbered.
            self.outputs = ("1",) if width == 1 else tuple(str(place) for place in range(width))
        # Forests hold both classes of a binary model; the positive one is explained.
        self._second = width == 2 and len(self.outputs) == 1
        if width != len(self.outputs) and not self._second:
            raise NotApplicableError(f"its trees have {width} outputs where the model has {len(self.outputs)}")
        if type(estimator).__module__.startswith("xgboost"):
            self.precision = np.dtype(np.float32)
        self.native_importance = self._importance(estimator)
        self.rows_per_call = max(64, _CELLS // max(1, probe.shape[1] * width))
        self.reason = f"{type(estimator).__name__} is made of trees: exact, {subject.config.mode.replace('_', ' ')}"

    def predict(self, inputs: "pd.DataFrame") -> Floats:
        return self._kept(self._margin(self._matrix(inputs))) if len(inputs) else np.zeros((0, len(self.outputs)))

    def explain(self, inputs: "pd.DataFrame") -> Explanation:
        if len(inputs) == 0:
            none = np.zeros((0, len(self.outputs)))
            return Explanation(np.zeros((0, len(self.features), len(self.outputs))), none, none)
        X = self._matrix(inputs)
        values, base = self._attribute(X)
        rolled = self._design.roll_up(self._kept(values))
        starts = np.broadcast_to(self._kept(base[None, :]), (len(X), len(self.outputs))).copy()
        return Explanation(rolled, starts, self._kept(self._margin(X)))

    def _matrix(self, inputs: "pd.DataFrame") -> Floats:
        return self._design.matrix(self._design.transform(self.columns(inputs)))

    def _margin(self, X: Floats) -> Floats:
        return np.asarray(self._trees.raw_margin(X), dtype=np.float64).reshape(len(X), -1)

    def _kept(self, values: Floats) -> Floats:
        return values[..., 1:] if self._second else values

    def _importance(self, estimator: Any) -> dict[str, dict[str, float]] | None:
        """The library's own importance, summed over the columns of each input; the same for every output."""
        own = getattr(estimator, "feature_importances_", None)
        if own is None or np.shape(own) != self._design.sources.shape:
            return None
        total = self._design.roll_up(np.asarray(own, dtype=np.float64)[None, :, None])[0, :, 0]
        return {output: dict(zip(self.features, total.tolist(), strict=True)) for output in self.outputs}


def _read(estimator: Any) -> tuple[_Ensemble, Callable[[Floats], tuple[Floats, Floats]]]:
    """The estimator's trees, and the function that attributes them path-dependently.

    Raises
    ------
    NotApplicableError
        It is no tree model that is supported.
    """
    ensemble = _ShapEnsemble.read(estimator)
    if ensemble is None:
        raise NotApplicableError(f"{type(estimator).__name__} is not a tree model that is read exactly")
    return ensemble, ShapTrees(estimator, None)


class _ShapEnsemble:
    """Stands in until the package's own tree reader is there."""

    def __init__(self, space: Space, margin: Callable[[Floats], Any]) -> None:
        self.space, self._ask = space, margin

    def raw_margin(self, X: Floats) -> Floats:
        return np.asarray(self._ask(X), dtype=np.float64)

    @classmethod
    def read(cls, estimator: Any) -> "_ShapEnsemble | None":
        name, module = type(estimator).__name__, type(estimator).__module__.partition(".")[0]
        if module == "sklearn" and name.startswith(("RandomForest", "ExtraTree", "DecisionTree")):
            if name.endswith("Classifier"):
                return cls("probability", estimator.predict_proba)
            return cls("identity", estimator.predict)
        if module == "sklearn" and name.startswith(("GradientBoosting", "HistGradientBoosting")):
            if name.endswith("Classifier"):
                return cls("log-odds", estimator.decision_function)
            return cls("identity", estimator.predict)
        if name in ("LGBMClassifier", "LGBMRegressor"):
            space: Space = "log-odds" if name.endswith("Classifier") else "identity"
            return cls(space, lambda X: estimator.predict(X, raw_score=True))
        if name in ("XGBClassifier", "XGBRegressor"):
            space = "log-odds" if name.endswith("Classifier") else "identity"
            return cls(space, lambda X: estimator.predict(X, output_margin=True))
        return None
