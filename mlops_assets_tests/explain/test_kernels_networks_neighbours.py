"""Kernel machines, networks and neighbours: equal to Shapley's formula over all subsets, also behind encodings."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR, NuSVR, OneClassSVM

from mlops_assets.errors import MlopsAssetsError, NotApplicableError
from mlops_assets.explain.explainers.choose import choose_explainer
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.explain.explainers.kernel_models import read_kernel_sum
from mlops_assets_tests.zoo.data import numbers, target
from mlops_assets_tests.zoo.games import interventional, shapley

from .conftest import Save

PROCESS = ConstantKernel(2.0) * RBF([1.0, 2.0, 3.0, 4.0]) + WhiteKernel(0.5)
KERNELS, NETWORKS, NEAR = "KernelMachineExplainer", "NetworkExplainer", "NeighboursExplainer"


def _mixed() -> pd.DataFrame:
    random = np.random.default_rng(4)
    return numbers(60, 2).assign(city=random.choice(["Bern", "Graz", "Wien"], 60), grade=random.integers(3, 6, 60))


def _continuous() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(6).normal(size=(60, 4)), columns=list("abcd"))


def _continuous_mixed() -> pd.DataFrame:
    return _mixed().assign(a=_continuous()["a"], b=_continuous()["b"])


def _encoded(estimator: Any) -> Any:
    encoder = make_column_transformer((OneHotEncoder(), ["city", "grade"]), (StandardScaler(), ["a", "b"]))
    return make_pipeline(encoder, estimator)


@pytest.mark.parametrize(
    ("model", "rows", "kind", "explainer"),
    [
        (SVR(), numbers(), "number", KERNELS),
        (NuSVR(gamma=2.0), numbers(), "number", KERNELS),
        (SVC(), numbers(), "binary", KERNELS),
        (OneClassSVM(), numbers(), "number", KERNELS),
        (KernelRidge(kernel="rbf"), numbers(), "numbers", KERNELS),
        (KernelRidge(kernel="laplacian", gamma=0.5), numbers(), "number", KERNELS),
        (GaussianProcessRegressor(PROCESS, normalize_y=True, optimizer=None), numbers(), "numbers", KERNELS),
        (_encoded(SVR()), _mixed(), "number", KERNELS),
        (MLPRegressor(hidden_layer_sizes=(4, 3), solver="lbfgs", max_iter=20), numbers(), "numbers", NETWORKS),
        (MLPClassifier((4,), activation="tanh", solver="lbfgs", max_iter=20), numbers(), "binary", NETWORKS),
        (
            _encoded(MLPClassifier((3,), activation="logistic", solver="lbfgs", max_iter=20)),
            _mixed(),
            "classes",
            NETWORKS,
        ),
        (KNeighborsRegressor(), _continuous(), "numbers", NEAR),
        (KNeighborsClassifier(weights="distance"), _continuous(), "classes", NEAR),
        (KNeighborsClassifier(3, p=1), _continuous(), "binary", NEAR),
        (_encoded(KNeighborsRegressor()), _continuous_mixed(), "number", NEAR),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_values_are_those_of_all_subsets(save: Save, model: Any, rows: pd.DataFrame, kind: str, explainer: str) -> None:
    model.fit(rows, target(rows, kind))
    chosen = choose_explainer(save(model, rows), rows.columns, rows.head(10))
    asked = rows.tail(3)
    explanation = chosen.explain(asked)
    values, base = shapley(interventional(_answers(model), asked, rows.head(10)))
    assert explainer == chosen.KIND
    assert explanation.error is None or not explanation.error.any()
    np.testing.assert_allclose(explanation.values, values, atol=1e-12)
    np.testing.assert_allclose(explanation.base, base, atol=1e-12)
    np.testing.assert_allclose(explanation.prediction, _answers(model)(asked), atol=1e-12)
    np.testing.assert_allclose(explanation.residual, 0, atol=1e-12)
    alone = chosen.explain(asked.iloc[[2]])
    assert alone.values.tobytes() == explanation.values[2:].tobytes()


def _answers(model: Any) -> Callable[[pd.DataFrame], Any]:
    def ask(rows: pd.DataFrame) -> Any:
        method = next(name for name in ("predict_proba", "decision_function", "predict") if hasattr(model, name))
        answer = np.asarray(getattr(model, method)(rows), np.float64).reshape(len(rows), -1)
        return answer[:, 1:] if method == "predict_proba" and answer.shape[1] == 2 else answer

    return ask


def test_a_row_far_from_all_others_is_explained_without_an_overflow(save: Save) -> None:
    rows = numbers()
    chosen = choose_explainer(save(SVR(gamma=5.0).fit(rows, target(rows, "number")), rows), rows.columns, rows.head(10))
    explanation = chosen.explain(rows.head(2) * 1e6)
    np.testing.assert_allclose(explanation.residual, 0, atol=1e-12)
    assert np.isfinite(explanation.values).all()


@pytest.mark.parametrize(
    ("model", "kind", "why"),
    [
        (SVR(kernel="poly"), "number", "poly"),
        (SVC(), "classes", "3 classes"),
        (KernelRidge(kernel="cosine"), "number", "cosine"),
        (GaussianProcessRegressor(Matern(), optimizer=None), "number", "Matern"),
        (GaussianProcessRegressor(RBF(1.0) + RBF(9.0), optimizer=None), "number", "no product"),
    ],
    ids=str,
)
def test_what_is_no_product_over_the_columns_says_why(model: Any, kind: str, why: str) -> None:
    rows = numbers(30)
    with pytest.raises(NotApplicableError, match=why):
        read_kernel_sum(model.fit(rows, target(rows, kind)))


def test_neighbours_that_are_often_equally_far_are_asked_for(save: Save) -> None:
    rows = numbers().round(0)
    model = save(KNeighborsRegressor().fit(rows, target(rows, "number")), rows)
    chosen = choose_explainer(model, rows.columns, rows.head(10))
    assert chosen.KIND == "PermutationExplainer"
    assert "equally far" in chosen.reason


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_missing_value_that_the_network_refuses_is_refused(save: Save) -> None:
    rows = numbers(30)
    model = MLPRegressor(hidden_layer_sizes=(2,), solver="lbfgs", max_iter=5).fit(rows, target(rows, "number"))
    chosen = choose_explainer(save(model, rows), rows.columns, rows.head(5))
    with pytest.raises(MlopsAssetsError, match="values are missing in a"):
        chosen.explain(rows.head(2).assign(a=[0.5, np.nan]))


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (MLPRegressor(hidden_layer_sizes=(5,), solver="lbfgs", max_iter=30, random_state=0), NETWORKS),
        (KNeighborsRegressor(), NEAR),
    ],
    ids=["network", "neighbours"],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_walks_are_those_that_the_model_would_be_asked_for(save: Save, model: Any, kind: str) -> None:
    rows = pd.DataFrame(np.random.default_rng(7).normal(size=(60, 9)), columns=list("abcdefghi"))
    model = save(model.fit(rows, target(rows, "number")), rows)
    made = [
        choose_explainer(model, rows.columns, rows.head(4), ExplainConfig(KIND=kind, calls_per_row=3 * 64)).explain(
            rows.tail(3)
        )
        for kind in (kind, "PermutationExplainer")
    ]
    np.testing.assert_allclose(made[0].values, made[1].values, atol=1e-12)
    errors = [np.asarray(one.error) for one in made]
    np.testing.assert_allclose(errors[0], errors[1], atol=1e-12)
    assert errors[0].min() > 0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_network_of_many_columns_has_intervals_that_cover_the_truth(save: Save) -> None:
    rows = numbers(60, 9)
    network = MLPRegressor(hidden_layer_sizes=(16,), solver="lbfgs", max_iter=200, random_state=0)
    model = save(network.fit(rows, target(rows, "number")), rows)
    exact = choose_explainer(model, rows.columns, rows.head(20), ExplainConfig(calls_per_row=20 * 510)).explain(rows)
    assert exact.error is None
    covered = []
    for seed in range(20):
        config = ExplainConfig(calls_per_row=2 * 16 * 20, seed=seed)
        sampled = choose_explainer(model, rows.columns, rows.head(20), config).explain(rows)
        assert sampled.error is not None
        # The stated error is that of the column with the largest one.
        gap = np.abs(sampled.values - exact.values)
        covered.append((gap <= 1.96 * sampled.error[:, None]).mean())
        assert np.abs(gap.mean()) < 2 * sampled.error.mean()
    assert np.mean(covered) > 0.95
