"""Ordinary models of scikit-learn, lightgbm and xgboost load by default; nothing on the list can run anything."""

import importlib
import inspect
import re

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import SelectKBest, f_classif, f_regression
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, Matern, RationalQuadratic, WhiteKernel
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.mixture import GaussianMixture
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, LocalOutlierFactor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, SVR, LinearSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from mlops_assets.errors import TrustError
from mlops_assets.models.load import load_native
from mlops_assets.models.skops_files import find_untrusted_types
from mlops_assets.models.trusted_types import TRUSTED_FUNCTIONS, TRUSTED_TYPES
from mlops_assets_tests.models.conftest import REFERENCE, edit_mlmodel, judge, save_sklearn

ROWS = 80
KERNEL = ConstantKernel() * RBF() + Matern() + WhiteKernel() + DotProduct() * RationalQuadratic()


def table() -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(ROWS, 2))
    frame = pd.DataFrame(
        {
            "a": numbers[:, 0],
            "b": np.where(rng.random(ROWS) < 0.1, np.nan, numbers[:, 1]),
            "c": rng.integers(0, 9, ROWS),
            "city": rng.choice(["Oslo", "Rome", "Kyiv"], ROWS),
        }
    )
    return frame, pd.Series((numbers.sum(axis=1) > 0).astype("int64"))


def columns(numbers, texts=None, **options):
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), numbers), ["a", "b", "c"]),
            ("texts", texts or OneHotEncoder(handle_unknown="ignore"), ["city"]),
        ],
        **options,
    )


def prepared(*steps):
    """A pipeline whose first step makes `table` fit for any estimator."""
    return make_pipeline(columns(StandardScaler()), *steps)


