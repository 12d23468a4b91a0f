"""How far two versions' predictions differ."""

import math

import pyarrow as pa
import pytest

from mlops_assets.validation.shift import measure_shift


def shift(old: list, new: list) -> dict[str, float]:
    return measure_shift(pa.table({"y": old}), pa.table({"y": new}), ["y"])["y"]


def test_numbers():
    measures = shift([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 3.0, 2.0])
    assert measures == {
        "changed": 0.5,
        "mean_abs_change": 0.75,
        "max_abs_change": 2.0,
        "mean_change": -0.25,
        "correlation": pytest.approx(0.404519917),
    }


def test_labels():
    assert shift(["a", "b", "c", None], ["a", "c", "c", None]) == {"changed": 0.25}


def test_equal_predictions_do_not_shift():
    assert shift([1, 2], [1, 2]) == {
        "changed": 0.0,
        "mean_abs_change": 0.0,
        "max_abs_change": 0.0,
        "mean_change": 0.0,
        "correlation": pytest.approx(1.0),
    }


def test_what_is_not_finite_counts_as_changed_only():
    measures = shift([1.0, math.nan, math.inf], [2.0, math.nan, 1.0])
    assert measures == {
        "changed": pytest.approx(2 / 3),
        "mean_abs_change": 1.0,
        "max_abs_change": 1.0,
        "mean_change": 1.0,
    }


def test_columns_of_one_side_are_left_out():
    assert measure_shift(pa.table({"y": [1]}), pa.table({"z": [1]}), ["z"]) == {}


def test_no_rows_give_no_numbers():
    empty = pa.table({"y": pa.array([], pa.float64())})
    assert measure_shift(empty, empty, ["y"]) == {"y": {}}
