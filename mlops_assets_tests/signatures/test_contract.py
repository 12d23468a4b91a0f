"""Names, keys, policies and nested types of the contract."""

import pyarrow as pa
import pytest
from mlflow.types import ColSpec, Schema
from mlflow.types.schema import AnyType, Array, Map, Object, Property

from mlops_assets.errors import ContractError
from mlops_assets.signatures.contract.contract import Contract, ContractPolicy, conform

AGE = Schema([ColSpec("double", "age"), ColSpec("string", "name", required=False)])


def addresses(table):
    """The addresses of every buffer of the column's values."""
    return [buffer.address for buffer in table.buffers() if buffer is not None]


def test_the_row_key_comes_first_and_keeps_its_type():
    source = pa.record_batch({"name": ["a"], "age": [1], "id": pa.array([7], pa.uint8())})
    contract = Contract(AGE, source.schema, ("id",))
    assert contract.accepted_schema == pa.schema({"id": pa.uint8(), "age": pa.float64(), "name": pa.string()})
    assert contract.apply(source).accepted.to_pylist() == [{"id": 7, "age": 1.0, "name": "a"}]


def test_rejected_rows_are_whole_with_their_reasons_in_the_order_of_the_signature():
    source = pa.record_batch({"id": ["k1", "k2"], "extra": [1.5, 2.5], "age": [None, 3.0], "pay": [2**60, 1]})
    inputs = Schema([ColSpec("double", "pay"), ColSpec("double", "age")])
    verdict = Contract(inputs, source.schema, ("id",)).apply(source)
    assert verdict.accepted.to_pylist() == [{"id": "k2", "pay": 1.0, "age": 3.0}]
    reasons = [{"column": "pay", "code": "not_exact"}, {"column": "age", "code": "missing_value"}]
    assert verdict.rejected.to_pylist() == [{"id": "k1", "extra": 1.5, "age": None, "pay": 2**60, "reasons": reasons}]
    assert verdict.reasons == {("pay", "not_exact"): 1, ("age", "missing_value"): 1}


def test_extra_columns_are_named_in_their_order():
    source = pa.schema({"z": pa.int64(), "age": pa.int64(), "id": pa.int64(), "b": pa.duration("s")})
    assert Contract(AGE, source, ("id",)).ignored_columns == ("z", "b")


def test_an_absent_optional_column_is_filled_with_nulls():
    source = pa.record_batch({"age": [1.0, 2.0]})
    accepted = Contract(AGE, source.schema).apply(source).accepted
    assert accepted.column("name") == pa.nulls(2, pa.string())


def test_everything_that_can_never_conform_is_said_at_once():
    inputs = Schema(
        [ColSpec("double", "age"), ColSpec("boolean", "flag"), ColSpec("long", "n"), ColSpec("long", "gone")]
    )
    source = pa.schema({"agee": pa.int64(), "flag": pa.int64(), "n": pa.string(), "Key": pa.int64()})
    with pytest.raises(ContractError) as raised:
        Contract(inputs, source, ("key",), where="people.parquet")
    message = str(raised.value)
    assert "column 'age' is missing (did you mean 'agee'?)" in message
    assert "column 'gone' is missing" in message
    assert "column 'flag': int64 cannot become boolean" in message
    assert "column 'n': string cannot become long" in message
    assert "inputs: {types: {" in message
    assert "row key column 'key' is missing (did you mean 'Key'?)" in message
    assert "people.parquet" in message


def test_a_column_name_that_occurs_twice_is_an_error():
    source = pa.schema([("age", pa.int64()), ("age", pa.float64())])
    with pytest.raises(ContractError, match="2 columns called 'age'"):
        Contract(AGE, source)


def test_extra_columns_of_one_name_do_not_matter():
    source = pa.schema([("age", pa.int64()), ("x", pa.float64()), ("x", pa.float64())])
    assert Contract(AGE, source).ignored_columns == ("x", "x")


def test_a_key_that_is_an_input_appears_once():
    source = pa.record_batch({"age": [1.0], "name": ["a"]})
    contract = Contract(AGE, source.schema, ("name",))
    assert contract.accepted_schema.names == ["name", "age"]
    assert contract.apply(source).accepted.to_pylist() == [{"name": "a", "age": 1.0}]


def test_a_key_that_is_an_input_and_needs_a_cast_is_an_error():
    with pytest.raises(ContractError, match="row key column 'age' is an input too and would be changed"):
        Contract(AGE, pa.schema({"age": pa.int64()}), ("age",))


def test_a_key_that_is_an_input_is_judged_like_any_input():
    source = pa.record_batch({"age": [1.0, None]})
    verdict = Contract(AGE, source.schema, ("age",)).apply(source)
    assert verdict.accepted.column("age").to_pylist() == [1.0]
    assert verdict.reasons == {("age", "missing_value"): 1}


