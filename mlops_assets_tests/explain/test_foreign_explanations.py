"""Python models that explain themselves in the columns of the pipeline that they keep somewhere."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.pyfunc.model import PythonModel
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, PolynomialFeatures, StandardScaler

from mlops_assets.explain.explainers.choose import choose_explainer
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.explain.explainers.linear import LinearExplainer

ROWS = pd.DataFrame(
    {"season": ["a", "b", "c", "d"] * 10, "temp": np.linspace(0, 1, 40), "wind": np.sin(np.arange(40))},
    index=range(500, 540),
)
TARGET = ROWS["temp"] * 3 + (ROWS["season"] == "b") * 2 - ROWS["wind"]


def _pipeline(*between: Any, encoder: Any = None, numbers: Any = "passthrough", last: Any = None) -> Pipeline:
    columns = ColumnTransformer(
        [("categoricals", encoder or OneHotEncoder(), ["season"]), ("numericals", numbers, ["temp", "wind"])]
    )
    steps = [("columns", columns), *((f"step{i}", step) for i, step in enumerate(between))]
    return Pipeline([*steps, ("last", LinearRegression() if last is None else last)]).fit(ROWS, TARGET)


class Foreign(PythonModel):
    """Explains its linear pipeline in transformed names, without the inputs' index."""

    short = False

    def __init__(self, pipeline: Pipeline) -> None:
        self._inside = {"fitted": pipeline}

    def _get(self) -> Pipeline:
        return self._inside["fitted"]

    def predict(self, context, model_input, params=None):
        return self._get().predict(model_input)

    def _names(self) -> list[str]:
        names = self._get()[:-1].get_feature_names_out()
        return [name.partition("__")[2] if self.short else name for name in names]

    def explain_samples(self, inputs):
        made = self._get()[:-1].transform(inputs)
        made = np.asarray(made.toarray() if hasattr(made, "toarray") else made)
        return pd.DataFrame(made * self._get()[-1].coef_, columns=self._names())

    def explain_model(self):
        return pd.Series(np.abs(self._get()[-1].coef_), self._names())


class ShortNames(Foreign):
    short = True


class Unreachable(Foreign):
    def __init__(self, pipeline: Pipeline) -> None:
        self._closed = lambda: pipeline

    def _get(self) -> Pipeline:
        return self._closed()


class Getter(Unreachable):
    def get_internal_model(self) -> Pipeline:
        return self._closed()


class Property(Unreachable):
    @property
    def pipeline(self) -> Pipeline:
        return self._closed()


@pytest.mark.parametrize("kind", [Foreign, ShortNames, Getter, Property], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "pipeline",
    [
        _pipeline(),
        _pipeline(encoder=OneHotEncoder(drop="first"), numbers=StandardScaler()),
        _pipeline(encoder=OrdinalEncoder()),
        _pipeline(SelectKBest(f_regression, k=3)),
        _pipeline(numbers=FeatureUnion([("plain", MinMaxScaler()), ("again", StandardScaler())])),
    ],
    ids=["one-hot", "dropped", "ordinal", "selected", "union"],
)
def test_transformed_columns_are_summed_to_the_inputs(save, kind, pipeline) -> None:
    model = kind(pipeline)
    explainer = choose_explainer(save(model, ROWS), ROWS.columns, ROWS)
    assert explainer.KIND == "ModelExplainer", explainer.reason
    explanation = explainer.explain(ROWS)
    own = model.explain_samples(ROWS)
    for place, name in enumerate(ROWS.columns):
        of_column = [column for column in own.columns if name in column]
        np.testing.assert_allclose(explanation.values[:, place, 0], own[of_column].sum(axis=1))
    total = explanation.base[:, 0] + explanation.values[:, :, 0].sum(axis=1)
    np.testing.assert_allclose(total, pipeline.predict(ROWS))
    importance = model.explain_model()
    expected = sum(value for name, value in importance.items() if "season" in name)
    if expected:
        assert explainer.native_importance["prediction"]["season"] == pytest.approx(expected)


def test_an_unreachable_pipeline_is_passed_over_with_the_reason(save) -> None:
    explainer = choose_explainer(save(Unreachable(_pipeline()), ROWS), ROWS.columns, ROWS)
    assert explainer.KIND == "PermutationExplainer"
    assert "explain_samples() was passed over" in explainer.reason
    assert "explain_model() was passed over" in explainer.reason
    assert "no scikit-learn pipeline can be reached" in explainer.reason


def test_columns_made_of_several_inputs_belong_to_none(save) -> None:
    explainer = choose_explainer(save(Foreign(_pipeline(PolynomialFeatures(2))), ROWS), ROWS.columns, ROWS)
    assert explainer.KIND == "PermutationExplainer"
    assert "PolynomialFeatures may mix columns" in explainer.reason


