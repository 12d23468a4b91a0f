"""Whatever a model returns becomes named columns in the rows' order, or an error that says what is wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

from mlops_assets.errors import PredictionError
from mlops_assets.models.answers import read_answer

VALUES = [0.5, 1.5, 2.5, 3.5]
TWO = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0]])
COLUMNS = {"prediction_0": [1.0, 2.0, 3.0, 4.0], "prediction_1": [10.0, 20.0, 30.0, 40.0]}


class Row(NamedTuple):
    score: float
    label: str


@dataclass
class Scored:
    score: float
    label: str


def read(raw: Any, rows: int = 4, **how: Any) -> dict[str, list[Any]]:
    return {name: array.to_pylist() for name, array in read_answer(raw, rows, **how).items()}


def generated() -> Iterator[float]:
    yield from VALUES


@pytest.mark.parametrize(
    "raw",
    [
        np.array(VALUES),
        np.array(VALUES)[:, None],
        np.array(VALUES, dtype=">f8"),
        np.array(VALUES, dtype=object),
        np.array(VALUES, dtype=np.longdouble),
        csr_matrix(np.array(VALUES)[:, None]),
        pd.Series(VALUES, name="age"),
        pd.Series(VALUES, dtype="Float64"),
        pd.Series(VALUES, dtype="double[pyarrow]"),
        pd.Series(VALUES, dtype="category"),
        pd.Series(pd.arrays.SparseArray(VALUES)),
        pd.Index(VALUES),
        pd.DataFrame(VALUES),
        pd.DataFrame({None: VALUES}),
        pd.array(VALUES, dtype="Float64"),
        VALUES,
        tuple(VALUES),
        [np.float64(value) for value in VALUES],
        pa.array(VALUES),
        pa.chunked_array([VALUES[:1], VALUES[1:]]),
        pl.Series("age", VALUES),
        dict(enumerate(VALUES)).values(),
        {"prediction": np.array(VALUES)[:, None]},
        generated(),
    ],
    ids=lambda raw: type(raw).__name__,
)
def test_one_value_per_row_is_one_column(raw: Any) -> None:
    assert read(raw) == {"prediction": VALUES}


@pytest.mark.parametrize(
    "raw",
    [
        TWO,
        TWO.astype(object),
        pd.DataFrame(TWO),
        csr_matrix(TWO),
        (TWO[:, 0], TWO[:, 1]),
        (pd.Series(TWO[:, 0]), pd.Series(TWO[:, 1], index=[0, 1, 2, 3])),
        {"prediction_0": TWO[:, 0], "prediction_1": TWO[:, 1].tolist()},
        [dict(zip(COLUMNS, row, strict=True)) for row in TWO],
        pa.table(COLUMNS),
        pa.RecordBatch.from_pydict(COLUMNS),
        np.array([tuple(row) for row in TWO], dtype=[("prediction_0", "f8"), ("prediction_1", "f8")]),
    ],
    ids=lambda raw: type(raw).__name__,
)
def test_several_values_per_row_are_several_columns(raw: Any) -> None:
    assert read(raw) == COLUMNS


def test_names_of_the_signature_are_taken_where_the_answer_has_none() -> None:
    named = {"low": COLUMNS["prediction_0"], "high": COLUMNS["prediction_1"]}
    for raw in (TWO, pd.DataFrame(TWO), (TWO[:, 0], TWO[:, 1]), TWO.tolist()):
        assert read(raw, names=("low", "high")) == named
    assert list(read(TWO, names=("low",))) == ["prediction_0", "prediction_1"]


def test_lists_without_declared_outputs_are_a_column_of_lists() -> None:
    assert read(TWO.tolist()) == {"prediction": TWO.tolist()}
    assert read([[1], [1, 2], [], [3]]) == {"prediction": [[1], [1, 2], [], [3]]}


def test_columns_of_one_name_are_told_apart() -> None:
    frame = pd.DataFrame(TWO, columns=["score", "score"])
    assert read(frame) == {"score": COLUMNS["prediction_0"], "score_1": COLUMNS["prediction_1"]}
    assert list(read(frame, names=("low", "high"))) == ["low", "high"]
    assert list(read(pd.DataFrame(np.ones((4, 3)), columns=["a", "a_1", "a"]))) == ["a", "a_1", "a_2"]
    assert list(read(pa.table([[1] * 4, [2] * 4], names=["x", "x"]))) == ["x", "x_1"]


def test_missing_names_say_where_the_column_was() -> None:
    assert list(read(pd.DataFrame(TWO, columns=["score", None]))) == ["score", "prediction_1"]
    assert list(read(pd.DataFrame(TWO, columns=["", np.nan]))) == ["prediction_0", "prediction_1"]
    assert list(read(pd.DataFrame(TWO, columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "")])))) == ["a_x", "a"]


@pytest.mark.parametrize("kind", [Row, Scored], ids=["named tuple", "dataclass"])
def test_records_name_their_columns(kind: Any) -> None:
    raw = [kind(value, "low" if value < 2 else "high") for value in VALUES]
    assert read(raw) == {"score": VALUES, "label": ["low", "low", "high", "high"]}


def test_an_index_that_names_the_rows_is_followed() -> None:
    for raw in (pd.Series(VALUES[::-1], index=[3, 2, 1, 0]), pd.DataFrame({"x": VALUES[::-1]}, index=[3, 2, 1, 0])):
        assert list(read(raw).values()) == [VALUES]
    assert read({"x": pd.Series(VALUES[::-1], index=[3, 2, 1, 0]), "y": VALUES}) == {"x": VALUES, "y": VALUES}
    shuffled = pd.Series([1, 2, 3], index=["b", "c", "a"])
    assert read(shuffled, 3, index=pd.Index(["a", "b", "c"])) == {"prediction": [3, 1, 2]}


@pytest.mark.parametrize("index", [[10, 11, 12, 13], ["a", "b", "c", "d"], [0, 1, 0, 1], [0, 0, 0, 0], [7, 7, 8, 8]])
def test_an_index_of_something_else_is_ignored(index: list[Any]) -> None:
    assert read(pd.Series(VALUES, index=index)) == {"prediction": VALUES}


def test_an_index_that_names_rows_twice_is_refused() -> None:
    with pytest.raises(PredictionError, match=r"names row 1 \(counted from 0\) not at all and row 0 .* more than once"):
        read(pd.Series(VALUES, index=[0, 0, 2, 3]))
    with pytest.raises(PredictionError, match=r"3 values for 4 rows, whose index names row 2 .* not at all"):
        read(pd.Series(VALUES[:3], index=[0, 1, 3]))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (VALUES[:3], "returned 3 values for 4 rows"),
        (TWO[:3], r"array of shape \(3, 2\) for 4 rows"),
        (TWO.T, r"array of shape \(2, 4\) for 4 rows. Return its transpose"),
        ({"score": VALUES[:2]}, r"returned 2 values for 4 rows \(output column 'score'\)"),
        ({"score": VALUES, "model": "v1"}, r"returned a single str for 4 rows \(output column 'model'\)"),
        (dict(enumerate(VALUES)), r"returned a single float for 4 rows \(output column '0'\)"),
        ([TWO[:, 0], TWO[:, 1]], r"a list of 2 arrays of 4 values for 4 rows. .* as a tuple, tuple\(answer\)"),
        ((VALUES[:2], VALUES[2:]), "returned 2 values for 4 rows"),
        (0.5, "a single float for 4 rows"),
        ("text", "a single str for 4 rows"),
        (None, "The model returned None"),
        ({1.0, 2.0}, "a set, which has no order"),
        (pd.DataFrame(index=range(4)), "returned no columns"),
        ({}, "returned no columns"),
        (object(), "returned a object, which holds no values"),
        (np.array([1, "a", 2.5, None], dtype=object), r"holds int \(1 rows\) and str \(1 rows\) and float \(1 rows\)"),
        (np.array([1j, 2j, 3j, 4j]), "it holds complex128"),
        (pd.Series(pd.period_range("2024", periods=4, freq="D")), r"it holds period\[D\]"),
        (["\ud800"] * 4, "it holds str"),
        ([2**70] * 4, "it holds int"),
    ],
)
def test_what_cannot_be_put_beside_its_rows_is_refused(raw: Any, message: str) -> None:
    with pytest.raises(PredictionError, match=message):
        read(raw)


def test_the_message_of_a_mixed_column_holds_no_value() -> None:
    with pytest.raises(PredictionError) as raised:
        read(["Smith", 1, 2, 3])
    assert "Smith" not in str(raised.value)


def test_a_single_row_may_come_without_its_dimension() -> None:
    assert read(0.5, 1) == read(np.float64(0.5), 1) == read(np.array(0.5), 1) == {"prediction": [0.5]}
    assert read({"score": 0.5, "label": "low"}, 1) == {"score": [0.5], "label": ["low"]}
    assert read(np.array([0.1, 0.9]), 1, names=("no", "yes")) == {"no": [0.1], "yes": [0.9]}
    assert read([0.1, 0.9], 1, names=("no", "yes")) == {"no": [0.1], "yes": [0.9]}


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (np.array([True, False, True, False]), [True, False, True, False]),
        (np.array([-1, 1, -1, 1]), [-1, 1, -1, 1]),
        (np.array(["a", "b", "a", "b"]), ["a", "b", "a", "b"]),
        (np.array([b"a", b"b", b"a", b"b"]), [b"a", b"b", b"a", b"b"]),
        (pd.Series(["a", "b", "a", "b"], dtype="category"), ["a", "b", "a", "b"]),
        (pd.Series(["a", None, "a", "b"], dtype="string"), ["a", None, "a", "b"]),
        (pd.Series([1, None, 2, 3], dtype="Int64"), [1, None, 2, 3]),
        (pd.Series([True, None, False, True], dtype="boolean"), [True, None, False, True]),
        (np.ma.MaskedArray([1, 2, 3, 4], mask=[False, True, False, False]), [1, None, 3, 4]),
        (np.array(["2024-01-01"] * 4, dtype="datetime64[s]"), [datetime(2024, 1, 1)] * 4),
    ],
    ids=str,
)
def test_labels_keep_their_type(raw: Any, values: list[Any]) -> None:
    assert read(raw) == {"prediction": values}


def test_nan_is_a_value_of_a_float_column() -> None:
    array = read_answer(np.array([1.0, np.nan]), 2)["prediction"]
    assert array.null_count == 0
    assert np.isnan(array[1].as_py())


def test_probabilities_are_named_by_their_classes() -> None:
    assert list(read(TWO, method="predict_proba", classes=[3, 7])) == ["probability_3", "probability_7"]
    per_output = [np.array([[0.1, 0.9], [0.2, 0.8]]), np.array([[0.3, 0.7], [0.4, 0.6]])]
    expected = {
        "probability_0_0": [0.1, 0.2],
        "probability_0_1": [0.9, 0.8],
        "probability_1_0": [0.3, 0.4],
        "probability_1_1": [0.7, 0.6],
    }
    assert read(per_output, 2, method="predict_proba") == expected


def test_tensors_are_lists_of_a_fixed_size() -> None:
    array = read_answer(np.arange(12).reshape(2, 3, 2), 2)["prediction"]
    assert array.to_pylist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]


def test_categories_and_text_of_every_library_are_their_values() -> None:
    labels = ["low", "high", "low", "high"]
    raws = [
        pl.DataFrame({"label": labels}, schema={"label": pl.Categorical}),
        pl.DataFrame({"label": labels}, schema={"label": pl.Enum(["low", "high"])}),
        pd.DataFrame({"label": pd.Categorical(labels)}),
        {"label": np.array(labels, dtype=np.dtypes.StringDType())},
    ]
    assert [read(raw) for raw in raws] == [{"label": labels}] * 4


def test_optional_numbers_are_missing_whether_a_series_holds_them_or_not() -> None:
    optional = pd.array([1, None, 3, 4], dtype="Int64")
    for raw in (optional, pd.Series(optional), pd.DataFrame({"prediction": optional})):
        assert read_answer(raw, 4)["prediction"].equals(pa.array([1, None, 3, 4], pa.int64()))