def test_the_name_of_the_reasons_column_is_reserved():
    with pytest.raises(ContractError, match="'reasons'"):
        Contract(None, pa.schema({"reasons": pa.string()}))


def test_without_signature_everything_passes_as_it_is():
    source = pa.record_batch({"a": pa.array(["x", None]).dictionary_encode(), "id": [1, 2]})
    contract = Contract(None, source.schema, ("id",))
    verdict = contract.apply(source)
    assert verdict.accepted.schema == pa.schema([source.schema.field("id"), source.schema.field("a")])
    assert verdict.accepted.column("a") == source.column("a")
    assert verdict.rejected.num_rows == 0
    assert contract.ignored_columns == ()


def test_columns_that_need_no_cast_are_not_copied():
    source = pa.record_batch({"age": [1.0, 2.0], "name": ["a", "b"], "l": [[1.0], [2.0]]})
    inputs = Schema([*AGE.inputs, ColSpec(Array("double"), "l")])
    accepted = Contract(inputs, source.schema).apply(source).accepted
    for name in source.schema.names:
        assert addresses(accepted.column(name)) == addresses(source.column(name))


def test_a_batch_of_another_schema_is_refused():
    contract = Contract(AGE, pa.schema({"age": pa.int64()}))
    with pytest.raises(ContractError, match="another schema"):
        contract.apply(pa.record_batch({"age": [1.0]}))


def test_an_empty_batch_keeps_its_schemas():
    contract = Contract(AGE, pa.schema({"age": pa.int64(), "id": pa.string()}), ("id",))
    verdict = contract.apply(pa.RecordBatch.from_pylist([], pa.schema({"age": pa.int64(), "id": pa.string()})))
    assert verdict.accepted.schema == contract.accepted_schema
    assert verdict.rejected.schema == contract.rejected_schema


def test_unnamed_columns_are_taken_in_order_beside_the_key():
    inputs = Schema([ColSpec("double"), ColSpec("string")])
    source = pa.record_batch({"x": [1], "id": [5], "y": ["a"]})
    assert Contract(inputs, source.schema, ("id",)).apply(source).accepted.to_pylist() == [
        {"id": 5, "x": 1.0, "y": "a"}
    ]


def test_unnamed_columns_must_be_exactly_as_many():
    with pytest.raises(ContractError, match="takes 2 columns in their order, the table has 3 beside the row key"):
        Contract(Schema([ColSpec("double"), ColSpec("double")]), pa.schema(dict.fromkeys("abc", pa.float64())))


@pytest.mark.parametrize("name", ["", 0])
def test_a_signature_with_a_name_that_mlflow_mistakes_is_an_error(name):
    with pytest.raises(ContractError, match="no name"):
        Contract(Schema([ColSpec("double", name)]), pa.schema({"0": pa.float64()}))


def test_conform_streams_a_table():
    table = pa.concat_tables([pa.table({"age": [1, 2]}), pa.table({"age": [2**60]})])
    verdicts = list(conform(table, AGE))
    assert [v.accepted.num_rows for v in verdicts] == [2, 0]
    assert sum((v.reasons for v in verdicts), start=verdicts[0].reasons.__class__()) == {("age", "not_exact"): 1}


def test_conform_reports_a_table_that_cannot_conform_although_it_is_empty():
    with pytest.raises(ContractError, match="'age' is missing"):
        list(conform(pa.table({"other": pa.array([], pa.int64())}), AGE))


PERSON = Object([Property("name", "string"), Property("age", "double", required=False)])


