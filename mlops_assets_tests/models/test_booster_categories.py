"""Boosters that were fitted on pandas categories, given text."""

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost

from mlops_assets.errors import PredictionError
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
