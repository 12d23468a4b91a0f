"""Where our inference differs from MLflow's, and that it differs nowhere else."""

import datetime
import logging
import warnings
from decimal import Decimal

import mlflow.models
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import AnyType, Array, Object, Property

from mlops_assets.errors import SignatureError
from mlops_assets.signatures.infer.infer_signature import infer_signature
from mlops_assets.signatures.infer.mlflow_inference import (
    Deviation,
    deviation_of,
    deviation_of_records,
    shorten_arrays,
)

GIVES_UP = Schema([ColSpec(AnyType())])
"""MLflow's answer where it fails: one column without name, of type Any."""
REFUSED = None


def objects(*cells):
    return pd.DataFrame({"x": pd.Series(cells, dtype=object)})


def frame(values):
    return pd.DataFrame({"x": values})


def one(kind, required=True, name="x"):
    return Schema([ColSpec(kind, name, required)])


def arrow_backed(values, kind):
    return frame(pd.array(values, pd.ArrowDtype(kind)))


def optional(kind="long"):
    return Object([Property("a", kind, required=False)])


COLUMNS = [
    # input, MLflow's answer, ours, why
    (objects(None), one(AnyType(), False), REFUSED, Deviation.NO_VALUE),
    (objects(), one("string"), REFUSED, Deviation.NO_VALUE),
    (frame([[]]), one(AnyType()), REFUSED, Deviation.NO_VALUE),
    (frame(pd.array([None], "string")), one(AnyType(), False), one("string", False), Deviation.NO_VALUE),
    (objects(1, "a"), GIVES_UP, REFUSED, Deviation.MIXED_OBJECTS),
    (objects(True, 1), GIVES_UP, REFUSED, Deviation.MIXED_OBJECTS),
    (frame([[1, 2.5]]), GIVES_UP, one(Array("double")), Deviation.MIXED_OBJECTS),
    (objects(Decimal(1)), GIVES_UP, REFUSED, Deviation.UNTYPED_OBJECTS),
    (objects(datetime.time(1)), GIVES_UP, REFUSED, Deviation.UNTYPED_OBJECTS),
    (objects((1, 2)), GIVES_UP, one(Array("long")), Deviation.UNTYPED_OBJECTS),
    (frame([np.array([1], "int8")]), GIVES_UP, one(Array("integer")), Deviation.UNTYPED_OBJECTS),
    (frame([np.array(1)]), GIVES_UP, REFUSED, Deviation.UNTYPED_OBJECTS),
    (frame([{1: 2}]), GIVES_UP, REFUSED, Deviation.UNTYPED_OBJECTS),
    (objects(2**70), one("long"), REFUSED, Deviation.LARGE_INTEGERS),
    (objects(1, None), one("double", False), one("long", False), Deviation.INTEGERS_WITH_MISSING_VALUES),
    (frame([["a", None]]), one(Array("string")), REFUSED, Deviation.MISSING_IN_ARRAY),
    (frame([[1.0, None]]), one(Array("double")), one(Array("double"), False), Deviation.MISSING_IN_ARRAY),
    (frame([np.array([1.0, np.nan])]), one(Array("double")), one(Array("double"), False), Deviation.MISSING_IN_ARRAY),
    (
        frame([None, {"a": 1}]),
        one(optional(), False),
        one(Object([Property("a", "long")]), False),
        Deviation.MISSING_OBJECT,
    ),
    (
        frame([{"o": {"a": 1}}, {"o": {}}]),
        one(Object([Property("o", optional(), required=False)])),
        one(Object([Property("o", optional())])),
        Deviation.MISSING_OBJECT,
    ),
    (frame([np.float32("nan"), "a"]), GIVES_UP, one("string", False), Deviation.MISSING_NUMBER),
    (frame(np.array([1], "uint64")), GIVES_UP, REFUSED, Deviation.UNTYPED_DTYPE),
    (frame(pd.array([1], "UInt64")), GIVES_UP, REFUSED, Deviation.UNTYPED_DTYPE),
    (frame(pd.array([1], "uint64[pyarrow]")), GIVES_UP, REFUSED, Deviation.ENCODED_ARROW),
    (frame(pd.to_timedelta([1])), GIVES_UP, REFUSED, Deviation.UNTYPED_DTYPE),
    (frame([1j]), GIVES_UP, REFUSED, Deviation.UNTYPED_DTYPE),
    (frame(pd.Categorical(["a"])), one("string"), REFUSED, Deviation.UNTYPED_DTYPE),
    (frame(pd.arrays.SparseArray([0.0])), GIVES_UP, REFUSED, Deviation.UNTYPED_DTYPE),
    (frame(pd.period_range("2024", periods=1)), GIVES_UP, REFUSED, Deviation.UNTYPED_DTYPE),
    (
        arrow_backed([[1]], pa.list_(pa.int32())),
        one(Array("long")),
        one(Array("integer")),
        Deviation.ENCODED_ARROW,
    ),
]
RECORDS = [
    ([{"x": 1.0}, {"x": np.nan}], one("double"), one("double", False), Deviation.MISSING_NUMBER),
    ([{"x": None}], one(AnyType(), False), REFUSED, Deviation.NO_VALUE),
    ([{"x": np.int8(1)}], GIVES_UP, one("integer"), Deviation.UNTYPED_OBJECTS),
]
OTHERS = [
    (pa.table({"x": [1]}), GIVES_UP, one("long"), "MLflow takes no Arrow data"),
    (pd.DataFrame([[1, 2]], columns=["x", "x"]), GIVES_UP, REFUSED, "a name occurs twice"),
    (pd.DataFrame([[1]], columns=[0]), one("long", name=0), REFUSED, "MLflow's JSON makes a text of the name"),
    (pd.DataFrame([[1]], columns=[""]), one("long", name=""), REFUSED, "MLflow's enforcement takes '' for no name"),
    (pd.DataFrame(), GIVES_UP, REFUSED, "there is nothing to infer"),
    ([], Schema([ColSpec("string")]), REFUSED, "MLflow calls an empty list text"),
    (["a", None], Schema([ColSpec("string")]), REFUSED, "a column without name must be required"),
    (pd.Series([1.0, None]), GIVES_UP, REFUSED, "a column without name must be required"),
    ("text", Schema([ColSpec("string")]), REFUSED, "a scalar has no rows"),
    (np.array(1.0), GIVES_UP, REFUSED, "an array without dimension has no rows"),
    (np.array([1j]), Schema([TensorSpec(np.dtype("complex128"), (-1,))]), REFUSED, "nothing enforces the dtype"),
    (np.array(["a", 1], object), Schema([TensorSpec(np.dtype("O"), (-1,))]), REFUSED, "nothing enforces the dtype"),
    (
        np.ma.masked_array([1.0], [True]),
        Schema([TensorSpec(np.dtype("float64"), (-1,))]),
        REFUSED,
        "MLflow drops the mask",
    ),
    (
        scipy.sparse.csr_array(np.eye(2)),
        GIVES_UP,
        Schema([TensorSpec(np.dtype("float64"), (-1, 2))]),
        "MLflow takes sparse matrices only",
    ),
]
PREDICTIONS = [
    (np.array([1.0]), Schema([TensorSpec(np.dtype("float64"), (-1,))]), one("double", name="prediction")),
    ([1, 2], Schema([ColSpec("long")]), one("long", name="prediction")),
    (pd.Series([1.0, None]), GIVES_UP, one("double", False, "prediction")),
]


