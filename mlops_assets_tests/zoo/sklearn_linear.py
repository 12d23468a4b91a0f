"""scikit-learn's linear models, and naive Bayes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn import linear_model as l
from sklearn import naive_bayes as b
from sklearn import svm as s
from sklearn.compose import make_column_transformer
from sklearn.cross_decomposition import PLSRegression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import RFE
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlops_assets.trees.arrays import Space
from mlops_assets_tests.zoo.case import Case, Fitted
from mlops_assets_tests.zoo.data import mixed, numbers, target
from mlops_assets_tests.zoo.sklearn_trees import LIBRARY, margin_of

REGRESSION = "linear regression"
LOG = "generalized linear regression with a log link"
PROBABLE = "logistic regression, linear discriminant analysis"
SCORED = "linear classifiers of a decision score"
BAYES = "naive Bayes"

ASKED = 12


def fit(model: Any, kind: str, ask: str, change: Callable[[pd.DataFrame], pd.DataFrame] | None = None) -> Fitted:
    """A model of `numbers`; `change` is done to them first."""
    rows = numbers() if change is None else change(numbers())
    fitted = model.fit(rows, target(rows, kind))
    return Fitted(fitted, rows, asked=rows.head(ASKED), margin=partial(margin_of, fitted, ask))


def case(name: str, family: str, space: Space, model: Any, kind: str, ask: str, **more: Any) -> Case:
    """An exact case, judged against the background."""
    explainer = "SumExplainer" if family == BAYES else "LinearExplainer"
    return Case(name, LIBRARY, family, partial(fit, model, kind, ask, **more), "exact", explainer, space)


def _bayes(model: Any, kind: str, change: Callable[[pd.DataFrame], pd.DataFrame] | None = None) -> Fitted:
    """Log-odds of two classes; the joint log-likelihoods of more."""
    rows = numbers() if change is None else change(numbers())
    fitted = model.fit(rows, target(rows, kind))

    def margin(frame: pd.DataFrame) -> np.ndarray:
        joint = fitted.predict_joint_log_proba(frame)
        return joint[:, 1:] - joint[:, :1] if joint.shape[1] == 2 else joint

    return Fitted(fitted, rows, asked=rows.head(ASKED), margin=margin)


def bayes(name: str, space: Space, model: Any, kind: str, change: Any = None) -> Case:
    """A case of naive Bayes."""
    return Case(name, LIBRARY, BAYES, partial(_bayes, model, kind, change), "exact", "SumExplainer", space)


def _counts(rows: pd.DataFrame) -> pd.DataFrame:
    return (rows.abs() * 3).round()


def _mixed(model: Any, kind: str, ask: str) -> Fitted:
    """Behind one-hot and scaled columns: linear, so that the game of the input columns is the sum of theirs."""
    rows = mixed()
    rows = rows.assign(city=rows["city"].astype(object), grade=rows["grade"].astype("int64"))
    design = make_column_transformer(
        (OneHotEncoder(), ["city"]), (StandardScaler(), ["a", "b"]), remainder="passthrough"
    )
    fitted = make_pipeline(design, model).fit(rows, target(rows, kind))
    return Fitted(fitted, rows, asked=rows.head(ASKED), margin=partial(margin_of, fitted, ask))


CASES: tuple[Case, ...] = (
    case("least squares", REGRESSION, "identity", l.LinearRegression(), "number", "predict"),
    case("least squares, two numbers", REGRESSION, "identity", l.LinearRegression(), "numbers", "predict"),
    case("ridge", REGRESSION, "identity", l.Ridge(), "number", "predict"),
    case("lasso, cross-validated", REGRESSION, "identity", l.LassoCV(cv=3), "number", "predict"),
    case("Bayesian ridge", REGRESSION, "identity", l.BayesianRidge(), "number", "predict"),
    case("Huber", REGRESSION, "identity", l.HuberRegressor(), "number", "predict"),
    case("quantile regression", REGRESSION, "identity", l.QuantileRegressor(), "number", "predict"),
    case("RANSAC", REGRESSION, "identity", l.RANSACRegressor(random_state=0), "number", "predict"),
    case("linear SVR", REGRESSION, "identity", s.LinearSVR(random_state=0), "number", "predict"),
    case("SVR with a linear kernel", REGRESSION, "identity", s.SVR(kernel="linear"), "number", "predict"),
    case("partial least squares", REGRESSION, "identity", PLSRegression(2), "numbers", "predict"),
    case("stochastic gradient descent", REGRESSION, "identity", l.SGDRegressor(random_state=0), "number", "predict"),
    case("recursive feature elimination", REGRESSION, "identity", RFE(l.Ridge(), n_features_to_select=2), "number",
         "predict"),
    case("Poisson regression", LOG, "log", l.PoissonRegressor(), "count", "log"),
    case("gamma regression", LOG, "log", l.GammaRegressor(), "positive", "log"),
    case("Tweedie regression", LOG, "log", l.TweedieRegressor(power=1.5), "count", "log"),
    case("Tweedie regression, identity link", REGRESSION, "identity", l.TweedieRegressor(power=0), "number", "predict"),
    case("logistic regression", PROBABLE, "log-odds", l.LogisticRegression(), "binary", "decision_function"),
    case("logistic regression, classes", PROBABLE, "softmax margin", l.LogisticRegression(), "classes",
         "decision_function"),
    case("logistic regression, cross-validated", PROBABLE, "log-odds",
         l.LogisticRegressionCV(cv=3, Cs=2, l1_ratios=(0.0,), use_legacy_attributes=False, scoring="accuracy"), "codes",
         "decision_function"),
    case("linear discriminant analysis", PROBABLE, "log-odds", LinearDiscriminantAnalysis(), "binary",
         "decision_function"),
    case("linear discriminant analysis, classes", PROBABLE, "softmax margin", LinearDiscriminantAnalysis(), "classes",
         "decision_function"),
    case("stochastic gradient descent, log loss", PROBABLE, "log-odds",
         l.SGDClassifier(loss="log_loss", random_state=0), "binary", "decision_function"),
    case("stochastic gradient descent, log loss, classes", SCORED, "margin",
         l.SGDClassifier(loss="log_loss", random_state=0), "classes", "decision_function"),
    case("stochastic gradient descent, modified Huber", SCORED, "margin",
         l.SGDClassifier(loss="modified_huber", random_state=0), "binary", "decision_function"),
    case("stochastic gradient descent, hinge", SCORED, "margin", l.SGDClassifier(random_state=0), "binary",
         "decision_function"),
    case("linear SVC", SCORED, "margin", s.LinearSVC(random_state=0), "binary", "decision_function"),
    case("linear SVC, classes", SCORED, "margin", s.LinearSVC(random_state=0), "classes", "decision_function"),
    case("SVC with a linear kernel", SCORED, "margin", s.SVC(kernel="linear"), "binary", "decision_function"),
    case("one-class SVM with a linear kernel", SCORED, "margin", s.OneClassSVM(kernel="linear"), "number",
         "decision_function"),
    case("one-class SVM by stochastic gradient descent", SCORED, "margin", l.SGDOneClassSVM(random_state=0), "number",
         "decision_function"),
    case("ridge classifier", SCORED, "margin", l.RidgeClassifier(), "classes", "decision_function"),
    Case("logistic regression behind one-hot and scaled columns", LIBRARY, PROBABLE,
         partial(_mixed, l.LogisticRegression(), "classes", "decision_function"), "exact", "LinearExplainer",
         "softmax margin"),
    bayes("Gaussian naive Bayes", "log-odds", b.GaussianNB(), "binary"),
    bayes("Gaussian naive Bayes, classes", "softmax margin", b.GaussianNB(), "classes"),
    bayes("multinomial naive Bayes", "softmax margin", b.MultinomialNB(), "classes", _counts),
    bayes("complement naive Bayes", "log-odds", b.ComplementNB(), "binary", _counts),
    Case("naive Bayes of one class", LIBRARY, BAYES, partial(fit, b.GaussianNB(), "one class", "predict_proba"),
         "exact", "SumExplainer", "probability"),
    bayes("categorical naive Bayes", "log-odds", b.CategoricalNB(), "binary", _counts),
    bayes("Bernoulli naive Bayes", "softmax margin", b.BernoulliNB(), "classes"),
)  # fmt: skip