class Broken(Foreign):
    """Its explanations are of no use, its forest is."""

    def explain_samples(self, inputs):
        return pd.DataFrame({"nobody": np.zeros(len(inputs))})

    def explain_model(self):
        raise KeyError("a value")


def test_the_inner_estimator_is_explained_instead(save) -> None:
    forest = _pipeline(last=RandomForestRegressor(10, random_state=0))
    explainer = choose_explainer(save(Broken(forest), ROWS), ROWS.columns, ROWS)
    assert explainer.KIND == "TreeExplainer"
    assert "explain_model() was passed over: it raised KeyError" in explainer.reason
    explanation = explainer.explain(ROWS)
    np.testing.assert_allclose(explanation.base[:, 0] + explanation.values.sum(axis=(1, 2)), forest.predict(ROWS))


@pytest.mark.parametrize(
    "form",
    [
        lambda series: series.to_dict(),
        lambda series: series.to_frame("weight"),
        lambda series: series.rename_axis("feature").reset_index(name="importance"),
        lambda series: list(series.items()),
        lambda series: series.tolist(),
        lambda series: series.to_numpy(),
    ],
    ids=["dict", "indexed table", "table", "pairs", "list", "array"],
)
def test_every_form_of_importance_is_read(save, form) -> None:
    class Formed(Foreign):
        def explain_model(self):
            return form(super().explain_model())

    pipeline = _pipeline()
    explainer = choose_explainer(save(Formed(pipeline), ROWS), ROWS.columns, ROWS)
    sizes = np.abs(pipeline[-1].coef_)
    assert explainer.native_importance["prediction"] == pytest.approx(
        {"season": sizes[:4].sum(), "temp": sizes[4], "wind": sizes[5]}
    )


class Shuffled(Foreign):
    def explain_samples(self, inputs):
        return super().explain_samples(inputs).iloc[::-1].reset_index(drop=True)


def test_lost_rows_that_do_not_add_up_by_position_are_passed_over(save) -> None:
    explainer = choose_explainer(save(Shuffled(_pipeline()), ROWS), ROWS.columns, ROWS)
    assert explainer.KIND == "LinearExplainer"
    assert "passed over" in explainer.reason


def _search(pipeline: Pipeline) -> GridSearchCV:
    return GridSearchCV(pipeline, {"last__fit_intercept": [True]}, cv=2).fit(ROWS, TARGET)


def _target(pipeline: Pipeline) -> TransformedTargetRegressor:
    return TransformedTargetRegressor(pipeline).fit(ROWS, TARGET)


def _nested(pipeline: Pipeline) -> Pipeline:
    inner = Pipeline([("scale", StandardScaler(with_mean=False)), ("last", LinearRegression())])
    return Pipeline([("columns", pipeline[0]), ("inner", inner)]).fit(ROWS, TARGET)


def _random_search(pipeline: Pipeline) -> RandomizedSearchCV:
    return RandomizedSearchCV(_target(pipeline), {"regressor__last__fit_intercept": [True]}, n_iter=1, cv=2).fit(
        ROWS, TARGET
    )


def _linear(fitted: Any) -> Pipeline:
    while not isinstance(fitted, Pipeline):
        fitted = getattr(fitted, "best_estimator_", None) or fitted.regressor_
    return fitted if not isinstance(fitted[-1], Pipeline) else Pipeline([*fitted.steps[:-1], *fitted[-1].steps])


class Wrapped(Foreign):
    """Keeps its pipeline inside scikit-learn's meta-estimators."""

    def _get(self) -> Pipeline:
        return _linear(self._inside["fitted"])


class WrappedGetter(Wrapped):
    def __init__(self, fitted: Any) -> None:
        self._closed = lambda: fitted

    def _get(self) -> Pipeline:
        return _linear(self._closed())

    def get_fitted_search(self) -> Any:
        return self._closed()


