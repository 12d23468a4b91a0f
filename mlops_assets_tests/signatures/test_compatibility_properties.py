"""Compatibility is what it claims."""

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import AnyType, Array, Map, Object, Property

from mlops_assets.errors import ContractError
from mlops_assets.signatures.compatibility.compatibility import (
    CompatibilityMode,
    DifferenceCode,
    check_compatibility,
    compare_signatures,
)
from mlops_assets.signatures.compatibility.edge_values import edge_rows
from mlops_assets.signatures.contract.arrow_types import arrow_schema
from mlops_assets.signatures.contract.contract import Contract
from mlops_assets_tests.signatures.strategies import column_schemas, mlflow_types, names, scalars, tables, tensor_specs

pytestmark = pytest.mark.slow

bounded = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def altered(kind):
    """A type that is often near `kind`: the same, another scalar at one place, other properties."""
    if isinstance(kind, Array):
        return st.one_of(st.just(kind), altered(kind.dtype).map(Array), mlflow_types(1))
    if isinstance(kind, Map):
        return st.one_of(st.just(kind), altered(kind.value_type).map(Map), mlflow_types(1))
    if isinstance(kind, Object):
        parts = [
            st.builds(Property, st.just(p.name), altered(p.dtype), st.sampled_from([p.required, True, False]))
            for p in kind.properties
        ]
        extra = st.lists(st.builds(Property, st.just("extra"), scalars, st.booleans()), max_size=1)
        return st.one_of(st.just(kind), st.tuples(*parts).flatmap(lambda ps: extra.map(lambda e: Object([*ps, *e]))))
    return st.one_of(st.just(kind), scalars, mlflow_types(1))


WIDER = {"integer": ["integer", "long", "double"], "float": ["float", "double"]}


def relaxed(kind):
    """A type that often, but not always, takes every value of `kind`."""
    if isinstance(kind, Array):
        return relaxed(kind.dtype).map(Array)
    if isinstance(kind, Map):
        return relaxed(kind.value_type).map(Map)
    if isinstance(kind, Object):
        parts = [st.builds(Property, st.just(p.name), relaxed(p.dtype), st.just(p.required)) for p in kind.properties]
        optional = st.lists(st.just(Property("extra", "long", False)), max_size=1)
        return st.tuples(*parts).flatmap(lambda ps: optional.map(lambda e: Object([*ps, *e])))
    return st.sampled_from([*WIDER.get(kind.name, [kind.name]), "any"]).map(
        lambda name: AnyType() if name == "any" else DataType[name]
    )


@st.composite
def successors(draw):
    """Two schemas of which the second often takes what was prepared for the first."""
    old = draw(column_schemas())
    kept = [spec for spec in old.inputs if draw(st.integers(0, 5))]
    assume(kept)
    specs = [ColSpec(draw(relaxed(spec.type)), spec.name, draw(st.booleans()) and spec.required) for spec in kept]
    return old, Schema([*specs, *draw(st.lists(st.just(ColSpec("long", "extra", False)), max_size=1))])


@st.composite
def neighbours(draw):
    """Two schemas of which the second is the first, changed here and there."""
    old = draw(column_schemas())
    specs = [
        ColSpec(draw(altered(spec.type)), spec.name, draw(st.sampled_from([spec.required, True, False])))
        for spec in old.inputs
        if draw(st.integers(0, 5))
    ]
    if draw(st.booleans()):
        name = draw(names.filter(lambda name: name not in [spec.name for spec in old.inputs]))
        specs.append(ColSpec(draw(scalars), name, draw(st.booleans())))
    assume(specs)
    return old, Schema(specs)


def conforms(batch, schema):
    """Whether every row of `batch` conforms to `schema`."""
    try:
        return Contract(schema, batch.schema).apply(batch).rejected.num_rows == 0
    except ContractError:
        return False


@bounded
@given(st.one_of(column_schemas(), tensor_specs.map(lambda spec: Schema([spec]))))
def test_nothing_differs_from_itself(schema):
    signature = ModelSignature(schema, schema)
    assert compare_signatures(signature, signature) == []


@bounded
@given(st.one_of(successors(), successors(), neighbours()), st.data())
def test_rows_valid_for_the_old_schema_conform_to_a_new_one_that_is_backward_compatible(pair, data):
    old, new = pair
    assume(
        check_compatibility([("old", ModelSignature(old))], ModelSignature(new), CompatibilityMode.BACKWARD).compatible
    )
    batch = data.draw(tables(old))
    valid = Contract(old, batch.schema).apply(batch).accepted
    assert conforms(valid, new)
    assert conforms(valid.select([name for name in valid.schema.names if name in _required(old, new)]), new)


def _required(old, new):
    """Columns that either schema asks for: the optional ones of both may be absent."""
    return {spec.name for schema in (old, new) for spec in schema.inputs if spec.required}


def edge_tables(schema):
    """A table for every column and every edge value of it, and one without the optional columns."""
    base = {spec.name: edge_rows(spec) for spec in schema.inputs}
    for spec in schema.inputs:
        rows = base[spec.name]
        columns = [base[s.name].take(pa.array([len(base[s.name]) - 1] * len(rows))) for s in schema.inputs]
        columns[schema.inputs.index(spec)] = rows
        yield pa.RecordBatch.from_arrays(columns, schema=arrow_schema(schema))
    required = [spec.name for spec in schema.inputs if spec.required]
    if required:
        yield pa.RecordBatch.from_arrays([base[name][-1:] for name in required], names=required)


@bounded
@given(neighbours())
def test_where_it_says_breaking_there_is_a_row_that_breaks(pair):
    old, new = pair
    assume(
        not check_compatibility(
            [("old", ModelSignature(old))], ModelSignature(new), CompatibilityMode.BACKWARD
        ).compatible
    )
    batches = list(edge_tables(old))
    assert all(conforms(batch, old) for batch in batches)
    assert not all(conforms(batch, new) for batch in batches)


@bounded
@given(neighbours())
def test_forward_is_backward_read_the_other_way(pair):
    old, new = (ModelSignature(outputs=schema) for schema in pair)
    only_columns = {
        DifferenceCode.OUTPUT_ADDED,
        DifferenceCode.OUTPUT_RENAMED,
        DifferenceCode.OUTPUT_REMOVED,
        DifferenceCode.OUTPUT_REORDERED,
    }
    forward = [d for d in compare_signatures(old, new) if d.code not in only_columns]
    backward = compare_signatures(ModelSignature(pair[1]), ModelSignature(pair[0]))
    breaking = {
        d.path for d in backward if d.breaking and not d.code.value.startswith(("input_added", "input_removed"))
    }
    assert {d.path for d in forward if d.breaking} == breaking
