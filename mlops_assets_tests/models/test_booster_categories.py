"""Boosters that were fitted on pandas categories, given what these name."""

import catboost
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import RandomForestRegressor, StackingRegressor, VotingRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlops_assets.errors import PredictionError
from mlops_assets.models.column_names import match_names
from mlops_assets.models.native_input import to_native_input

random = np.random.default_rng(0)
TRIPS = pd.DataFrame(
    {
        "distance": random.normal(size=300),
        "city": pd.Categorical(random.choice(["Bergen", "Oslo", "Tromso"], 300)),
        "day": pd.Categorical(random.choice(["Mon", "Tue"], 300)),
    }
)
TEXT = TRIPS.astype({"city": object, "day": object})
FARE = TRIPS["distance"] + TRIPS["city"].cat.codes * 3
MODELS = [
    lightgbm.LGBMRegressor(n_estimators=5, verbose=-1),
    xgboost.XGBRegressor(n_estimators=5, enable_categorical=True),
]


@pytest.mark.parametrize("model", MODELS, ids=["lightgbm", "xgboost"])
def test_text_is_predicted_as_the_categories_are_whatever_rows_are_beside_it(model):
    model.fit(TRIPS, FARE)
    expected = model.predict(TRIPS)
    for rows in (slice(None), slice(7, 8), slice(50, 10, -1)):
        given = to_native_input(TEXT.iloc[rows], model)
        assert model.predict(given).tolist() == expected[rows].tolist()
        assert list(given["city"].cat.categories) == ["Bergen", "Oslo", "Tromso"]


def of_text(model):
    """Behind columns of zeros and ones."""
    return make_pipeline(make_column_transformer((OneHotEncoder(), ["city", "day"]), remainder="passthrough"), model)


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: MultiOutputRegressor(model),
        lambda model: TransformedTargetRegressor(MultiOutputRegressor(model), transformer=StandardScaler()),
        lambda model: GridSearchCV(MultiOutputRegressor(model), {"estimator__n_estimators": [3, 5]}, cv=2),
        lambda model: StackingRegressor([("forest", of_text(RandomForestRegressor(3))), ("model", model)], cv=2),
        lambda model: VotingRegressor([("forest", of_text(RandomForestRegressor(3))), ("model", model)]),
        lambda model: VotingRegressor([("one", MODELS[0]), ("two", MODELS[1])]),
        lambda model: VotingRegressor([("one", MODELS[1]), ("two", MODELS[0])]),
    ],
    ids=["targets", "scaled targets", "search", "stack", "after a forest", "lightgbm first", "xgboost first"],
)
@pytest.mark.parametrize("model", MODELS, ids=["lightgbm", "xgboost"])
def test_boosters_in_models_of_models_get_their_categories(wrap, model):
    several = wrap(model)
    targets = np.column_stack([FARE, -FARE]) if "MultiOutput" in repr(several) else FARE
    several.fit(TRIPS, targets)
    assert several.predict(to_native_input(TEXT, several)).tolist() == several.predict(TRIPS).tolist()


def test_a_calibrated_booster_gets_its_categories():
    model = CalibratedClassifierCV(lightgbm.LGBMClassifier(n_estimators=5, verbose=-1), ensemble=False, cv=2)
    model.fit(TRIPS, FARE > 3)
    assert model.predict_proba(to_native_input(TEXT, model)).tolist() == model.predict_proba(TRIPS).tolist()


@pytest.mark.parametrize("model", MODELS, ids=["lightgbm", "xgboost"])
def test_missing_text_stays_missing(model):
    holes = TRIPS.assign(city=TRIPS["city"].where(TRIPS.index % 5 > 0))
    model.fit(holes, FARE)
    text = holes.astype({"city": object}).assign(city=lambda frame: frame["city"].where(frame["city"].notna(), None))
    assert model.predict(to_native_input(text, model)).tolist() == model.predict(holes).tolist()