CLASSIFIERS = {
    "tree": DecisionTreeClassifier(max_depth=3),
    "forest": RandomForestClassifier(5, max_depth=3),
    "extra trees": ExtraTreesClassifier(5, max_depth=3),
    "gradient boosting": GradientBoostingClassifier(n_estimators=5),
    "gradient boosting, exponential": GradientBoostingClassifier(n_estimators=5, loss="exponential", init="zero"),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=5),
    "histogram boosting, early stopping": HistGradientBoostingClassifier(max_iter=5, early_stopping=True),
    "neighbors": KNeighborsClassifier(),
    "neighbors, ball tree": KNeighborsClassifier(algorithm="ball_tree", metric="manhattan"),
    "neighbors, minkowski": KNeighborsClassifier(algorithm="kd_tree", p=3),
    "perceptron": MLPClassifier(hidden_layer_sizes=(4,), max_iter=20),
    "perceptron, sgd": MLPClassifier(hidden_layer_sizes=(4,), max_iter=20, solver="sgd"),
    "calibrated, sigmoid": CalibratedClassifierCV(LogisticRegression(), cv=2),
    "calibrated, isotonic": CalibratedClassifierCV(RandomForestClassifier(3), cv=2, method="isotonic"),
    "svc": SVC(probability=True),
    "linear svc": LinearSVC(),
    "gaussian process": GaussianProcessClassifier(ConstantKernel() * RBF()),
    "ada": AdaBoostClassifier(n_estimators=3),
    "bagging": BaggingClassifier(n_estimators=3, max_features=0.5),
    "voting": VotingClassifier([("a", LogisticRegression()), ("b", RandomForestClassifier(3))], voting="soft"),
    "stacking": StackingClassifier([("a", GaussianNB()), ("b", DecisionTreeClassifier(max_depth=2))], cv=2),
    "one against the rest": OneVsRestClassifier(GradientBoostingClassifier(n_estimators=2)),
    "sgd": SGDClassifier(),
    "sgd, log loss": SGDClassifier(loss="log_loss"),
    "discriminant": LinearDiscriminantAnalysis(),
    "xgboost": xgboost.XGBClassifier(n_estimators=3),
    "xgboost, forest": xgboost.XGBRFClassifier(n_estimators=3),
    "lightgbm": lightgbm.LGBMClassifier(n_estimators=3, verbose=-1),
}
REGRESSORS = {
    "linear": LinearRegression(),
    "ridge": Ridge(),
    "elastic net": ElasticNet(),
    "tree": DecisionTreeRegressor(max_depth=3, ccp_alpha=0.001),
    "forest": RandomForestRegressor(5, max_depth=3),
    "extra trees": ExtraTreesRegressor(5, bootstrap=True, oob_score=False),
    "gradient boosting": GradientBoostingRegressor(n_estimators=5),
    "gradient boosting, huber": GradientBoostingRegressor(n_estimators=5, loss="huber"),
    "gradient boosting, quantile": GradientBoostingRegressor(n_estimators=5, loss="quantile"),
    "gradient boosting, absolute": GradientBoostingRegressor(n_estimators=5, loss="absolute_error"),
    "histogram boosting": HistGradientBoostingRegressor(max_iter=5),
    "histogram boosting, poisson": HistGradientBoostingRegressor(max_iter=5, loss="poisson"),
    "histogram boosting, quantile": HistGradientBoostingRegressor(max_iter=5, loss="quantile", quantile=0.9),
    "neighbors": KNeighborsRegressor(weights="distance"),
    "perceptron": MLPRegressor(hidden_layer_sizes=(4,), max_iter=20),
    "svr": SVR(),
    "gaussian process": GaussianProcessRegressor(KERNEL, optimizer=None),
    "ada": AdaBoostRegressor(n_estimators=3),
    "bagging": BaggingRegressor(n_estimators=3),
    "voting": VotingRegressor([("a", Ridge()), ("b", DecisionTreeRegressor(max_depth=2))]),
    "stacking": StackingRegressor([("a", Ridge()), ("b", DecisionTreeRegressor(max_depth=2))], cv=2),
    "poisson": PoissonRegressor(),
    "tweedie": TweedieRegressor(),
    "tweedie, log": TweedieRegressor(power=1.5, link="log"),
    "quantile": QuantileRegressor(),
    "sgd, huber": SGDRegressor(loss="huber"),
    "transformed target": TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
    "xgboost": xgboost.XGBRegressor(n_estimators=3),
    "xgboost, forest": xgboost.XGBRFRegressor(n_estimators=3),
    "lightgbm": lightgbm.LGBMRegressor(n_estimators=3, verbose=-1),
}
PIPELINES = {
    "one-hot": make_pipeline(columns(StandardScaler()), LogisticRegression()),
    "one-hot, dense, drop": make_pipeline(
        columns(MinMaxScaler(), OneHotEncoder(sparse_output=False, drop="first", dtype=np.float32)),
        LogisticRegression(),
    ),
    "ordinal": make_pipeline(
        columns(RobustScaler(), OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)), Ridge()
    ),
    "target encoder": make_pipeline(columns(StandardScaler(), TargetEncoder(cv=2)), LogisticRegression()),
    "bins": make_pipeline(columns(KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf")), LogisticRegression()),
    "power": make_pipeline(columns(PowerTransformer()), Ridge()),
    "quantiles": make_pipeline(columns(QuantileTransformer(n_quantiles=20)), Ridge()),
    "splines": make_pipeline(columns(SplineTransformer(n_knots=4)), Ridge()),
    "polynomials": make_pipeline(columns(PolynomialFeatures(2)), Ridge()),
    "remainder": make_pipeline(
        ColumnTransformer([("city", OneHotEncoder(), ["city"])], remainder="passthrough"),
        HistGradientBoostingClassifier(max_iter=3),
    ),
    "remainder, by selector": make_pipeline(
        ColumnTransformer(
            [("texts", OneHotEncoder(), ["city"])],
            remainder=SimpleImputer(strategy="median", add_indicator=True),
        ),
        RandomForestClassifier(3),
    ),
    "union": prepared(FeatureUnion([("a", StandardScaler(with_mean=False)), ("b", PolynomialFeatures(2))]), Ridge()),
    "neighbors' imputer": make_pipeline(
        ColumnTransformer([("n", KNNImputer(), ["a", "b", "c"])]), RandomForestClassifier(3)
    ),
    "selection": prepared(SelectKBest(f_classif, k=2), LogisticRegression()),
    "selection, regression": prepared(SelectKBest(f_regression, k=2), Ridge()),
    "function of numpy": make_pipeline(
        ColumnTransformer([("log", FunctionTransformer(np.log1p, feature_names_out="one-to-one"), ["c"])]), Ridge()
    ),
    "xgboost in a pipeline": prepared(xgboost.XGBClassifier(n_estimators=3)),
    "lightgbm in a pipeline": prepared(lightgbm.LGBMRegressor(n_estimators=3, verbose=-1)),
    "several outputs": prepared(MultiOutputRegressor(Ridge())),
    "chain of trees": prepared(ClassifierChain(DecisionTreeClassifier(max_depth=2))),
}
UNSUPERVISED = {
    "isolation forest": IsolationForest(n_estimators=5),
    "isolation forest, some features": IsolationForest(n_estimators=5, max_features=2, max_samples=20),
    "one-class": OneClassSVM(),
    "outlier factor": LocalOutlierFactor(novelty=True),
    "mixture": GaussianMixture(2, random_state=0),
}
ALL = {
    **{f"classifier: {name}": prepared(model) for name, model in CLASSIFIERS.items()},
    **{f"regressor: {name}": prepared(model) for name, model in REGRESSORS.items()},
    **{f"pipeline: {name}": model for name, model in PIPELINES.items()},
    **{f"unsupervised: {name}": prepared(model) for name, model in UNSUPERVISED.items()},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(ALL))
@pytest.mark.filterwarnings("ignore")
def test_an_ordinary_model_loads_by_default_and_predicts_the_same(name, tmp_path):
    features, target = table()
    model = ALL[name]
    if "several" in name or "chain" in name:
        target = pd.DataFrame({"y": target, "z": 1 - target})
    model.fit(features, target)
    saved = save_sklearn(model, tmp_path / "model")
    judge(saved)
    loaded = load_native(saved, REFERENCE)
    np.testing.assert_array_equal(loaded.predict(features), model.predict(features))


@pytest.mark.slow
def test_an_xgboost_and_a_lightgbm_model_of_their_own_flavors(tmp_path):
    features, target = table()
    features = features.drop(columns="city")
    for name, model in {
        "xgboost": xgboost.XGBClassifier(n_estimators=3),
        "lightgbm": lightgbm.LGBMClassifier(n_estimators=3, verbose=-1),
    }.items():
        model.fit(features, target)
        module = importlib.import_module(f"mlflow.{name}")
        options = {"skops_trusted_types": sorted(TRUSTED_TYPES)} if name == "lightgbm" else {}
        module.save_model(model, tmp_path / name, pip_requirements=[name], **options)
        judge(tmp_path / name)
        loaded = load_native(tmp_path / name, REFERENCE)
        assert type(loaded.native) is type(model)
        np.testing.assert_array_equal(loaded.predict(features), model.predict(features))


def test_a_model_whose_own_list_is_that_of_an_older_skops_loads(tmp_path):
    """skops up to 0.14 trusted trees by itself, so the list in those models has none."""
    features, target = table()
    model = make_pipeline(columns(StandardScaler()), RandomForestClassifier(3)).fit(features, target)
    saved = save_sklearn(model, tmp_path / "model")
    edit_mlmodel(saved, lambda content: content["flavors"]["sklearn"].update(skops_trusted_types=None))
    before = {path: path.read_bytes() for path in saved.iterdir() if path.is_file()}
    judge(saved)
    np.testing.assert_array_equal(load_native(saved, REFERENCE).predict(features), model.predict(features))
    assert {path: path.read_bytes() for path in saved.iterdir() if path.is_file()} == before


def test_what_needs_a_function_that_calls_functions_says_so(tmp_path):
    """Histogram boosting keeps a functools.partial for its categories: it could call any trusted function."""
    features, target = table()
    encode = ColumnTransformer([("city", OrdinalEncoder(), ["city"])], remainder="passthrough")
    model = make_pipeline(encode, HistGradientBoostingClassifier(max_iter=3, categorical_features=[0]))
    model.fit(features, target)
    needed = ["functools.partial", "sklearn.utils.validation.check_array"]
    saved = save_sklearn(model, tmp_path / "model", skops_trusted_types=[*TRUSTED_TYPES, *needed])
    with pytest.raises(TrustError, match=r"trusted_types: \[functools.partial, sklearn.utils.validation.check_array\]"):
        judge(saved)
    judge(saved, trusted_types=frozenset(needed))
    np.testing.assert_array_equal(load_native(saved, REFERENCE).predict(features), model.predict(features))


def find_object(name: str) -> object | None:
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute, None)
    except ModuleNotFoundError:
        return None