def mlflows(data, part="inputs"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("mlflow.models.signature").disabled = True
        try:
            signature = mlflow.models.infer_signature(**{"model_input" if part == "inputs" else "model_output": data})
        finally:
            logging.getLogger("mlflow.models.signature").disabled = False
    return getattr(signature, part)


def ours(data, part="inputs"):
    try:
        return getattr(infer_signature(**{part: data}), part)
    except SignatureError:
        return REFUSED


@pytest.mark.parametrize(("data", "mlflows_answer", "our_answer", "why"), COLUMNS)
def test_columns_on_which_the_two_differ(data, mlflows_answer, our_answer, why):
    assert mlflows(data) == mlflows_answer
    assert ours(data) == our_answer
    assert mlflows_answer != our_answer
    assert deviation_of(data["x"]) is why


@pytest.mark.parametrize(("data", "mlflows_answer", "our_answer", "why"), RECORDS)
def test_json_objects_on_which_the_two_differ(data, mlflows_answer, our_answer, why):
    assert mlflows(data) == mlflows_answer
    assert ours(data) == our_answer
    assert mlflows_answer != our_answer
    assert deviation_of_records([record["x"] for record in data]) is why


@pytest.mark.parametrize(("data", "mlflows_answer", "our_answer", "why"), OTHERS)
def test_other_inputs_on_which_the_two_differ(data, mlflows_answer, our_answer, why):
    assert mlflows(data) == mlflows_answer
    assert ours(data) == our_answer


@pytest.mark.parametrize(("data", "mlflows_answer", "our_answer"), PREDICTIONS)
def test_predictions_in_one_dimension_have_a_name_here_and_none_in_mlflow(data, mlflows_answer, our_answer):
    assert mlflows(data, "outputs") == mlflows_answer
    assert ours(data, "outputs") == our_answer


def test_every_reason_is_in_the_table():
    assert {why for *_, why in COLUMNS + RECORDS} == set(Deviation)


def test_rows_beyond_the_sample_are_seen_by_mlflow_only():
    column = pd.DataFrame({"x": pd.Series([1] * 10 + ["a"], dtype=object)})
    assert mlflows(column) == GIVES_UP
    assert infer_signature(column, sample_rows=10).inputs == one("long")


dtypes = st.sampled_from(
    [
        *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "bool"),
        *("Int8", "Int64", "UInt32", "UInt64", "Float32", "Float64", "boolean", "string", "category", "object"),
        *("int64[pyarrow]", "float[pyarrow]", "string[pyarrow]", "datetime64[ns]", "datetime64[s]"),
    ]
)
scalars = st.sampled_from(
    [
        *(1, 2**70, True, 0.5, "a", b"a", Decimal(1), datetime.date(2024, 1, 1), datetime.datetime(2024, 1, 1)),
        *(np.int64(1), np.int32(1), np.int8(1), np.float32(1), np.bool_(True)),
        *(None, np.nan, np.float32("nan"), pd.NA, pd.NaT),
    ]
)
cells = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        scalars.map(lambda value: np.array([value])),
    ),
    max_leaves=4,
)