@pytest.mark.parametrize(
    ("kind", "cell", "arrow", "expected"),
    [
        (Array("double"), [1, 2], pa.list_(pa.int64()), [1.0, 2.0]),
        (Array("double"), [1, 2**60], pa.list_(pa.int64()), {"not_exact"}),
        (Array("double"), [1.0, None], pa.list_(pa.float64()), {"missing_value"}),
        (Array("double"), None, pa.list_(pa.float64()), {"missing_value"}),
        (Array("double"), [], pa.list_(pa.null()), []),
        (Array("double"), [1.0, 2.0], pa.list_(pa.float64(), 2), [1.0, 2.0]),
        (Array("double"), [1.0], pa.large_list(pa.float32()), [1.0]),
        (Array("double"), [1.0], pa.list_view(pa.float64()), [1.0]),
        (Array("string"), ["a\0"], pa.list_(pa.string()), {"not_exact"}),
        (Array("binary"), [b"a\0b"], pa.list_(pa.binary()), [b"a\0b"]),
        (Array("long"), [None], pa.list_(pa.int64()), {"missing_value"}),
        (Array(Array("float")), [[0.5], [0.1]], pa.list_(pa.list_(pa.float64())), {"not_exact"}),
        (Array(PERSON), [{"name": "a"}, {"name": None}], pa.list_(pa.struct({"name": pa.string()})), {"missing_value"}),
        (
            PERSON,
            {"name": "a", "age": 1},
            pa.struct({"age": pa.int64(), "name": pa.string()}),
            {"age": 1.0, "name": "a"},
        ),
        (PERSON, {"name": "a"}, pa.struct({"name": pa.string()}), {"age": None, "name": "a"}),
        (
            PERSON,
            {"name": "a", "x": None},
            pa.struct({"name": pa.string(), "x": pa.int64()}),
            {"age": None, "name": "a"},
        ),
        (PERSON, {"name": "a", "x": 1}, pa.struct({"name": pa.string(), "x": pa.int64()}), {"unexpected_property"}),
        (PERSON, None, pa.struct({"name": pa.string(), "x": pa.int64()}), {"missing_value"}),
        (Map("double"), [("a", 1)], pa.map_(pa.string(), pa.int64()), [("a", 1.0)]),
        (Map("double"), [("a", 1), ("b", 1), ("a", 2)], pa.map_(pa.string(), pa.int64()), {"duplicate_key"}),
        (Map("double"), [("a", None)], pa.map_(pa.string(), pa.int64()), {"missing_value"}),
        (Map("double"), {"a": 1, "b": None}, pa.struct({"a": pa.int64(), "b": pa.int64()}), [("a", 1.0)]),
        (Map("double"), {"a": 2**60}, pa.struct({"a": pa.int64()}), {"not_exact"}),
        (AnyType(), {"a": 1}, pa.struct({"a": pa.int64()}), {"a": 1}),
        (AnyType(), None, pa.int64(), None),
    ],
)
def test_nested_types_are_judged_part_by_part(kind, cell, arrow, expected):
    source = pa.record_batch({"x": pa.array([cell], arrow)})
    verdict = Contract(Schema([ColSpec(kind, "x")]), source.schema).apply(source)
    if isinstance(expected, set):
        assert {code for _, code in verdict.reasons} == expected
    else:
        assert verdict.accepted.column("x").to_pylist() == [expected]


@pytest.mark.parametrize(
    ("kind", "arrow", "words"),
    [
        (Array("double"), pa.list_(pa.string()), "elements: string cannot become double"),
        (Array("double"), pa.float64(), "double cannot become Array"),
        (PERSON, pa.struct({"age": pa.int64()}), "required properties are missing: 'name'"),
        (PERSON, pa.struct({"name": pa.int64()}), "property 'name': int64 cannot become string"),
        (Map("double"), pa.map_(pa.int64(), pa.float64()), "keys are int64"),
        (Map("double"), pa.struct({"a": pa.string()}), "values: string cannot become double"),
    ],
)
def test_nested_types_that_can_never_conform_are_an_error(kind, arrow, words):
    with pytest.raises(ContractError, match=words):
        Contract(Schema([ColSpec(kind, "x")]), pa.schema({"x": arrow}))


def test_missing_values_inside_a_list_follow_the_column():
    source = pa.record_batch({"x": pa.array([[1.0, None], None], pa.list_(pa.float64()))})
    optional = Contract(Schema([ColSpec(Array("double"), "x", required=False)]), source.schema).apply(source)
    allowed = Contract(
        Schema([ColSpec(Array("double"), "x")]), source.schema, (), ContractPolicy(missing="allow")
    ).apply(source)
    assert optional.rejected.num_rows == 0
    # MLflow takes no None for a required list, whatever the policy.
    assert allowed.accepted.column("x").to_pylist() == [[1.0, None]]


def test_text_columns_parses_cells_and_nothing_nested():
    source = pa.schema({"x": pa.list_(pa.string())})
    with pytest.raises(ContractError, match="string cannot become double"):
        Contract(Schema([ColSpec(Array("double"), "x")]), source, (), ContractPolicy(text_columns=frozenset({"x"})))


def test_a_null_map_hides_what_lies_under_it():
    keys, items = pa.array(["a", "a", "b"]), pa.array([1.0, 2.0, 3.0])
    under = pa.MapArray.from_arrays(pa.array([0, 2, 3], pa.int32()), keys, items, mask=pa.array([True, False]))
    verdict = Contract(Schema([ColSpec(Map("double"), "x", required=False)]), pa.schema({"x": under.type})).apply(
        pa.record_batch({"x": under})
    )
    assert verdict.accepted.column("x").to_pylist() == [None, [("b", 3.0)]]