def test_every_entry_is_a_type_or_one_of_the_few_functions():
    others = {name for name in TRUSTED_TYPES - TRUSTED_FUNCTIONS if not isinstance(find_object(name), type | None)}
    assert others == set()


def test_the_functions_are_exactly_these():
    assert {name.rpartition(".")[2] for name in TRUSTED_FUNCTIONS} == {
        *("chi2", "f_classif", "f_regression", "r_regression", "mutual_info_classif", "mutual_info_regression"),
        "asarray",
    }


def test_the_list_names_what_exists():
    """An entry that no supported version knows is a misprint; one that only some know is listed here."""
    unknown = {name for name in TRUSTED_TYPES if find_object(name) is None}
    assert unknown <= {
        "sklearn._loss.link.HalfLogitLink",
        "sklearn.compose._column_transformer._RemainderColsList",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "sklearn.neighbors._ball_tree.BallTree64",
        "sklearn.neighbors._ball_tree.BallTree32",
        "sklearn.neighbors._kd_tree.KDTree64",
        "sklearn.neighbors._kd_tree.KDTree32",
    }


DANGEROUS_PARTS = {
    *("operator", "builtins", "functools", "os", "posix", "nt", "subprocess", "sys", "shutil", "pathlib", "io"),
    *("importlib", "runpy", "pickle", "joblib", "cloudpickle", "ctypes", "code", "types", "inspect", "socket"),
    *("urllib", "requests", "tempfile", "threading", "multiprocessing", "atexit", "signal", "webbrowser"),
}