def test_text_that_was_no_category_is_refused_by_its_column_for_xgboost():
    model = MODELS[1].fit(TRIPS, FARE)
    found = r"'city' holds values in 1 of 300 rows \(number 1\) that are none of the 3 categories"
    with pytest.raises(PredictionError, match=found):
        to_native_input(TEXT.assign(city=TEXT["city"].where(TEXT.index > 0, "Paris")), model)


def test_a_model_fitted_on_numbers_is_given_what_it_was_given_before():
    numbers = TRIPS[["distance"]]
    model = xgboost.XGBRegressor(n_estimators=2).fit(numbers, FARE)
    pd.testing.assert_frame_equal(to_native_input(numbers, model), numbers)


def test_names_beyond_ascii_which_xgboost_cuts_are_refused_and_lightgbm_takes_them():
    cities = TRIPS.assign(city=TRIPS["city"].cat.rename_categories({"Tromso": "Tromsø"}))
    text = cities.astype({"city": object, "day": object})
    with pytest.raises(PredictionError, match="'city' incompletely, because they hold letters beyond ASCII"):
        to_native_input(text, MODELS[1].fit(cities, FARE))
    model = MODELS[0].fit(cities, FARE)
    assert model.predict(to_native_input(text, model)).tolist() == model.predict(cities).tolist()


# --- which columns LightGBM's lists belong to -------------------------------------------------------------------------


def kinds():
    """A column of each kind of category, and what a signature makes of each."""
    rng = np.random.default_rng(1)
    named = pd.DataFrame(
        {
            "distance": rng.normal(size=200),
            "rank": pd.Categorical(rng.choice(["lo", "mid", "hi"], 200), categories=["lo", "mid", "hi"], ordered=True),
            "grade": pd.Categorical(rng.choice([10, 3, 7], 200)),
            "seats": rng.integers(0, 3, 200),
            "member": pd.Categorical(rng.choice([True, False], 200)),
            "rate": pd.Categorical(rng.choice([0.5, 2.5], 200)),
        }
    )
    given = named.astype({"rank": object, "grade": "int64", "member": bool, "rate": float})
    return named, given


@pytest.mark.parametrize("logged", ["model", "booster"])
def test_each_kind_of_category_is_found_in_its_column(logged):
    named, given = kinds()
    fare = named["distance"] + named["rank"].cat.codes * 2 + named["grade"].cat.codes + named["member"].cat.codes
    model = lightgbm.LGBMRegressor(n_estimators=5, verbose=-1, min_child_samples=5, cat_smooth=1).fit(named, fare)
    model = model.booster_ if logged == "booster" else model
    expected = model.predict(named)
    for rows in (slice(None), slice(3, 4), slice(90, 20, -1)):
        native = to_native_input(given.iloc[rows], model)
        assert model.predict(native).tolist() == expected[rows].tolist()
    assert native["seats"].dtype == np.int64


@pytest.mark.parametrize("column", ["grade", "member"])
def test_missing_values_among_numbers_and_booleans_stay_missing(column):
    named, given = kinds()
    holes = named.assign(**{column: named[column].where(named.index % 4 > 0)})
    model = lightgbm.LGBMRegressor(n_estimators=5, verbose=-1, min_child_samples=5, cat_smooth=1)
    model.fit(holes, named["distance"] + named[column].cat.codes)
    optional = given[column].astype("boolean" if column == "member" else "Int64").where(named.index % 4 > 0)
    for form in (optional, optional.astype(object).where(optional.notna(), None), optional.astype("Float64")):
        native = to_native_input(given.assign(**{column: form}), model)
        assert model.predict(native).tolist() == model.predict(holes).tolist()


def test_a_value_that_was_no_category_is_missing_to_lightgbm():
    named, given = kinds()
    model = lightgbm.LGBMRegressor(n_estimators=5, verbose=-1, min_child_samples=5, cat_smooth=1)
    model.fit(named, named["grade"].cat.codes)
    strange = to_native_input(given.assign(grade=99), model)
    assert strange["grade"].isna().all()
    missing = named.assign(grade=pd.Categorical([None] * len(named), categories=named["grade"].cat.categories))
    assert model.predict(strange).tolist() == model.predict(missing).tolist()


