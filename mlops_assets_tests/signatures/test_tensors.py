"""Tensor signatures: shapes, dtypes, and where the columns come from."""

import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from mlflow.types import Schema, TensorSpec

from mlops_assets.errors import ContractError
from mlops_assets.signatures.contract.contract import Contract, ContractPolicy
from mlops_assets.signatures.mlflow.model_input import to_model_input
from mlops_assets_tests.signatures.same import same
from mlops_assets_tests.signatures.strategies import tensor_specs

NAN = float("nan")


def tensor(dtype, *shape, name=None):
    return TensorSpec(np.dtype(dtype), (-1, *shape), name)


def conformed(column, spec, policy=None):
    """(the model's array, reasons) of one column."""
    batch = pa.record_batch({"x": column})
    verdict = Contract(Schema([spec]), batch.schema, (), policy).apply(batch)
    return to_model_input(verdict.accepted, Schema([spec])), dict(verdict.reasons)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1.0, 2.0, 3.0, 4.0]] * 2),
        pa.array([[1, 2, 3, 4]] * 2, pa.list_(pa.int8(), 4)),
        pa.array([[[1, 2], [3, 4]]] * 2),
        pa.array([[[1, 2], [3, 4]]] * 2, pa.large_list(pa.list_(pa.float32(), 2))),
        pa.FixedShapeTensorArray.from_numpy_ndarray(np.array([[[1.0, 2.0], [3.0, 4.0]]] * 2)),
        pa.array([[0.0] * 4] + [[1, 2, 3, 4]] * 2)[1:],
    ],
    ids=["flat", "fixed size", "nested", "large", "fixed shape", "sliced"],
)
def test_a_slice_may_be_stored_flat_or_nested(column):
    data, reasons = conformed(column, tensor("float64", 2, 2))
    assert reasons == {}
    assert same(data, np.array([[[1.0, 2.0], [3.0, 4.0]]] * 2))


def test_rows_of_another_shape_are_rejected():
    column = pa.array([[[1, 2], [3, 4]], [[1, 2], [3]], [[1, 2]], None, [None, [1, 2]], [[1, 2], [3, None]]])
    data, reasons = conformed(column, tensor("float64", 2, 2))
    assert data.shape == (1, 2, 2)
    assert reasons == {("x", "shape_mismatch"): 3, ("x", "missing_value"): 2}


def test_elements_are_cast_without_loss():
    data, reasons = conformed(pa.array([[1.0, 2.0], [0.1, 2.0], [1e300, 0.1]]), tensor("float32", 2))
    assert same(data, np.array([[1.0, 2.0]], dtype=np.float32))
    assert reasons == {("x", "not_exact"): 2, ("x", "out_of_range"): 1}


def test_nan_is_missing_unless_the_policy_allows():
    column = pa.array([[1.0, NAN], [1.0, 2.0]])
    rejected, reasons = conformed(column, tensor("float64", 2))
    allowed, _ = conformed(column, tensor("float64", 2), ContractPolicy(missing="allow"))
    assert len(rejected) == 1
    assert reasons == {("x", "missing_value"): 1}
    assert same(allowed, np.array([[1.0, NAN], [1.0, 2.0]]))


@pytest.mark.parametrize(
    ("dtype", "cells", "expected"),
    [
        ("uint8", [0, 255, 256, -1], [0, 255]),
        ("bool", [True, False], [True, False]),
        ("float16", [2048, 2049, 1], [2048, 1]),
        ("str", ["a", "bcd", "e\0"], ["a", "bcd"]),
        ("datetime64[ns]", [datetime.date(2024, 1, 31)], [np.datetime64("2024-01-31", "ns")]),
        ("object", ["a", 1.5], ["a", 1.5]),
    ],
)
def test_dtypes(dtype, cells, expected):
    column = pa.array([str(cell) for cell in cells]) if dtype == "object" else pa.array(cells)
    data, _ = conformed(column, tensor(dtype))
    wanted = [str(cell) for cell in expected] if dtype == "object" else expected
    assert data.tolist() == np.array(wanted, dtype=dtype).tolist()
    assert data.dtype.kind == np.dtype(dtype).kind


def test_scalar_columns_fill_an_unnamed_matrix_in_the_order_of_the_table():
    source = pa.record_batch({"b": [1, 2], "id": ["k", "l"], "a": [3.0, 4.5]})
    inputs = Schema([tensor("float64", 2)])
    verdict = Contract(inputs, source.schema, ("id",)).apply(source)
    assert verdict.accepted.schema.names == ["id", "b", "a"]
    assert same(to_model_input(verdict.accepted, inputs, ("id",)), np.array([[1.0, 3.0], [2.0, 4.5]]))


