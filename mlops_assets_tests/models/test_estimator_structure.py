"""Attributes that disagree with the arrays that compiled code reads by them: refused before anything predicts."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.cluster import FeatureAgglomeration, KMeans, MiniBatchKMeans
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    VotingClassifier,
)
from sklearn.kernel_approximation import PolynomialCountSketch
from sklearn.linear_model import Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, RadiusNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, SplineTransformer, StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, OneClassSVM
from sklearn.tree import DecisionTreeRegressor

from mlops_assets.errors import TrustError
from mlops_assets.models.structure import check_structure

X, Y = load_iris(return_X_y=True)
SPARSE = csr_matrix(X)
CODES = np.column_stack([np.arange(150) % 5, np.arange(150) % 3])
CATEGORIES = np.column_stack([np.arange(150) % 5, X])


def set_value(**values):
    return lambda model: model.__dict__.update(values)


def set_spline(**values):
    return lambda model: model.bsplines_[0].__dict__.update(values)


def change(name, edit):
    return lambda model: model.__dict__.__setitem__(name, edit(model.__dict__[name]))


def set_tree(position, edit):
    def tamper(model):
        tree = model.__dict__["_tree"]
        state = list(tree.__getstate__())
        state[position] = edit(state[position])
        tree.__setstate__(tuple(state))

    return tamper


BOTH = np.column_stack([Y, Y])
DUMMIES = [
    (DummyRegressor, "mean", None, Y),
    (DummyRegressor, "median", None, BOTH),
    (DummyRegressor, "constant", 3, Y),
    (DummyRegressor, "constant", [3, 4], BOTH),
    *(
        (DummyClassifier, how, None, y)
        for how in ("prior", "stratified", "uniform", "most_frequent")
        for y in (Y, BOTH)
    ),
    (DummyClassifier, "constant", 1, Y),
    (DummyClassifier, "constant", [1, 2], BOTH),
]


SOUND = [
    SVC().fit(X, Y),
    SVC(probability=True).fit(X, Y == 0),
    NuSVC(kernel="poly").fit(X, Y),
    SVR().fit(X, Y),
    OneClassSVM().fit(X),
    SVC(kernel="precomputed").fit(X @ X.T, Y),
    KNeighborsClassifier().fit(X, Y),
    KNeighborsClassifier(algorithm="brute").fit(X, np.column_stack([Y, Y])),
    KNeighborsRegressor(metric="minkowski", p=3, metric_params={"w": np.ones(4)}).fit(X, Y),
    RadiusNeighborsClassifier(algorithm="ball_tree", metric="seuclidean", metric_params={"V": np.ones(4)}).fit(X, Y),
    KMeans(2, n_init=1).fit(X),
    MiniBatchKMeans(2, n_init=1).fit(X),
    SplineTransformer(extrapolation="periodic").fit(X),
    GradientBoostingClassifier(n_estimators=2).fit(X, Y),
    GradientBoostingClassifier(n_estimators=2, init="zero").fit(X, Y == 0),
    GradientBoostingRegressor(n_estimators=2, init=Ridge()).fit(X, Y),
    HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]).fit(CATEGORIES, Y),
    OneHotEncoder(drop="first", min_frequency=35).fit(CODES),
    PolynomialFeatures(3).fit(X),
    SVC(kernel=np.matmul).fit(np.eye(4), [0, 1, 0, 1]),
    FeatureAgglomeration(2).fit(X),
    *(kind(strategy=how, constant=c).fit(X, y) for kind, how, c, y in DUMMIES),
    PolynomialCountSketch(n_components=5).fit(X),
    SplineTransformer(include_bias=False).fit(X),
    VotingClassifier([("a", GaussianNB()), ("b", SVC())]).fit(X, Y == 0),
]


@pytest.mark.parametrize("model", SOUND, ids=lambda model: type(model).__name__)
def test_fitted_models_pass(model):
    check_structure(make_pipeline(StandardScaler(), model), "models:/m/1")


@pytest.mark.parametrize(
    ("make", "tamper", "reason"),
    [
        (lambda: SVC().fit(X, Y), change("_n_support", lambda old: old * 100), "support vectors do not agree"),
        (lambda: SVC().fit(X, Y), change("_n_support", lambda old: -old), "support vectors do not agree"),
        (lambda: SVC().fit(X, Y), change("_dual_coef_", lambda old: old[:, :3]), "for other support vectors"),
        (lambda: SVC().fit(X, Y), change("_intercept_", lambda old: old[:1]), "for other support vectors"),
        (lambda: SVC().fit(X, Y), change("support_vectors_", lambda old: old[:, :1].copy()), "do not agree"),
        (lambda: SVC().fit(X, Y), change("_probA", lambda old: np.zeros(1)), "probabilities for other classes"),
        (lambda: SVR().fit(X, Y), change("_n_support", lambda old: old * 9), "support vectors do not agree"),
        (
            lambda: SVC(kernel="precomputed").fit(X @ X.T, Y),
            change("support_", lambda old: old + 10**6),
            "points at rows",
        ),
        (lambda: KNeighborsClassifier().fit(X, Y), change("_y", lambda old: old + 10**6), "classes that it does not"),
        (lambda: KNeighborsClassifier().fit(X, Y), change("_y", lambda old: old - 1), "classes that it does not have"),
        (lambda: KNeighborsClassifier().fit(X, Y), change("_fit_X", lambda old: old[:, :2].copy()), "do not agree"),
        (lambda: KNeighborsRegressor().fit(X, Y), set_value(n_features_in_=400), "number of columns"),
        (lambda: KNeighborsRegressor().fit(X, Y), set_value(effective_metric_params_={"w": np.ones(2)}), "columns"),
        (lambda: KMeans(2, n_init=1).fit(X), set_value(n_features_in_=400), "number of columns"),
        (lambda: KMeans(2, n_init=1).fit(X), change("cluster_centers_", lambda old: old[:, :1]), "number of columns"),
        (lambda: SplineTransformer().fit(X), set_spline(k=10**9), "degree that its knots do not allow"),
        (lambda: SplineTransformer().fit(X), set_spline(k=-1), "degree that its knots do not allow"),
        (lambda: SplineTransformer().fit(X), set_spline(_c=np.ones((2, 7))), "fewer weights than knots"),
        (lambda: SplineTransformer().fit(X), set_spline(_t=np.full(11, np.nan)), "knots that do not ascend"),
        (
            lambda: GradientBoostingClassifier(n_estimators=2).fit(X, Y),
            set_value(n_trees_per_iteration_=1),
            "number of answers",
        ),
        (
            lambda: GradientBoostingClassifier(n_estimators=2).fit(X, Y),
            set_value(init_=DummyRegressor().fit(X, Y)),
            "starts with an estimator of another number",
        ),
        (
            lambda: GradientBoostingRegressor(n_estimators=2).fit(X, Y),
            set_value(init_=MultiOutputRegressor(Ridge()).fit(X, X)),
            "starts with an estimator of another number",
        ),
        (
            lambda: GradientBoostingRegressor(n_estimators=2).fit(X, Y),
            lambda model: model.estimators_.__setitem__(
                (0, 0), DecisionTreeRegressor(max_depth=1).fit(X, np.column_stack([Y, Y]))
            ),
            "tree of several answers",
        ),
        (
            lambda: HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]).fit(CATEGORIES, Y),
            set_value(_preprocessor=StandardScaler().fit(X)),
            "prepares its columns in a way that scikit-learn does not",
        ),
        (
            lambda: HistGradientBoostingClassifier(max_iter=2).fit(X, Y),
            lambda model: model._predictors[0][0].nodes["is_categorical"].fill(1),  # noqa: SLF001 - as a file would
            "splits by categories",
        ),
        (lambda: OneHotEncoder().fit(CODES), set_value(_n_features_outs=[5, 1]), "number of columns"),
        (
            lambda: OneHotEncoder(drop="first").fit(CODES),
            set_value(_drop_idx_after_grouping=np.array([99, 0], dtype=object)),
            "drops a category",
        ),
        (
            lambda: OneHotEncoder(min_frequency=35).fit(CODES),
            set_value(_default_to_infrequent_mappings=[np.array([0, 1, 2, 3, 10**6]), None]),
            "groups of categories",
        ),
        (lambda: PolynomialFeatures(3).fit(X), set_value(_max_degree=10**6), "more columns than fit into memory"),
        (
            lambda: SVC().fit(SPARSE, Y),
            change("_dual_coef_", lambda old: csr_matrix(old.shape)),
            "for other support vectors",
        ),
        (
            lambda: SVR().fit(SPARSE, Y),
            change("_dual_coef_", lambda old: csr_matrix(old.shape)),
            "for other support vectors",
        ),
        (lambda: SVC().fit(SPARSE, Y), set_value(_effective_probability=True), "probabilities for other classes"),
        (
            lambda: SVC().fit(SPARSE, Y),
            set_value(kernel="precomputed", shape_fit_=(4, 4), support_=np.zeros(0, "i4")),
            "points at rows",
        ),
        (lambda: SVC().fit(X, Y), set_value(kernel=np.add, shape_fit_=(4, 4)), "points at rows"),
        (
            lambda: FeatureAgglomeration(2).fit(X),
            change("labels_", lambda old: old + 2 * 10**9),
            "groups that it does not have",
        ),
        (lambda: PolynomialCountSketch().fit(X), set_value(n_components=10**9), "more columns than fit into memory"),
        (lambda: DummyRegressor().fit(X, Y), set_value(n_outputs_=9_000_000), "answers do not agree"),
        (lambda: DummyClassifier().fit(X, Y), set_value(n_outputs_=9_000_000), "answers do not agree"),
        (lambda: SplineTransformer().fit(X), set_value(n_features_out_=10**9), "more columns than its splines"),
        (
            lambda: VotingClassifier([("a", GaussianNB())]).fit(X, Y),
            lambda model: model.estimators_[0].__dict__.update(classes_=np.array([0, 1, 2 * 10**9])),
            "vote for classes",
        ),
        *(
            (
                lambda algorithm=algorithm: KNeighborsClassifier(algorithm=algorithm).fit(X, Y),
                set_tree(position, change_part),
                "arrays of different lengths",
            )
            for algorithm in ("kd_tree", "ball_tree")
            for position, change_part in ((3, lambda old: np.asarray(old)[:0]), (6, lambda old: old // 2))
        ),
    ],
)
def test_what_disagrees_is_refused(make, tamper, reason):
    model = make()
    tamper(model)
    with pytest.raises(TrustError, match=rf"{reason}.*Do not use this model"):
        check_structure(model, "models:/m/1")


def test_the_weights_of_a_distance_are_of_the_columns():
    model = KNeighborsClassifier(algorithm="ball_tree", metric="minkowski", p=3, metric_params={"w": np.ones(4)}).fit(
        X, Y
    )
    state = list(model._tree.__getstate__())  # noqa: SLF001 - what a crafted file would change
    metric = state[11]
    metric.__setstate__((3.0, np.ones(1), metric.__getstate__()[2]))
    model._tree.__setstate__(tuple(state))  # noqa: SLF001 - what a crafted file would change
    with pytest.raises(TrustError, match=r"weights of its distance for other columns"):
        check_structure(model, "models:/m/1")
