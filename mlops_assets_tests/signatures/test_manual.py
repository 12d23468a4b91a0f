"""Signatures written by a person."""

import numpy as np
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import AnyType, Array, Map, Object, Property

from mlops_assets.errors import SignatureError
from mlops_assets.signatures.infer.manual import signature_from_dict, signature_from_text

PAGE = """
inputs:
  age: double
  name: {type: string, required: false}
  tags: {array: string}
  matrix: {array: {array: float}}
  address: {object: {street: string, zip: {type: long, required: false}}}
  scores: {map: double, required: false}
  anything: any
  array: long
outputs: double
params:
  threshold: 0.5
  words: {type: string, default: [a, b], list: true}
  whole: {type: double, default: 1}
"""
SIGNATURE = ModelSignature(
    Schema(
        [
            ColSpec("double", "age"),
            ColSpec("string", "name", False),
            ColSpec(Array("string"), "tags"),
            ColSpec(Array(Array("float")), "matrix"),
            ColSpec(Object([Property("street", "string"), Property("zip", "long", False)]), "address"),
            ColSpec(Map("double"), "scores", False),
            ColSpec(AnyType(), "anything"),
            ColSpec("long", "array"),
        ]
    ),
    Schema([ColSpec("double", "prediction")]),
    ParamSchema(
        [
            ParamSpec("threshold", "double", 0.5),
            ParamSpec("words", "string", ["a", "b"], (-1,)),
            ParamSpec("whole", "double", 1.0),
        ]
    ),
)


def test_the_friendly_form():
    assert signature_from_text(PAGE) == SIGNATURE


@pytest.mark.parametrize("unpack", [False, True])
def test_mlflows_own_form(unpack):
    fields = SIGNATURE.to_dict()
    if unpack:
        fields = {
            "inputs": SIGNATURE.inputs.to_dict(),
            "outputs": SIGNATURE.outputs.to_dict(),
            "params": SIGNATURE.params.to_dict(),
        }
    assert signature_from_dict(fields) == SIGNATURE


def test_mlflows_own_form_is_required_unless_it_says_otherwise():
    read = signature_from_dict({"inputs": [{"type": "array", "items": {"type": "long"}, "name": "a"}]})
    assert read.inputs == Schema([ColSpec(Array("long"), "a", True)])


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("inputs: {tensor: float32, shape: [-1, 8, 8]}", Schema([TensorSpec(np.dtype("float32"), (-1, 8, 8))])),
        (
            "inputs: {image: {tensor: uint8, shape: [-1, 2]}, n: {tensor: int64, shape: [-1]}}",
            Schema([TensorSpec(np.dtype("uint8"), (-1, 2), "image"), TensorSpec(np.dtype("int64"), (-1,), "n")]),
        ),
        ("inputs: [double, string]", Schema([ColSpec("double"), ColSpec("string")])),
        ("inputs: string", Schema([ColSpec("string")])),
        ("inputs: {tensor: double}", Schema([ColSpec("double", "tensor")])),
    ],
)
def test_inputs_in_other_forms(text, schema):
    assert signature_from_text(text).inputs == schema


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("inputs: {a: doble}", r"inputs\.a: there is no type 'doble' \(did you mean 'double'\?\).*boolean, integer"),
        ("inputs: {a: {typ: double}}", r"inputs\.a: unknown key 'typ' \(did you mean 'type'\?\)"),
        ("input: {a: double}", r"unknown key 'input' \(did you mean 'inputs'\?\)"),
        ("inputs:\n  a: double\n  a: long", "key 'a' occurs twice in the block from line 2"),
        ("inputs: {1: double}", "column name 1 is int"),
        ("inputs: {a: {tensor: floaty, shape: [-1]}}", r"inputs\.a\.tensor: there is no dtype 'floaty'.*float32"),
        ("inputs: {a: {tensor: float32}}", r"inputs\.a\.shape"),
        ("inputs: {a: {tensor: float32, shape: [2]}}", r"inputs\.a\.shape"),
        ("inputs: {a: {tensor: float32, shape: [-1]}, b: double}", r"mixes tensors \(a\) and columns"),
        ("inputs: {a: {array: {tensor: float32, shape: [-1]}}}", r"inputs\.a\.array: unknown key 'shape'"),
        ("inputs: {a: {type: double, required: maybe}}", r"inputs\.a\.required: is text.*true or false"),
        ("inputs: {a: {type: double, array: long}}", "has 2 of the keys"),
        ("inputs: {a: [double]}", r"inputs\.a: is list, not a type"),
        ("inputs: {a: {object: {}}}", r"inputs\.a\.object: is empty"),
        ("inputs: {a: {object: {b: int}}}", r"inputs\.a\.b: there is no type 'int'"),
        ("inputs: []", "inputs: is empty"),
        ("inputs: 5", "inputs: is int"),
        ("inputs:", "is empty"),
        ("- 1", "is list, not a mapping"),
        ("inputs: {a: [", "not YAML: .* at line 1"),
        ("inputs: [{type: nope, name: a}]", "MLflow cannot read this schema"),
        ("params: {k: {type: long, default: x}}", r"params\.k\.default: is text, which is no long"),
        ("params: {k: {type: long, default: [x], list: true}}", "which is no list of long"),
        ("params: {k: {type: long}}", r"params\.k: has no default"),
        ("params: {k: {type: binary, default: x}}", "a param cannot be binary"),
        ("params: {k: null}", "'k' is NoneType"),
        ("params: 5", "params: is int"),
    ],
)
def test_errors_say_where_and_what_is_allowed(text, words):
    with pytest.raises(SignatureError, match=words):
        signature_from_text(text, where="signature.yaml")


def test_errors_name_the_file():
    with pytest.raises(SignatureError, match=r"\(signature\.yaml\)"):
        signature_from_text("inputs: {a: doble}", where="signature.yaml")