@pytest.mark.parametrize("kind", [Wrapped, WrappedGetter], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("wrap", [_search, _target, _nested, _random_search], ids=lambda wrap: wrap.__name__)
def test_pipelines_inside_meta_estimators_are_found(save, kind, wrap) -> None:
    fitted = wrap(_pipeline())
    explainer = choose_explainer(save(kind(fitted), ROWS), ROWS.columns, ROWS)
    assert explainer.KIND == "ModelExplainer", explainer.reason
    explanation = explainer.explain(ROWS)
    total = explanation.base[:, 0] + explanation.values[:, :, 0].sum(axis=1)
    np.testing.assert_allclose(total, fitted.predict(ROWS))
    assert set(explainer.native_importance["prediction"]) == {"season", "temp", "wind"}


@pytest.mark.parametrize(
    "form",
    [
        lambda frame, base: frame.assign(expected_value=base, prediction=frame.sum(axis=1) + base),
        lambda frame, base: frame.to_dict("records"),
        lambda frame, base: frame.to_dict("list"),
        lambda frame, base: frame.to_numpy().tolist(),
        lambda frame, base: [frame],
        lambda frame, base: (frame.to_numpy(), base),
        lambda frame, base: (frame, np.full(len(frame), base)),
        lambda frame, base: frame.astype(object),
        lambda frame, base: frame[frame.columns[::-1]],
    ],
    ids=["beside", "rows", "columns", "lists", "per output", "pair", "pair of table", "objects", "reversed"],
)
def test_every_form_of_attributions_is_read(save, form) -> None:
    class Formed(Foreign):
        def explain_samples(self, inputs):
            return form(super().explain_samples(inputs), self._get()[-1].intercept_)

    pipeline = _pipeline()
    explainer = choose_explainer(save(Formed(pipeline), ROWS), ROWS.columns, ROWS)
    assert explainer.KIND == "ModelExplainer", explainer.reason
    explanation = explainer.explain(ROWS)
    own = Foreign(pipeline).explain_samples(ROWS)
    np.testing.assert_allclose(explanation.values[:, 0, 0], own.iloc[:, :4].sum(axis=1))
    total = explanation.base[:, 0] + explanation.values[:, :, 0].sum(axis=1)
    np.testing.assert_allclose(total, pipeline.predict(ROWS))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda frame: frame.iloc[:-1], "attributions"),
        (lambda frame: frame.assign(cluster=1.0), "unknown columns"),
        (lambda frame: pd.concat([frame, frame], axis=1), "have several columns called"),
        (lambda frame: frame.astype(str), "hold str, not numbers alone"),
        (lambda frame: frame.astype("Float64").mask(frame > 0), "hold NAType and float, not numbers alone"),
        (lambda frame: None, "explain_samples() returned a single NoneType"),
        (lambda frame: "text", "explain_samples() returned a single str"),
        (lambda frame: {"a": object()}, "explain_samples() raised"),
        (lambda frame: frame * np.nan, "not finite"),
    ],
)
def test_an_answer_of_no_use_is_passed_over_and_the_estimator_is_explained(save, spoil, reason) -> None:
    class Spoilt(Foreign):
        def explain_samples(self, inputs):
            return spoil(super().explain_samples(inputs))

    pipeline = _pipeline()
    explainer = choose_explainer(save(Spoilt(pipeline), ROWS), ROWS.columns, ROWS)
    assert explainer.KIND == "LinearExplainer", explainer.reason
    assert "explain_samples() was passed over" in explainer.reason
    assert reason in explainer.reason


class Holder(PythonModel):
    def __init__(self, model: Any) -> None:
        self.model = model

    def predict(self, context, model_input, params=None):
        return self.model.predict(model_input)


def test_whatever_an_inner_estimator_raises_leads_to_the_next_way(save, monkeypatch) -> None:
    def broken(self, subject):
        raise ZeroDivisionError

    monkeypatch.setattr(LinearExplainer, "__init__", broken)
    numbers = ROWS[["temp", "wind"]]
    model = LinearRegression().fit(numbers, TARGET)
    explainer = choose_explainer(save(Holder(model), numbers), numbers.columns, numbers)
    assert explainer.KIND == "PermutationExplainer"
    assert "LinearExplainer failed: it raised ZeroDivisionError" in explainer.reason
    explanation = explainer.explain(numbers)
    np.testing.assert_allclose(explanation.base[:, 0] + explanation.values.sum(axis=(1, 2)), model.predict(numbers))


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_native_booster_inside_a_python_model_is_explained_exactly(save, library) -> None:
    numbers = ROWS[["temp", "wind"]]
    held: PythonModel
    if library == "xgboost":
        xgboost = pytest.importorskip("xgboost")
        booster = xgboost.train({"max_depth": 2}, xgboost.DMatrix(numbers, TARGET), 5)

        class Matrices(Holder):
            def predict(self, context, model_input, params=None):
                return self.model.predict(xgboost.DMatrix(model_input))

        held = Matrices(booster)
    else:
        lightgbm = pytest.importorskip("lightgbm")
        data = lightgbm.Dataset(numbers, TARGET)
        booster = lightgbm.train({"verbose": -1, "min_data_in_leaf": 2, "num_leaves": 4}, data, 5)

        held = Holder(booster)

    explainer = choose_explainer(save(held, numbers), numbers.columns, numbers)
    assert explainer.KIND in ("TreeExplainer", "NativeExplainer"), explainer.reason


def test_an_explainer_that_is_asked_for_explains_the_estimator_inside(save) -> None:
    pipeline = _pipeline()
    explainer = choose_explainer(
        save(Holder(pipeline), ROWS), ROWS.columns, ROWS, ExplainConfig(KIND="LinearExplainer")
    )
    explanation = explainer.explain(ROWS)
    total = explanation.base[:, 0] + explanation.values.sum(axis=(1, 2))
    np.testing.assert_allclose(total, pipeline.predict(ROWS), atol=1e-12)
