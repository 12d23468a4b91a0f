"""Every estimator of scikit-learn, fitted, written with skops and judged: which load by default, and which do not.

``python -m mlops_assets_tests.models.skops.test_estimators`` writes ``estimators.json`` anew.
"""

import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.utils import all_estimators
from skops.io import dumps, get_untrusted_types, loads

from mlops_assets.errors import TrustError
from mlops_assets.models.structure import check_structure
from mlops_assets_tests.models.skops.edits import judge

TABLE = Path(__file__).parent / "estimators.json"
X, Y = load_iris(return_X_y=True)
X, Y = np.abs(X[::3]), Y[::3]
TWO = np.column_stack([Y == 0, Y == 1]).astype(int)
# What may be fitted: features and target, tried one after the other.
DATA: list[tuple[Any, Any]] = [
    (X, Y),
    (X, Y == 0),
    (X, X[:, 0] + 1),
    (X, TWO),
    (X, X[:, :2]),
    (X[:, 0], X[:, 1]),
    (Y, None),
    (["one text", "two texts", "a third"], None),
    ([{"a": 1, "b": 2}, {"a": 3}], None),
    ([["a", "b"], ["c"]], None),
    (X @ X.T, None),
]
PARAMETERS: dict[str, Callable[[type], Any]] = {
    "ColumnTransformer": lambda kind: kind([("scale", StandardScaler(), [0, 1])], remainder="passthrough"),
    "FeatureUnion": lambda kind: kind([("scale", StandardScaler())]),
    "Pipeline": lambda kind: kind([("scale", StandardScaler()), ("last", LogisticRegression())]),
    "StackingClassifier": lambda kind: kind([("a", LogisticRegression())], cv=2),
    "StackingRegressor": lambda kind: kind([("a", Ridge())], cv=2),
    "VotingClassifier": lambda kind: kind([("a", LogisticRegression())]),
    "VotingRegressor": lambda kind: kind([("a", Ridge())]),
    "GridSearchCV": lambda kind: kind(LogisticRegression(), {"C": [1.0]}, cv=2),
    "HalvingGridSearchCV": lambda kind: kind(LogisticRegression(), {"C": [1.0]}, cv=2),
    "HalvingRandomSearchCV": lambda kind: kind(LogisticRegression(), {"C": [1.0]}, cv=2),
    "RandomizedSearchCV": lambda kind: kind(LogisticRegression(), {"C": [1.0]}, n_iter=1, cv=2),
    "FrozenEstimator": lambda kind: kind(KMeans(2).fit(X)),
    "RFECV": lambda kind: kind(LogisticRegression(), cv=2),
    "SparseCoder": lambda kind: kind(np.eye(4)),
    "SparseRandomProjection": lambda kind: kind(2),
    "GaussianRandomProjection": lambda kind: kind(2),
    "SpectralBiclustering": lambda kind: kind(n_clusters=2),
    "RegressorChain": lambda kind: kind(Ridge()),
    "MultiOutputRegressor": lambda kind: kind(Ridge()),
    "TransformedTargetRegressor": lambda kind: kind(Ridge()),
}


def instances() -> Iterator[tuple[str, Any]]:
    for name, kind in all_estimators():
        if not kind.__module__.startswith("sklearn."):
            continue
        try:
            yield name, PARAMETERS[name](kind) if name in PARAMETERS else kind()
        except TypeError:
            yield name, kind(LogisticRegression())


def small(model: Any) -> Any:
    chosen = {"n_estimators": 3, "n_init": 1, "random_state": 0}
    known = model.get_params(deep=False) if hasattr(model, "get_params") else {}
    return model.set_params(**{name: value for name, value in chosen.items() if name in known})


def fit(model: Any) -> Any:
    """The fitted model and rows that it answers; None where no data fits."""
    for rows, target in DATA:
        try:
            trained = model.fit(rows, target) if target is not None else model.fit(rows)
            ask(trained, rows)
            return trained, rows
        except Exception:  # noqa: BLE001 - other data may be what it wants
            continue
    return None


def ask(model: Any, rows: Any) -> Any:
    for method in ("predict_proba", "predict", "transform", "score_samples"):
        if hasattr(model, method):
            answer = getattr(model, method)(rows)
            return answer.toarray() if hasattr(answer, "toarray") else answer
    return None


def examine(model: Any, folder: Path) -> str:
    """How it goes with one estimator, in a few words."""
    fitted = fit(model)
    if fitted is None:
        return "no data of this test fits it"
    trained, rows = fitted
    try:
        content = dumps(trained)
    except Exception:  # noqa: BLE001 - skops has many
        return "skops does not write it"
    try:
        unknown = judge(content, folder)
    except TrustError as error:
        return f"refused: {error}"
    if unknown:
        return f"refused: {', '.join(sorted(unknown))}"
    loaded = loads(content, trusted=get_untrusted_types(data=content))
    check_structure(loaded, "models:/m/1")
    # Asked now: an answer may draw from a random state, which is in the file as it was a moment ago.
    expected, found = ask(trained, rows), ask(loaded, rows)
    if expected is None:
        return "loads"
    # Bits may differ: an array comes back in another memory layout, and sums are made in another order.
    np.testing.assert_allclose(
        np.asarray(found), np.asarray(expected), rtol=1e-9, atol=1e-12, err_msg=type(model).__name__
    )
    return "loads, predicts the same"


def examine_all(folder: Path) -> dict[str, str]:
    """Each estimator's name with its outcome."""
    from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401 - they register

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: examine(small(model), folder) for name, model in instances()}


@pytest.mark.slow
def test_which_estimators_load_is_what_was_recorded(tmp_path):
    recorded = json.loads(TABLE.read_text())
    outcomes = examine_all(tmp_path)
    if sklearn.__version__ == recorded["scikit-learn"]:
        assert outcomes == recorded["estimators"]
    refused = {name for name, outcome in outcomes.items() if outcome.startswith("refused")}
    known = {name for name, outcome in recorded["estimators"].items() if outcome.startswith("refused")}
    assert refused <= known


def test_what_people_use_loads():
    recorded = json.loads(TABLE.read_text())["estimators"]
    refused = {name for name, outcome in recorded.items() if outcome.startswith("refused")}
    assert refused <= {"BisectingKMeans"}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        written = {"scikit-learn": sklearn.__version__, "estimators": examine_all(Path(scratch))}
    TABLE.write_text(json.dumps(written, indent=1) + "\n")
    sys.exit(0)