def test_nothing_dangerous_is_on_the_list():
    tops = {name.partition(".")[0] for name in TRUSTED_TYPES}
    assert tops == {"collections", "lightgbm", "numpy", "scipy", "sklearn", "xgboost"}
    assert not {name for name in TRUSTED_TYPES if DANGEROUS_PARTS & set(name.split("."))}
    calls_what_it_is_given = ("PyFuncDistance", "PairwiseKernel", "partial", "vectorize", "apply_along_axis")
    assert not {name for name in TRUSTED_TYPES if any(part in name for part in calls_what_it_is_given)}


def test_no_trusted_type_restores_itself_by_running_what_it_is_given():
    """skops hands any state to `__setstate__`; where that is Python, it neither evaluates nor imports nor unpickles."""
    suspicious = re.compile(r"\b(eval|exec|open|__import__|import_module|loads?)\(")
    kinds = [find_object(name) for name in sorted(TRUSTED_TYPES - TRUSTED_FUNCTIONS)]
    methods = [
        vars(base)["__setstate__"] for kind in kinds if kind for base in kind.__mro__ if "__setstate__" in vars(base)
    ]
    written = [inspect.getsource(method) for method in methods if inspect.isfunction(method)]
    assert len(written) > 5
    assert [source for source in written if suspicious.search(source)] == []


def test_the_needed_types_are_listed_without_making_any(tmp_path):
    features, target = table()
    model = prepared(RandomForestClassifier(2)).fit(features, target)
    saved = save_sklearn(model, tmp_path / "model")
    assert find_untrusted_types(saved / "model.skops") >= {"sklearn.tree._tree.Tree", "numpy.dtype"}
    assert find_untrusted_types(saved / "model.skops") <= TRUSTED_TYPES
