"""Signatures as canonical JSON."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import AnyType, Array, Object, Property

from mlops_assets.errors import SignatureError
from mlops_assets.signatures.mlflow.signature_json import (
    describe,
    signature_from_json,
    signature_hash,
    signature_to_json,
)
from mlops_assets_tests.signatures.strategies import column_schemas, tensor_specs

PARAMS = ParamSchema(
    [ParamSpec("k", "long", 3), ParamSpec("w", "string", ["a"], (-1,)), ParamSpec("t", "datetime", "2024-01-31")]
)


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(column_schemas(), tensor_specs.map(lambda spec: Schema([spec]))),
    st.one_of(st.none(), column_schemas()),
    st.sampled_from([None, PARAMS]),
)
def test_every_kind_of_signature_survives(inputs, outputs, params):
    signature = ModelSignature(inputs, outputs, params)
    text = signature_to_json(signature)
    assert signature_from_json(text) == signature
    assert ModelSignature.from_dict(json.loads(text)) == signature


@pytest.mark.parametrize(
    "schema",
    [
        Schema([TensorSpec(np.dtype("datetime64[ns]"), (-1, 2), "a"), TensorSpec(np.dtype("str"), (-1,), "b")]),
        Schema([ColSpec("double"), ColSpec("string")]),
        Schema([ColSpec(AnyType(), "x"), ColSpec(Array(AnyType()), "y")]),
    ],
)
def test_rarer_kinds_survive(schema):
    assert signature_from_json(signature_to_json(ModelSignature(schema))).inputs == schema


def test_the_text_does_not_depend_on_the_order_of_properties():
    one = Object([Property("a", "long"), Property("b", "string")])
    other = Object([Property("b", "string"), Property("a", "long")])
    texts = {signature_to_json(ModelSignature(Schema([ColSpec(kind, "x")]))) for kind in (one, other)}
    assert len(texts) == 1


def test_the_hash_is_that_of_the_canonical_text():
    text = signature_to_json(ModelSignature(Schema([ColSpec("double", "ü")]), params=PARAMS))
    compact = json.dumps(json.loads(text))
    assert signature_hash(compact) == signature_hash(text) == hashlib.sha256(text.encode()).hexdigest()


def test_the_hash_changes_with_the_order_of_columns():
    hashes = {
        signature_hash(signature_to_json(ModelSignature(Schema([ColSpec("double", n) for n in names]))))
        for names in ("ab", "ba")
    }
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON: .* at line 1"),
        ("[]", "none of the keys inputs, outputs, params"),
        ('{"a": 1}', "none of the keys inputs, outputs, params"),
        ('{"inputs": [{"type": "nope", "name": "a"}]}', "cannot read the signature"),
        ('{"inputs": 5}', "cannot read the signature"),
        ('{"inputs": null}', "cannot read the signature"),
    ],
)
def test_text_that_is_no_signature(text, words):
    with pytest.raises(SignatureError, match=words) as raised:
        signature_from_json(text, where="model_signature.json")
    assert "model_signature.json" in str(raised.value)


def test_describe_has_one_row_per_input_output_and_param():
    signature = ModelSignature(
        Schema([ColSpec("double", "age"), ColSpec(Array("string"), "tags", required=False)]),
        Schema([TensorSpec(np.dtype("float32"), (-1, 3))]),
        PARAMS,
    )
    assert describe(signature) == [
        {"part": "input", "name": "age", "type": "double", "required": True, "default": None},
        {"part": "input", "name": "tags", "type": "Array(string)", "required": False, "default": None},
        {"part": "output", "name": "0", "type": "tensor float32 [-1, 3]", "required": True, "default": None},
        {"part": "param", "name": "k", "type": "long", "required": False, "default": "3"},
        {"part": "param", "name": "w", "type": "list of string", "required": False, "default": '["a"]'},
        {"part": "param", "name": "t", "type": "datetime", "required": False, "default": '"2024-01-31"'},
    ]
