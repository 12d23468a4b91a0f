"""The loss of each row: the definition, scikit-learn's metrics, and labels as people write them."""

import math
from itertools import combinations

import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR, LinearSVC

from mlops_assets.errors import ConfigurationError, ExplanationError
from mlops_assets.explain.explainers.choose import choose_explainer
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.explain.explainers.loss_labels import LabelReader

COLUMNS = ["age", "income", "debt", "tenure"]


@pytest.fixture
def labelled(numbers):
    """Rows with answers of each kind: numbers, two classes and three."""
    score = numbers["age"] + numbers["income"] * numbers["debt"]
    return numbers.assign(
        amount=100 + 10 * score,
        left=np.where(score > 0, "yes", "no"),
        kind=pd.cut(score, [-np.inf, -0.5, 0.5, np.inf], labels=["low", "mid", "high"]).astype(str),
    )


def explainer_of(save, model, rows, label, **settings):
    config = ExplainConfig(space="loss", label=label, **settings)
    return choose_explainer(save(model, rows[COLUMNS]), COLUMNS, rows[COLUMNS], config)


def of_definition(losses, row, background):
    """Shapley's formula with the mean loss over the background as the worth of a set of known columns."""
    width = len(row)
    worth = {
        known: losses(np.where(np.isin(np.arange(width), known), row, background)).mean()
        for size in range(width + 1)
        for known in combinations(range(width), size)
    }
    values = np.zeros(width)
    for known, value in worth.items():
        for player in known:
            rest = tuple(other for other in known if other != player)
            values[player] += (value - worth[rest]) / (width * math.comb(width - 1, len(rest)))
    return values


def of_pairs(value, margins_of, attributions, row, background):
    """For each background row the loss's difference, in proportion to the attributions of the margin's difference."""
    total = 0
    for other in background:
        one, before = margins_of(row[None])[0], margins_of(other[None])[0]
        total = total + attributions(row, other) * (value(one) - value(before)) / (one - before)
    return total / len(background)


