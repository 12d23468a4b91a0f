"""What a report says in words and numbers, and its charts of values."""

import re

import numpy as np
import pyarrow as pa
import pytest

from mlops_assets.explain.decisions import Decision
from mlops_assets.explain.report.blocks import Paragraph, Part, Tabs
from mlops_assets.explain.report.data_contract import count_reasons
from mlops_assets.explain.report.effect_words import describe_direction, size_in_words
from mlops_assets.explain.report.formatting import number, percent
from mlops_assets.explain.report.prediction_sample import PredictionSample
from mlops_assets.explain.report.predictions_shown import describe_predictions, picture_predictions
from mlops_assets.explain.report.rendering import render
from mlops_assets.explain.report.section import Section
from mlops_assets.explain.report.value_charts import dependence, histogram


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (12.0, "12"),
        (0.5, "0.5"),
        (-3.14159, "−3.142"),
        (1234567.8, "1,235,000"),
        (99999.0, "100,000"),
        (0.00012345, "0.0001234"),
        (0.000012345, "1.234e−5"),
        (1.5e12, "1.5e12"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_have_few_digits_and_their_thousands_apart(value, text):
    assert number(value) == text


def test_a_share_is_never_rounded_to_all_or_nothing():
    shares = (0.0, 1e-9, 0.0214, 0.372, 0.9951, 1 - 1e-9, 1.0)
    told = ["0 %", "less than 0.1 %", "2.1 %", "37 %", "99.5 %", "more than 99.9 %", "100 %"]
    assert [percent(share) for share in shares] == told


@pytest.mark.parametrize(
    ("space", "text"),
    [
        ("identity", "0.693 (in the prediction's unit)"),
        ("log", "a factor of 2"),
        ("log-odds", "0.693 log-odds (odds times or divided by 2)"),
        ("softmax margin", "0.693 (its odds against each other output times or divided by 2)"),
        ("probability", "69.3 percentage points"),
        ("margin", "0.693 points of the model's score"),
    ],
)
def test_an_effect_is_told_in_its_own_unit_and_in_one_that_people_know(space, text):
    assert size_in_words(np.log(2), space) == text
    assert "inf" not in size_in_words(1e6, space)


def _direction(values, effects):
    return describe_direction(pa.chunked_array([values]), np.array(effects, dtype=float))


def test_the_direction_of_an_effect_is_told_where_there_is_one():
    assert _direction([1, 2, 3, None], [-1, 0, 4, 9]) == "Higher values raise it."
    assert _direction([1.0, 2.0, 3.0], [4, 0, -1]) == "Higher values lower it."
    assert _direction([1, 2, 3, 4, 5], [2, 0, -1, 0, 2]).startswith("Neither high nor low values")
    assert _direction(["a", "b", "a", None], [1, -1, 3, 0]) == "It is highest for “a” and lowest for “b”."
    # Nothing is said of what does not vary.
    assert {_direction([1, 1, 1], [0, 1, 2]), _direction([1, 2, 3], [5, 5, 5]), _direction(["a"], [1])} == {""}


def _sample(outputs, values, space, of_rows=4, decision=None):
    return PredictionSample(tuple(outputs), np.array(values, dtype=float), space, decision, of_rows)


def test_predictions_are_told_as_the_model_predicts_them():
    odds = _sample(["yes"], [[-2], [-1], [1], [2]], "log-odds", of_rows=1000)
    told = describe_predictions(odds)
    assert told.startswith("For 50 % of the rows the probability of yes is 0.5 or more; it goes from 0.119 to 0.881")
    assert told.endswith("(of 4 rows drawn from 1,000).")
    above = _sample(["yes"], [[-2], [-1], [1], [2]], "log-odds", decision=Decision(("no", "yes"), threshold=0.8))
    assert describe_predictions(above).startswith("For 25 % of the rows the probability of yes is 0.8 or more")
    classes = _sample(["a", "b"], [[1, 0], [2, 0], [3, 0], [0, 1]], "softmax margin")
    assert describe_predictions(classes) == "The highest score is that of: 75 % a, 25 % b."
    assert [(row.name, row.number) for row in picture_predictions(classes).rows] == [("a", "75 %"), ("b", "25 %")]
    price = _sample(["price"], [[100000], [200000], [300000], [4000000]], "identity")
    assert describe_predictions(price).startswith("From 100,000 to 4,000,000; half of the rows are between")
    targets = _sample(["x", "y"], [[1, 10], [2, 20], [3, 30], [4, 40]], "identity")
    assert describe_predictions(targets) == "Medians: x 2, y 20."
    assert picture_predictions(targets).rows[1][0] == "y"


@pytest.mark.parametrize(
    "values",
    [
        [],
        [0.0],
        [5.0, 5.0],
        [1e308, -1e308],
        [1e16, 1e16],
        [np.nan, np.inf, 1.0],
        [1_000_000.0, 1_000_001.0],
        [1e-300, 2e-300],
        list(np.linspace(-7, 1234567, 300)),
    ],
    ids=str,
)
def test_any_values_have_a_chart_with_both_axes(values):
    values = np.array(values, dtype=float)
    for chart in (histogram(values, "euro", "Prices"), dependence(values, values, "price", "Text", "euro")):
        names = {"euro", "rows"} if chart.title == "Prices" else {"price", "effect (euro)"}
        assert names <= {label.text for label in chart.labels}
        assert len(chart.labels) >= 4
        places = [(label.x, label.y) for label in chart.labels]
        places += [(box.x + box.width, box.y + box.height) for box in chart.rectangles]
        assert all(0 <= x <= chart.width + 1 and 0 <= y <= chart.height for x, y in places)
        assert not re.search("nan|inf", chart.ruling + chart.axis + "".join(dots.path for dots in chart.dots))
    of_bars = histogram(values, "euro", "Prices")
    assert bool(of_bars.rectangles) == bool(np.isfinite(values).any())


def test_every_value_is_in_a_bar():
    values = np.random.default_rng(0).normal(1e6, 1e5, 997)
    assert histogram(values, "euro", "Prices").description.startswith("Prices: 997 values from")
    heights = [box.height for box in histogram(values, "euro", "Prices").rectangles]
    assert 8 < len(heights) < 45


def test_reasons_are_counted_by_row_in_a_fixed_order():
    fault = {"column": "age", "code": "missing_value"}
    rows = [[fault, fault], [fault, {"column": "city", "code": "not_exact"}], "age: missing_value; b: not_exact", None]
    counts = count_reasons([*rows[:2], rows[3]])
    assert list(counts.items()) == [("age: missing value", 2), ("city: not exact", 1)]
    assert count_reasons(rows[2:]) == {"age: missing_value": 1, "b: not_exact": 1}


def test_a_section_of_others_has_tabs_that_a_keyboard_reaches():
    tabs = Tabs("segments", "Segment", tuple((name, Part(f"Of {name}", (Paragraph(name),))) for name in ("<a>", "b")))
    section = Section("Drift", "drift", (tabs,), "Nothing moved.")
    page = render("report.html.jinja", title="t", summary=Section("Summary", "summary", ()), sections=[section])
    inputs = re.findall(r'<input type="radio" name="segments" id="([^"]*)"( checked)?>', page)
    assert inputs == [("segments-1", " checked"), ("segments-2", "")]
    assert re.findall(r'<label for="([^"]*)">([^<]*)</label>', page) == [
        ("segments-1", "&lt;a&gt;"),
        ("segments-2", "b"),
    ]
    assert page.count("Of &lt;a&gt;") == 1
