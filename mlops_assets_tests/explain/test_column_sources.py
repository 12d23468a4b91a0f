"""Attributions of transformed columns add up to their input column's, exactly, or the pipeline is not taken apart."""

import numpy as np
import pandas as pd
import pytest
import shap
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

from mlops_assets.errors import NotApplicableError
from mlops_assets.explain.explainers.choose import choose_explainer
from mlops_assets.explain.explainers.column_sources import check_sources, trace_columns
from mlops_assets.trees.input_columns import roll_up

from .conftest import Save

TEXTS, NUMBERS = ["city", "plan"], ["age", "income"]


def _sources(transformer, rows):
    return trace_columns(transformer, rows, np.arange(rows.shape[1]))[1].tolist()


def _named(transformer, rows: pd.DataFrame) -> list[str]:
    """For each transformed column, the input column that its own name says it comes from."""
    names = [name.split("__")[-1].removeprefix("missingindicator_") for name in transformer.get_feature_names_out()]
    return [
        next(column for column in rows.columns if name == column or name.startswith(f"{column}_")) for name in names
    ]


NESTED = ColumnTransformer(
    [
        ("texts", OneHotEncoder(drop="if_binary", handle_unknown="ignore"), TEXTS),
        ("numbers", Pipeline([("fill", SimpleImputer(add_indicator=True)), ("scale", StandardScaler())]), [1, 0]),
        ("again", KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf"), ["age"]),
    ],
    remainder="passthrough",
)


@pytest.mark.parametrize(
    "transformer",
    [
        NESTED,
        ColumnTransformer([("codes", OrdinalEncoder(), make_column_selector(dtype_include=object))], remainder="drop"),
        ColumnTransformer(
            [("few", OneHotEncoder(min_frequency=40), ["city"]), ("rest", "passthrough", slice("age", "income"))]
        ),
        ColumnTransformer(
            [("masked", MinMaxScaler(), [True, False, False, False, False])],
            remainder=SimpleImputer(strategy="most_frequent"),
        ),
        ColumnTransformer([("spline", SplineTransformer(4), ["age"]), ("drop", "drop", TEXTS)]),
    ],
    ids=["nested", "ordinal", "infrequent", "masked", "spline"],
)
def test_columns_are_traced_to_the_input_that_their_names_say(people: pd.DataFrame, transformer) -> None:
    transformer.fit(people)
    names = [people.columns[place] for place in _sources(transformer, people)]
    assert names == _named(transformer, people)


def test_a_target_encoder_of_several_classes_has_its_columns_side_by_side(people: pd.DataFrame) -> None:
    target = pd.cut(people["age"], 3, labels=["a", "b", "c"]).astype(str)
    assert _sources(TargetEncoder().fit(people[TEXTS], target), people[TEXTS]) == [0, 0, 0, 1, 1, 1]


def test_an_imputer_leaves_out_columns_without_a_value(numbers: pd.DataFrame) -> None:
    rows = numbers.assign(income=np.nan)
    rows.loc[3, "debt"] = np.nan
    assert _sources(SimpleImputer(add_indicator=True).fit(rows), rows) == [0, 2, 3, 1, 2]
    assert _sources(SimpleImputer(keep_empty_features=True).fit(rows), rows) == [0, 1, 2, 3]


def test_a_selector_keeps_the_sources_of_what_it_selects(numbers: pd.DataFrame) -> None:
    selector = SelectKBest(f_regression, k=2).fit(numbers, numbers["debt"] + numbers["tenure"])
    assert _sources(selector, numbers) == [2, 3]


def test_a_union_has_its_parts_one_after_the_other(numbers: pd.DataFrame) -> None:
    union = FeatureUnion([("scaled", StandardScaler()), ("same", "passthrough")]).fit(numbers)
    assert _sources(union, numbers) == [0, 1, 2, 3, 0, 1, 2, 3]


def test_whatever_is_made_of_a_single_column_comes_from_it(people: pd.DataFrame) -> None:
    both = ColumnTransformer([("words", TfidfVectorizer(), "city"), ("square", PolynomialFeatures(2), ["age"])])
    assert _sources(both.fit(people), people) == [2, 2, 2, 2, 0, 0, 0]


@pytest.mark.parametrize(
    "transformer",
    [PCA(2), PolynomialFeatures(2), Normalizer(), FunctionTransformer(lambda X: X - X.mean(axis=1, keepdims=True))],
)
def test_a_transformer_that_may_mix_columns_is_refused_by_name(numbers: pd.DataFrame, transformer) -> None:
    with pytest.raises(NotApplicableError, match=type(transformer).__name__):
        _sources(transformer.fit(numbers.to_numpy()), numbers.to_numpy())


def test_a_function_that_is_declared_one_to_one_and_is_not_is_found_out(numbers: pd.DataFrame) -> None:
    liar = FunctionTransformer(lambda X: X - X.mean(axis=1, keepdims=True), feature_names_out="one-to-one")
    liar.fit(numbers.to_numpy())
    sources = trace_columns(liar, numbers.to_numpy(), np.arange(4))[1]
    with pytest.raises(NotApplicableError, match="depend on 'age' and on another column"):
        check_sources(lambda rows: liar.transform(rows.to_numpy()), numbers.head(8), sources)


def test_numpy_functions_work_on_elements(numbers: pd.DataFrame) -> None:
    assert _sources(FunctionTransformer(np.tanh).fit(numbers), numbers) == [0, 1, 2, 3]


def test_the_sum_of_every_row_is_preserved() -> None:
    values = np.random.default_rng(0).normal(size=(5, 7, 2))
    rolled = roll_up(values, np.array([3, 0, 0, 1, 3, 3, 1]), 4)
    np.testing.assert_allclose(rolled.sum(axis=1), values.sum(axis=1), atol=1e-14)
    np.testing.assert_allclose(rolled[:, 3], values[:, [0, 4, 5]].sum(axis=1))
    assert (rolled[:, 2] == 0).all()


def test_a_forest_behind_one_hot_gets_the_sums_of_shap_s_values(
    save: Save, people: pd.DataFrame, churned: pd.Series
) -> None:
    pipeline = make_pipeline(NESTED, RandomForestClassifier(15, max_depth=5, random_state=0)).fit(people, churned)
    explainer = choose_explainer(save(pipeline, people), people.columns, people)
    explanation = explainer.explain(people)
    assert (explainer.KIND, explainer.outputs) == ("TreeExplainer", ("yes",)), explainer.reason
    transformed = np.asarray(pipeline[:-1].transform(people), dtype=float)
    theirs = shap.TreeExplainer(pipeline[-1]).shap_values(transformed, check_additivity=False)[:, :, 1]
    sources = np.array(_named(pipeline[0], people))
    for place, name in enumerate(people.columns):
        np.testing.assert_allclose(explanation.values[:, place, 0], theirs[:, sources == name].sum(axis=1), atol=1e-9)
    np.testing.assert_allclose(explanation.prediction[:, 0], pipeline.predict_proba(people)[:, 1], atol=1e-12)
    assert np.abs(explanation.residual).max() < 1e-9


def test_a_linear_model_behind_sparse_one_hot_gets_the_sums_of_shap_s_values(
    save: Save, people: pd.DataFrame, churned: pd.Series
) -> None:
    coded = ColumnTransformer([("texts", OneHotEncoder(), TEXTS)], sparse_threshold=1.0, remainder=SimpleImputer())
    pipeline = make_pipeline(coded, LogisticRegression(max_iter=2000)).fit(people, churned)
    explainer = choose_explainer(save(pipeline, people), people.columns, people.head(100))
    explanation = explainer.explain(people)
    dense = [np.asarray(part.toarray()) for part in (coded.transform(people.head(100)), coded.transform(people))]
    theirs = shap.LinearExplainer(pipeline[-1], shap.maskers.Independent(dense[0])).shap_values(dense[1])
    assert (explainer.KIND, explainer.space) == ("LinearExplainer", "log-odds"), explainer.reason
    sources = np.array(_named(coded, people))
    for place, name in enumerate(people.columns):
        np.testing.assert_allclose(explanation.values[:, place, 0], theirs[:, sources == name].sum(axis=1), atol=1e-8)


def test_a_search_stands_for_its_best_estimator(save: Save, numbers: pd.DataFrame) -> None:
    pipeline = Pipeline([("scale", StandardScaler()), ("model", LinearRegression())])
    search = GridSearchCV(pipeline, {"model__fit_intercept": [True]}, cv=2).fit(numbers, numbers["age"])
    assert choose_explainer(save(search, numbers), numbers.columns, numbers).KIND == "LinearExplainer"


def test_dropped_columns_get_nothing(save: Save, people: pd.DataFrame) -> None:
    pipeline = make_pipeline(
        ColumnTransformer([("age", StandardScaler(), ["age"])]), GradientBoostingRegressor(n_estimators=5)
    ).fit(people, people["age"])
    explanation = choose_explainer(save(pipeline, people), people.columns, people).explain(people)
    assert np.abs(explanation.values[:, 0]).min() > 0
    assert (explanation.values[:, 1:] == 0).all()


def test_a_pipeline_that_mixes_columns_is_explained_as_a_whole_with_the_reason(
    save: Save, numbers: pd.DataFrame
) -> None:
    pipeline = make_pipeline(PCA(2), LinearRegression()).fit(numbers, numbers["age"])
    explainer = choose_explainer(save(pipeline, numbers), numbers.columns, numbers.head(20))
    assert explainer.KIND == "PermutationExplainer"
    assert "PCA may mix columns" in explainer.reason
    assert np.abs(explainer.explain(numbers.head(5)).residual).max() < 1e-12