@pytest.mark.parametrize(
    ("make", "label", "kind"),
    [
        (GradientBoostingClassifier, "left", "TreeExplainer"),
        (LogisticRegression, "left", "LinearExplainer"),
        (lambda: make_pipeline(StandardScaler(), LogisticRegression()), "left", "LinearExplainer"),
        (lambda: lightgbm.LGBMClassifier(n_estimators=5, verbose=-1), "left", "TreeExplainer"),
        (lambda: RandomForestClassifier(5, random_state=0), "left", "PermutationExplainer"),
        (lambda: GradientBoostingClassifier(n_estimators=3), "kind", "PermutationExplainer"),
        (GradientBoostingRegressor, "amount", "TreeExplainer"),
        (Ridge, "amount", "LinearExplainer"),
        (SVR, "amount", "PermutationExplainer"),
    ],
)
def test_what_is_explained_is_the_metric_of_each_row(save, labelled, make, label, kind):
    model = make().fit(labelled[COLUMNS], labelled[label])
    explainer = explainer_of(save, model, labelled, label, background_rows=20)
    rows = labelled.head(12)
    found = explainer.explain(rows)
    assert (explainer.KIND, explainer.outputs) == (
        kind,
        ("squared_error",) if label == "amount" else ("log_loss",),
    )
    assert explainer.space == ("squared error" if label == "amount" else "log loss")
    if label == "amount":
        each = (rows[label] - model.predict(rows[COLUMNS])) ** 2
    else:
        scores = model.predict_proba(rows[COLUMNS])
        each = [
            log_loss([truth], scores[place : place + 1], labels=model.classes_)
            for place, truth in enumerate(rows[label])
        ]
    np.testing.assert_allclose(found.prediction[:, 0], each, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(explainer.predict(rows), found.prediction, rtol=1e-12)
    size = np.abs(found.values).sum(axis=1) + np.abs(found.base)
    assert (np.abs(found.residual) <= 1e-12 * size).all()
    # A row's values depend on that row alone.
    np.testing.assert_array_equal(explainer.explain(rows.iloc[5:6]).values, found.values[5:6])
    assert explainer.explain(rows.head(0)).values.shape == (0, 4, 1)


def test_a_model_that_is_asked_gets_the_loss_s_own_shapley_values(save, labelled):
    model = RandomForestClassifier(5, random_state=0).fit(labelled[COLUMNS], labelled["kind"])
    explainer = explainer_of(save, model, labelled, "kind", background_rows=10)
    background, rows = explainer.background.to_numpy(), labelled.head(4)
    found = explainer.explain(rows)
    for place, (row, truth) in enumerate(zip(rows[COLUMNS].to_numpy(), rows["kind"], strict=True)):

        def losses(masked, truth=truth):
            scores = model.predict_proba(pd.DataFrame(masked, columns=COLUMNS))
            scores = np.clip(scores, np.finfo(float).eps, 1 - np.finfo(float).eps)
            return -np.log(scores[:, list(model.classes_).index(truth)])

        np.testing.assert_allclose(found.values[place, :, 0], of_definition(losses, row, background), atol=1e-9)
        np.testing.assert_allclose(found.base[place, 0], losses(background).mean(), rtol=1e-12)


@pytest.mark.parametrize("label", ["left", "amount"])
def test_a_linear_model_divides_each_difference_of_losses(save, labelled, label):
    is_class = label == "left"
    model = (LogisticRegression() if is_class else Ridge()).fit(labelled[COLUMNS], labelled[label])
    explainer = explainer_of(save, model, labelled, label, background_rows=15)
    background, rows = explainer.background.to_numpy(), labelled.iloc[20:26]
    weights = model.coef_.ravel()

    def margins(X):
        return X @ weights + float(np.ravel(model.intercept_)[0])

    found = explainer.explain(rows)
    for place, (row, truth) in enumerate(zip(rows[COLUMNS].to_numpy(), rows[label], strict=True)):
        y = float(truth == model.classes_[1]) if is_class else truth

        def value(margin, y=y):
            return np.logaddexp(0, margin) - y * margin if is_class else (margin - y) ** 2

        expected = of_pairs(value, margins, lambda one, other: weights * (one - other), row, background)
        np.testing.assert_allclose(found.values[place, :, 0], expected, rtol=1e-9, atol=1e-12)


def test_beyond_six_columns_it_is_sampled_with_an_error(save, numbers):
    rows = pd.concat([numbers, numbers.add_suffix("_2")], axis=1)
    model = SVR().fit(rows, rows["age"] * rows["debt"])
    config = ExplainConfig(space="loss", label="truth", background_rows=5)
    explainer = choose_explainer(save(model, rows), rows.columns, rows, config)
    found = explainer.explain(rows.assign(truth=1.0).head(3))
    assert explainer.sampled
    assert (found.error > 0).all()
    np.testing.assert_allclose(found.residual, 0, atol=1e-10)


@pytest.mark.parametrize(
    ("classes", "written"),
    [
        ((0, 1), [0, 1, 1]),
        ((0, 1), [0.0, 1.0, 1.0]),
        ((0, 1), [False, True, True]),
        ((0, 1), ["0", "1", "1"]),
        ((False, True), ["false", "True", "TRUE"]),
        ((1.5, 2.5), ["1.5", "2.5", "2.50"]),
        (("no", "yes"), ["no", "yes", "yes"]),
        (("no", "yes"), pd.Categorical(["no", "yes", "yes"])),
        ((np.int64(0), np.int64(1)), pd.array([0, 1, 1], dtype="Int64")),
    ],
)
def test_labels_are_read_as_they_are_written(classes, written):
    found = LabelReader("truth", classes).read(pd.DataFrame({"truth": written}))
    np.testing.assert_array_equal(found, [0, 1, 1])


@pytest.mark.parametrize(
    ("reader", "values", "what", "places"),
    [
        (LabelReader("truth", ("no", "yes")), ["no", None, "yes"], "1 of 3 rows has no value", (1,)),
        (LabelReader("truth", ("no", "yes")), ["no", "maybe", "yes"], "none of the model's classes", (1,)),
        (LabelReader("truth", (0, 1)), [0, 2, 1], "none of the model's classes", (1,)),
        (LabelReader("truth"), [0.0, 1.0, np.inf], "no finite number", (2,)),
        (LabelReader("truth"), ["a", "1", "2"], "is no number", (0, 1, 2)),
        (LabelReader("truth", shares=True), [0.0, 1.0, 1.5], "no probability", (2,)),
        (LabelReader("other"), [0.0], "lack the column of labels 'other'", ()),
    ],
)
def test_a_label_that_says_nothing_is_named_by_its_row_and_not_by_its_value(reader, values, what, places):
    with pytest.raises(ExplanationError) as failure:
        reader.read(pd.DataFrame({"truth": values}))
    assert what in str(failure.value)
    assert failure.value.places == places
    assert "maybe" not in str(failure.value)
    assert "1.5" not in str(failure.value)


def test_a_model_without_probabilities_has_no_log_loss(save, labelled):
    model = LinearSVC().fit(labelled[COLUMNS], labelled["left"])
    with pytest.raises(ExplanationError, match="predicts no probabilities"):
        explainer_of(save, model, labelled, "left")


@pytest.mark.parametrize("settings", [{}, {"KIND": "PermutationExplainer"}])
def test_the_model_is_asked_about_its_background_as_often_as_without_a_label(save, labelled, monkeypatch, settings):
    rows = labelled[COLUMNS]
    model = save(QuadraticDiscriminantAnalysis().fit(rows, labelled["left"]), rows)
    asked: list[int] = []
    predict = type(model).predict

    def count(self, inputs, *arguments, **more):
        asked.append(len(inputs))
        return predict(self, inputs, *arguments, **more)

    monkeypatch.setattr(type(model), "predict", count)
    choose_explainer(model, COLUMNS, rows, ExplainConfig(**settings))
    without, asked[:] = asked.copy(), []
    choose_explainer(model, COLUMNS, rows, ExplainConfig(space="loss", label="left", **settings))
    assert asked == without


def test_a_label_that_the_model_reads_is_refused(save, labelled):
    model = Ridge().fit(labelled[COLUMNS], labelled["amount"])
    with pytest.raises(ExplanationError, match="'age' is a column that the model reads"):
        explainer_of(save, model, labelled, "age")


@pytest.mark.parametrize(
    "settings", [{"space": "loss"}, {"label": "truth"}, {"space": "loss", "label": "truth", "interactions": 2}]
)
def test_settings_that_do_not_go_together_are_refused(settings):
    with pytest.raises(ConfigurationError, match=r"label|interaction"):
        ExplainConfig(**settings)


def test_the_explainer_that_is_asked_for_is_taken_or_refused(save, labelled):
    model = Ridge().fit(labelled[COLUMNS], labelled["amount"])
    asked = explainer_of(save, model, labelled, "amount", KIND="PermutationExplainer")
    assert asked.KIND == "PermutationExplainer"
    forest = RandomForestClassifier(5, random_state=0).fit(labelled[COLUMNS], labelled["left"])
    with pytest.raises(ExplanationError, match="TreeExplainer has no values of the loss"):
        explainer_of(save, forest, labelled, "left", KIND="TreeExplainer")