@pytest.mark.parametrize("columns", [1, 3])
def test_scalar_columns_must_be_as_many_as_the_second_dimension(columns):
    source = pa.schema({f"c{i}": pa.float64() for i in range(columns)})
    with pytest.raises(ContractError, match=r"takes 2 columns|a list is needed"):
        Contract(Schema([tensor("float64", 2)]), source)


def test_text_columns_fill_a_matrix():
    source = pa.record_batch({"p": ["1", "x"], "q": ["2.5", "1"]})
    inputs = Schema([tensor("float32", 2)])
    verdict = Contract(inputs, source.schema, (), ContractPolicy(text_columns=frozenset("pq"))).apply(source)
    assert same(to_model_input(verdict.accepted, inputs), np.array([[1.0, 2.5]], dtype=np.float32))
    assert verdict.reasons == {("p", "not_parseable"): 1}


def test_named_tensors_take_one_column_each(recorded_model):
    inputs = Schema([tensor("float32", 2, name="image"), tensor("int64", name="n"), tensor("int64", 1, name="m")])
    source = pa.record_batch({"n": [1, 2], "m": [5, 6], "image": [[0.5, 1.0], [2.0, 3.0]], "id": ["k", "l"]})
    verdict = Contract(inputs, source.schema, ("id",)).apply(source)
    data = to_model_input(verdict.accepted, inputs, ("id",))
    assert same(
        data,
        {
            "image": np.array([[0.5, 1.0], [2.0, 3.0]], dtype=np.float32),
            "n": np.array([1, 2]),
            "m": np.array([[5], [6]]),
        },
    )
    assert same(recorded_model.receives(data, inputs), data)


def test_a_variable_dimension_gives_one_dense_or_ragged_array():
    spec = tensor("float64", -1, 2)
    dense, _ = conformed(pa.array([[[1, 2]], [[3, 4]]]), spec)
    ragged, reasons = conformed(pa.array([[[1, 2]], [[3, 4], [5, 6]], [[7]], [[1, 2], [3]]]), spec)
    assert same(dense, np.array([[[1.0, 2.0]], [[3.0, 4.0]]]))
    assert [array.tolist() for array in ragged] == [[[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]]]
    assert reasons == {("x", "shape_mismatch"): 2}


def test_a_slice_is_rectangular_whatever_its_size():
    data, reasons = conformed(pa.array([[[1, 2], [3]], [[1], [2]]]), tensor("float64", -1, -1))
    assert data.tolist() == [[[1.0], [2.0]]]
    assert reasons == {("x", "shape_mismatch"): 1}


@pytest.mark.parametrize(
    ("column", "spec", "words"),
    [
        (pa.list_(pa.float64()), TensorSpec(np.dtype("float64"), (2, 3)), "the first one must be -1"),
        (pa.list_(pa.string()), tensor("float64", 2), "string cannot become double"),
        (pa.list_(pa.float64()), tensor("float64"), "a scalar is needed"),
        (pa.float64(), tensor("float64", 8, 8), "a list is needed"),
        (pa.list_(pa.list_(pa.float64())), tensor("float64", 2, 2, 2), "nested 2 deep"),
        (pa.list_(pa.float64()), tensor("float64", -1, 2), "2 nested lists are needed"),
        (pa.fixed_shape_tensor(pa.float64(), [2, 3]), tensor("float64", 3, 2), "a fixed shape of"),
        (pa.fixed_shape_tensor(pa.float64(), [2, 3], permutation=[1, 0]), tensor("float64", 2, 3), "another order"),
        (pa.float64(), tensor("complex128"), "complex128"),
    ],
)
def test_what_can_never_conform_is_an_error(column, spec, words):
    with pytest.raises(ContractError, match=words):
        Contract(Schema([spec]), pa.schema({"x": column}))


def test_a_fixed_size_list_of_the_right_type_is_not_copied():
    column = pa.FixedSizeListArray.from_arrays(np.arange(8.0), 4)
    batch = pa.record_batch({"x": column})
    accepted = Contract(Schema([tensor("float64", 2, 2)]), batch.schema).apply(batch).accepted
    assert accepted.column("x").values.buffers()[1].address == column.values.buffers()[1].address


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_mlflow_accepts_every_conformed_tensor_and_changes_nothing(recorded_model, data):
    spec = data.draw(tensor_specs)
    rows = data.draw(st.integers(1, 4))
    values = data.draw(arrays.arrays(spec.type, (rows, *spec.shape[1:])))
    column = pa.array(list(values)) if values.ndim == 1 else pa.FixedShapeTensorArray.from_numpy_ndarray(values).storage
    given_array, reasons = conformed(column, spec, ContractPolicy(missing="allow"))
    assert reasons == {}
    assert same(given_array, values)
    assert same(recorded_model.receives(given_array, Schema([spec])), values)