@st.composite
def columns(draw):
    """A pandas column of any dtype, objects more often than not, and mostly of one kind."""
    dtype = draw(dtypes)
    if draw(st.booleans()):
        kind = draw(st.one_of(scalars.map(lambda value: st.sampled_from([value, None])), st.just(cells)))
        return pd.Series(draw(st.lists(kind, max_size=4)), dtype=object)
    numbers = draw(st.lists(st.integers(0, 1), max_size=4))
    series = pd.Series(numbers).astype(dtype)
    nullable = pd.api.types.is_extension_array_dtype(series.dtype) or series.dtype.kind not in "iub"
    if len(series) and nullable and draw(st.booleans()):
        series.iloc[0] = None
    return series


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(columns())
@pytest.mark.slow
def test_without_a_listed_reason_the_answer_is_mlflows(column):
    if deviation_of(column) is None:
        data = column.to_frame("x")
        assert infer_signature(data).inputs == mlflows(data)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.fixed_dictionaries({}, optional={"x": cells}), min_size=1, max_size=4))
def test_without_a_listed_reason_the_answer_for_json_objects_is_mlflows(records):
    values = [record.get("x") for record in records]
    if any("x" in record for record in records) and deviation_of_records(values) is None:
        assert infer_signature(records).inputs == mlflows(records)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(cells, min_size=1, max_size=4))
def test_shortened_cells_have_the_same_type(values):
    column = pd.DataFrame({"x": pd.Series(values, dtype=object)})
    if deviation_of(column["x"]) is None:
        assert mlflows(pd.DataFrame({"x": column["x"].map(shorten_arrays)})) == mlflows(column)


def test_plain_dtypes_are_left_to_mlflow(monkeypatch):
    asked = []
    real = mlflow.models.infer_signature

    def infer(inputs, outputs, params):
        asked.append((list(inputs.columns), list(outputs.columns), params))
        return real(inputs, outputs, params)

    monkeypatch.setattr(mlflow.models, "infer_signature", infer)
    data = pd.DataFrame(
        {"a": [1.5], "b": ["x"], "c": [True], "d": [[1.0]], "e": [{"k": 1}], "f": pd.array([None], "Int64")}
    )
    signature = infer_signature(data.assign(u=pd.Series([(1, 2)])), [1, 2], {"p": 1})
    assert asked == [(list(data.columns), ["prediction"], {"p": 1})]
    assert signature.inputs.input_types()[-1] == Array(DataType.long)


def test_mlflows_advice_does_not_reach_the_user(caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        infer_signature(pd.DataFrame({"x": [1]}), [1])
    assert caplog.records == []


def test_what_mlflow_refuses_by_an_exception_is_refused_here():
    class Refusing:
        pass

    with pytest.raises(MlflowException):
        mlflow.models.infer_signature(params={"p": Refusing()})
    with pytest.raises(SignatureError, match="'p' is Refusing"):
        infer_signature(params={"p": Refusing()})