def test_whole_numbers_that_were_no_category_are_refused_by_row_for_xgboost():
    named, given = kinds()
    model = xgboost.XGBRegressor(n_estimators=3, enable_categorical=True).fit(named[["grade"]], named["distance"])
    grades = given[["grade"]].copy()
    assert model.predict(to_native_input(grades, model)).tolist() == model.predict(named[["grade"]]).tolist()
    grades.loc[[4, 9], "grade"] = 99
    with pytest.raises(PredictionError, match=r"'grade' holds values in 2 of 200 rows \(number 5, 10\)"):
        to_native_input(grades, model)


@pytest.mark.parametrize("kind", [lightgbm.LGBMRegressor, xgboost.XGBRegressor])
def test_text_for_a_model_of_numbers_is_refused_with_what_to_do(kind):
    numbers = TRIPS.assign(city=TRIPS["city"].cat.codes, day=0)
    model = kind(n_estimators=2).fit(numbers, FARE)
    with pytest.raises(PredictionError, match=r"'city' is text, and the (LightGBM|XGBoost) model keeps no categories"):
        to_native_input(TEXT, model)


# --- names ------------------------------------------------------------------------------------------------------------


def test_names_are_compared_as_lightgbm_writes_them():
    assert match_names(["net_income", "age"], ["age", "net income"]) == [1, 0]
    assert match_names(["a_b", "c"], ["a b", "c", "d"]) == [0, 1]
    assert match_names(["a_b"], ["a_b", "a b"]) == [0]
    assert match_names(["a_b_c"], ["a b_c", "a_b c"]) is None
    assert match_names(["other"], ["a b"]) is None


# --- CatBoost ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stays():
    rng = np.random.default_rng(2)
    rows = pd.DataFrame(
        {"nights": rng.normal(size=80), "city": rng.choice(["Oslo", "Rome"], 80), "stars": rng.integers(1, 5, 80)}
    )
    options = {"iterations": 3, "verbose": 0, "allow_writing_files": False, "cat_features": ["city", "stars"]}
    return catboost.CatBoostRegressor(**options).fit(rows, rows["nights"] + rows["stars"]), rows


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_a_missing_category_is_refused_by_its_rows_for_catboost(stays, missing):
    model, rows = stays
    holes = rows.astype({"city": object})
    holes.loc[[0, 6], "city"] = missing
    with pytest.raises(PredictionError, match=r"'city' is missing in 2 of 80 rows \(number 1, 7\).*categorical"):
        to_native_input(holes, model)


@pytest.mark.parametrize("kind", ["Int64", "float64"])
def test_optional_whole_numbers_reach_catboost_as_categories(stays, kind):
    model, rows = stays
    given = to_native_input(rows.astype({"stars": kind}), model)
    assert model.predict(given).tolist() == model.predict(rows).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_categories_reach_a_booster_inside_other_estimators(library):
    kind, options = {
        "lightgbm": (lightgbm.LGBMRegressor, {"verbose": -1}),
        "xgboost": (xgboost.XGBRegressor, {"enable_categorical": True}),
    }[library]
    columns = ColumnTransformer([("kept", "passthrough", ["city"])], remainder="passthrough")
    pipeline = Pipeline(
        [("columns", columns.set_output(transform="pandas")), ("model", kind(n_estimators=3, **options))]
    )
    for model in (
        pipeline,
        GridSearchCV(pipeline, {"model__n_estimators": [2, 3]}, cv=2),
        TransformedTargetRegressor(kind(n_estimators=3, **options), func=np.arcsinh, inverse_func=np.sinh),
    ):
        model.fit(TRIPS, FARE)
        assert model.predict(to_native_input(TEXT, model)).tolist() == model.predict(TRIPS).tolist()
