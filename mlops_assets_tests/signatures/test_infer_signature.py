"""Signatures from data."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import Array, Map, Object, Property

from mlops_assets.errors import SignatureError
from mlops_assets.signatures.contract.contract import Contract
from mlops_assets.signatures.infer.infer_signature import infer_signature
from mlops_assets.signatures.mlflow.model_input import to_model_input
from mlops_assets.signatures.mlflow.signature_json import signature_from_json, signature_to_json
from mlops_assets_tests.signatures.strategies import column_schemas, tables


def column(values, **settings):
    """The one spec inferred for a column called x."""
    (spec,) = infer_signature(pd.DataFrame({"x": values}), **settings).inputs.inputs
    return spec


@pytest.mark.parametrize(
    ("values", "kind", "required"),
    [
        (np.array([1], "int8"), "integer", True),
        (np.array([1], "uint16"), "integer", True),
        (np.array([1], "uint32"), "long", True),
        (np.array([1], "int64"), "long", True),
        (np.array([1], "float16"), "float", True),
        (np.array([1.0]), "double", True),
        ([1.0, np.nan], "double", False),
        (pd.array([1, None], dtype="Int64"), "long", False),
        (pd.array([1, 2], dtype="Int64"), "long", True),
        (pd.array([1, None], dtype="UInt8"), "integer", False),
        (pd.array([1, None], dtype="int64[pyarrow]"), "long", False),
        (pd.array([1.5, None], dtype="Float32"), "float", False),
        (pd.array([True, None], dtype="boolean"), "boolean", False),
        ([True, None], "boolean", False),
        (["a", None], "string", False),
        (pd.array(["a"], dtype="string"), "string", True),
        ([b"a"], "binary", True),
        ([datetime.date(2024, 1, 31)], "datetime", True),
        (pd.DatetimeIndex(np.array(["2024-01-31", "NaT"], "datetime64[ns]")), "datetime", False),
        (pd.to_datetime(["2024-01-31"]).tz_localize("Europe/Paris"), "datetime", True),
        ([1, 2.5], "double", True),
        ([[1, 2], [3]], Array("long"), True),
        ([np.array([1], "int32")], Array("integer"), True),
        ([np.zeros((2, 2), "float32")], Array(Array("float")), True),
        ([[1.0, None]], Array("double"), False),
        ([{"a": 1, "b": None}, {"a": 2, "b": "x"}], None, True),
    ],
)
def test_columns(values, kind, required):
    expected = kind or Object([Property("a", "long"), Property("b", "string", False)])
    assert column(values) == ColSpec(expected, "x", required)


def test_faults_of_all_columns_are_said_at_once_and_hold_no_values():
    frame = pd.DataFrame(
        {
            "ok": [1.0],
            "category": pd.Categorical(["secret"]),
            "uint64": np.array([1], "uint64"),
            "timedelta": pd.to_timedelta([1]),
            "decimal": [Decimal("4111")],
            "mixed": [("secret", 1)],
            "period": pd.period_range("2024", periods=1),
            "none": [None],
            "time": [datetime.time(1)],
            "complex": [1j],
            "sparse": pd.arrays.SparseArray([0.0]),
        }
    )
    with pytest.raises(SignatureError) as raised:
        infer_signature(frame)
    message = str(raised.value)
    for name, found in [
        ("category", "category of object"),
        ("uint64", "uint64"),
        ("timedelta", "timedelta64[ns]"),
        ("decimal", "decimal128(4, 0)"),
        ("mixed", "a mix of objects (tuple)"),
        ("period", "period["),
        ("none", "null"),
        ("time", "time64[us]"),
        ("complex", "complex128"),
        ("sparse", "Sparse[float64"),
    ]:
        assert f"column {name!r} is {found}" in message
    assert "'ok'" not in message
    assert "secret" not in message
    assert "4111" not in message


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])), "MultiIndex of 2 levels"),
        (pd.DataFrame(np.zeros((1, 2))), "column name 0 is int, not text"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "column name 'a' occurs 2 times"),
        (pd.DataFrame([[1]], columns=[""]), "empty name"),
        (pd.DataFrame(), "no column"),
        (pd.DataFrame({"x": [1, "a"]}), r"a mix of objects \(int, str\)"),
        (pd.DataFrame({"x": [["a", None]]}), "missing_value in 1 rows"),
        ("text", "builtins.str has no columns"),
        (pd.Series([1.0, None]), "column without name cannot have missing values"),
        (np.float64(1), "has no columns"),
        (np.array(1.0), "no dimension for rows"),
        (np.array([1 + 1j]), "complex128"),
        (np.array([1, "a"], dtype=object), "dtype object"),
        (np.ma.masked_array([1.0], [True]), "masked"),
        (scipy.sparse.coo_matrix(np.eye(2)), "format coo"),
        ({}, "no column"),
    ],
)
def test_data_without_signature(frame, words):
    with pytest.raises(SignatureError, match=words):
        infer_signature(frame)


@pytest.mark.parametrize(
    ("data", "schema"),
    [
        (np.zeros((3, 8, 8), "float32"), Schema([TensorSpec(np.dtype("float32"), (-1, 8, 8))])),
        (np.array(["a", "bc"]), Schema([TensorSpec(np.dtype("str"), (-1,))])),
        (scipy.sparse.csr_matrix(np.eye(3)), Schema([TensorSpec(np.dtype("float64"), (-1, 3))])),
        (scipy.sparse.csc_array(np.eye(3, dtype="float32")), Schema([TensorSpec(np.dtype("float32"), (-1, 3))])),
        (
            {"a": np.zeros((2, 3)), "b": np.array([1, 2])},
            Schema([TensorSpec(np.dtype("float64"), (-1, 3), "a"), TensorSpec(np.dtype("int64"), (-1,), "b")]),
        ),
        (["a", "b"], Schema([ColSpec("string")])),
        (pd.Series([1.0]), Schema([ColSpec("double")])),
        (pd.Series([1.0, None], name="y"), Schema([ColSpec("double", "y", False)])),
        (pa.table({"a": pa.array(["x"]).dictionary_encode()}), Schema([ColSpec("string", "a")])),
        (pa.record_batch({"a": pa.array([1, None])}), Schema([ColSpec("long", "a", False)])),
        (
            pa.table({"m": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64()))}),
            Schema([ColSpec(Map("long"), "m")]),
        ),
        ({"text": "a", "n": 1}, Schema([ColSpec("string", "text"), ColSpec("long", "n")])),
        (
            [{"messages": [{"role": "user", "content": "hi"}]}, {"messages": [], "temperature": 0.5}],
            Schema(
                [
                    ColSpec(Array(Object([Property("role", "string"), Property("content", "string")])), "messages"),
                    ColSpec("double", "temperature", False),
                ]
            ),
        ),
    ],
)
def test_containers(data, schema):
    assert infer_signature(data).inputs == schema


@pytest.mark.parametrize(
    ("predictions", "schema"),
    [
        (np.array([1.0]), Schema([ColSpec("double", "prediction")])),
        ([1, 2], Schema([ColSpec("long", "prediction")])),
        (pd.Series([1.0, None]), Schema([ColSpec("double", "prediction", False)])),
        (pd.Series(["a"], name="label"), Schema([ColSpec("string", "label")])),
        (np.zeros((2, 3)), Schema([TensorSpec(np.dtype("float64"), (-1, 3))])),
        (pd.DataFrame({"p": [0.5]}), Schema([ColSpec("double", "p")])),
    ],
)
def test_predictions_in_one_dimension_are_one_named_column(predictions, schema):
    assert infer_signature(pd.DataFrame({"x": [1]}), predictions).outputs == schema


def test_a_null_beyond_the_head_makes_a_column_optional():
    frame = pd.DataFrame({"x": np.arange(50_000.0), "y": np.arange(50_000)})
    frame.loc[40_000, "x"] = np.nan
    expected = Schema([ColSpec("double", "x", False), ColSpec("long", "y")])
    assert infer_signature(frame, sample_rows=10).inputs == expected
    assert infer_signature(pa.table(frame.to_dict("series")), sample_rows=10).inputs == expected


def test_only_the_sample_is_looked_at():
    # The 11th object is of another type, which the first ten rows do not show.
    assert column([1] * 10 + ["a"], sample_rows=10).type is DataType.long


def test_params():
    params = {"a": 1, "b": 0.5, "c": ["x"], "d": True, "e": {"k": 1}}
    assert infer_signature(None, params=params).params == ParamSchema(
        [
            ParamSpec("a", "long", 1),
            ParamSpec("b", "double", 0.5),
            ParamSpec("c", "string", ["x"], (-1,)),
            ParamSpec("d", "boolean", True),
            ParamSpec("e", Object([Property("k", "long")]), {"k": 1}),
        ]
    )


def test_faults_of_all_params_are_said_at_once_and_hold_no_values():
    with pytest.raises(SignatureError) as raised:
        infer_signature(pd.DataFrame({"x": [1]}), params={"n": None, "e": [], "t": ("secret",), "ok": 1})
    message = str(raised.value)
    assert "'n' is NoneType" in message
    assert "'e' is an empty list" in message
    assert "'t' is tuple" in message
    assert "secret" not in message


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(schema=column_schemas(), data=st.data())
def test_what_is_inferred_conforms_is_taken_by_mlflow_and_survives_json(recorded_model, schema, data):
    batch = data.draw(tables(schema, canonical=True))
    fault = ""
    try:
        signature = infer_signature(pa.Table.from_batches([batch]))
    except SignatureError as error:
        fault = str(error)
    if fault:
        # Nothing to tell a type by, or a missing value where MLflow has none: never anything else.
        assert "no value in the sample" in fault or "does not conform to its own type" in fault
        return
    assert signature_from_json(signature_to_json(signature)) == signature
    assert signature.inputs.input_names() == batch.schema.names
    verdict = Contract(signature.inputs, batch.schema).apply(batch)
    assert verdict.rejected.num_rows == 0
    whole = [None not in row.values() for row in verdict.accepted.to_pylist()]
    complete = verdict.accepted.filter(pa.array(whole, pa.bool_()))
    recorded_model.receives(to_model_input(complete, signature.inputs), signature.inputs)


def test_the_signature_is_mlflows_own():
    assert isinstance(infer_signature(pd.DataFrame({"x": [1]})), ModelSignature)
