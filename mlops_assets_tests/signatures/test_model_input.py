"""What a model is handed."""

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from mlflow.types import ColSpec, Schema
from mlflow.types.schema import AnyType, Array, Map, Object, Property

from mlops_assets.signatures.contract.contract import Contract
from mlops_assets.signatures.mlflow.model_input import refused_by_mlflow, to_model_input
from mlops_assets_tests.signatures.same import same

DAY = datetime.date(2024, 1, 31)


def given(columns, inputs, row_key=()):
    batch = pa.record_batch(columns)
    return to_model_input(Contract(inputs, batch.schema, row_key).apply(batch).accepted, inputs, row_key)


@pytest.mark.parametrize(
    ("kind", "cells", "dtype"),
    [
        ("boolean", [True, False], "bool"),
        ("integer", [1, 2], "int32"),
        ("long", [1, 2], "int64"),
        ("float", [1.5, 2.5], "float32"),
        ("double", [1.5, 2.5], "float64"),
        ("string", ["a", "b"], "object"),
        ("binary", [b"a", b"b"], "object"),
        ("datetime", [DAY] * 2, "datetime64[ns]"),
        ("boolean", [True, None], "object"),
        ("integer", [1, None], "Int32"),
        ("long", [2**60 + 1, None], "Int64"),
        ("float", [1.5, None], "float32"),
        ("string", ["a", None], "object"),
        ("datetime", [DAY, None], "datetime64[ns]"),
    ],
)
def test_dtypes_of_scalar_columns(kind, cells, dtype):
    frame = given({"x": pa.array(cells)}, Schema([ColSpec(kind, "x", required=None not in cells)]))
    assert frame["x"].dtype == dtype
    assert frame["x"].isna().tolist() == [cell is None for cell in cells]
    assert frame["x"].dropna().tolist() == pd.Series([c for c in cells if c is not None]).astype(dtype).tolist()


def test_columns_stand_in_the_order_of_the_signature_without_the_key():
    inputs = Schema([ColSpec("double", "b"), ColSpec(Array("double"), "l"), ColSpec("string", "a")])
    frame = given({"id": [1], "a": ["x"], "l": [[1.0]], "b": [2.0]}, inputs, ("id",))
    assert list(frame.columns) == ["b", "l", "a"]


def test_a_key_that_is_an_input_is_handed_over():
    inputs = Schema([ColSpec("double", "b"), ColSpec("string", "id")])
    frame = given({"id": pa.array(["k"]).dictionary_encode(), "b": [1.0]}, inputs, ("id",))
    assert same(frame, pd.DataFrame({"b": [1.0], "id": ["k"]}))


def test_unnamed_columns_keep_the_names_of_the_table():
    frame = given({"id": [1], "x": [2], "y": ["a"]}, Schema([ColSpec("double"), ColSpec("string")]), ("id",))
    assert same(frame, pd.DataFrame({"x": [2.0], "y": ["a"]}))


def test_without_signature_all_columns_but_the_key_are_handed_over():
    assert same(given({"id": [1], "x": [2], "y": ["a"]}, None, ("id",)), pd.DataFrame({"x": [2], "y": ["a"]}))


def test_nested_cells_are_lists_and_dicts_of_exact_numpy_types():
    inputs = Schema(
        [
            ColSpec(Array("integer"), "numbers"),
            ColSpec(Array(Array("float")), "matrix"),
            ColSpec(Array("string"), "words"),
            ColSpec(Object([Property("n", "integer"), Property("s", "string", False)]), "record"),
            ColSpec(Map("double"), "scores"),
            ColSpec(Array("datetime"), "days", required=False),
            ColSpec(AnyType(), "any"),
        ]
    )
    frame = given(
        {
            "numbers": [[1, 2]],
            "matrix": [[[0.5], []]],
            "words": [["a", "b"]],
            "record": [{"n": 1, "s": None}],
            "scores": pa.array([[("k", 1.0)]], pa.map_(pa.string(), pa.float64())),
            "days": pa.array([None], pa.list_(pa.timestamp("s"))),
            "any": [{"free": [1]}],
        },
        inputs,
    )
    assert same(frame["numbers"][0], np.array([1, 2], dtype=np.int32))
    assert same(frame["matrix"][0], [np.array([0.5], dtype=np.float32), np.array([], dtype=np.float32)])
    assert frame["words"][0] == ["a", "b"]
    assert same(frame["record"][0], {"n": np.int32(1), "s": None})
    assert same(frame["scores"][0], {"k": np.float64(1.0)})
    assert frame["days"][0] is None
    assert frame["any"][0] == {"free": [1]}


@pytest.mark.parametrize("columns", [1, 2])
def test_the_model_may_write_into_what_it_gets(columns):
    names = [f"c{i}" for i in range(columns)]
    batch = {name: np.arange(3.0) for name in names}
    frame = given(batch, Schema([ColSpec("double", name) for name in names]))
    frame["c0"] += 1
    frame.to_numpy()[0, 0] = 5
    assert batch["c0"].tolist() == [0.0, 1.0, 2.0]


def test_a_tensor_is_writable_and_not_the_table():
    from mlflow.types import TensorSpec

    values = np.arange(4.0)
    array = given({"x": pa.FixedSizeListArray.from_arrays(values, 2)}, Schema([TensorSpec(np.dtype("f8"), (-1, 2))]))
    array[0, 0] = 9
    assert values[0] == 0.0


def test_tables_of_several_chunks_and_of_none():
    inputs = Schema([ColSpec("double", "x")])
    chunks = pa.chunked_array([pa.array([1.0]), pa.array([2.0])])
    assert same(to_model_input(pa.table({"x": chunks}), inputs), pd.DataFrame({"x": [1.0, 2.0]}))
    assert to_model_input(pa.schema({"x": pa.float64()}).empty_table(), inputs)["x"].dtype == "float64"


def test_integer_columns_with_nulls_are_named():
    inputs = Schema([ColSpec("long", "a", False), ColSpec("long", "b", False), ColSpec("double", "c", False)])
    batch = pa.record_batch({"a": [1, None], "b": [1, 2], "c": [1.0, None]})
    assert refused_by_mlflow(batch, inputs) == ("a",)
