"""One case per difference: its code, its path, and whom it breaks."""

import numpy as np
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import AnyType, Array, Map, Object, Property

from mlops_assets.errors import ConfigurationError
from mlops_assets.signatures.compatibility.compatibility import (
    CompatibilityMode,
    Difference,
    DifferenceCode,
    check_compatibility,
    compare_signatures,
)


def columns(*specs):
    return Schema([ColSpec(kind, name, required) for name, kind, required in specs])


def tensors(dtype, *shape, name=None):
    return Schema([TensorSpec(np.dtype(dtype), (-1, *shape), name)])


def found(old, new):
    return [(d.code.value, d.path, d.breaking) for d in compare_signatures(old, new)]


def record(*properties):
    return Object([Property(*prop) for prop in properties])


X = ("x", "long", True)
INPUTS = [
    ("declared", None, columns(X), [("inputs_declared", "", True)]),
    ("withdrawn", columns(X), None, [("inputs_withdrawn", "", False)]),
    ("added required", columns(X), columns(X, ("y", "long", True)), [("input_added_required", "y", True)]),
    ("added optional", columns(X), columns(X, ("y", "long", False)), [("input_added_optional", "y", False)]),
    ("removed", columns(X, ("y", "long", True)), columns(X), [("input_removed", "y", False)]),
    ("became required", columns(("x", "long", False)), columns(X), [("input_became_required", "x", True)]),
    ("became optional", columns(X), columns(("x", "long", False)), [("input_became_optional", "x", False)]),
    ("reordered", columns(X, ("y", "long", True)), columns(("y", "long", True), X), [("input_reordered", "", False)]),
    ("names dropped", columns(X), Schema([ColSpec("long")]), [("input_naming_changed", "", True)]),
    ("unnamed added", Schema([ColSpec("long")]), Schema([ColSpec("long")] * 2), [("input_added_required", "1", True)]),
    ("unnamed removed", Schema([ColSpec("long")] * 2), Schema([ColSpec("long")]), [("input_removed", "1", True)]),
    ("widened", columns(("x", "integer", True)), columns(("x", "double", True)), [("type_widened", "x", False)]),
    ("not widened", columns(X), columns(("x", "double", True)), [("type_changed", "x", True)]),
    ("narrowed", columns(X), columns(("x", "integer", True)), [("type_narrowed", "x", True)]),
    ("changed", columns(X), columns(("x", "string", True)), [("type_changed", "x", True)]),
    ("to any", columns(X), columns(("x", AnyType(), True)), [("type_widened", "x", False)]),
    (
        "elements",
        columns(("x", Array(Array("float")), True)),
        columns(("x", Array(Array("double")), True)),
        [("type_widened", "x[][]", False)],
    ),
    ("values", columns(("x", Map("long"), True)), columns(("x", Map("string"), True)), [("type_changed", "x{}", True)]),
    (
        "properties",
        columns(("x", record(("a", "long"), ("b", "long"), ("c", "long"), ("d", "long", False)), True)),
        columns(("x", record(("a", "integer"), ("c", "long", False), ("d", "long"), ("e", "long")), True)),
        [
            ("type_narrowed", "x.a", True),
            ("property_removed", "x.b", True),
            ("property_became_optional", "x.c", False),
            ("property_became_required", "x.d", True),
            ("property_added_required", "x.e", True),
        ],
    ),
    (
        "optional property",
        columns(("x", Array(record(("a", "long"))), True)),
        columns(("x", Array(record(("a", "long"), ("b", "long", False))), True)),
        [("property_added_optional", "x[].b", False)],
    ),
    ("tensor dtype", tensors("float32", 3), tensors("float64", 3), [("type_widened", "0", False)]),
    ("tensor shape", tensors("float32", 3), tensors("float32", 4), [("type_changed", "0", True)]),
    (
        "tensor to column",
        tensors("float32", name="x"),
        columns(("x", "double", True)),
        [("type_widened", "x", False)],
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), [case[1:] for case in INPUTS], ids=[case[0] for case in INPUTS])
def test_inputs(old, new, expected):
    outputs = columns(("p", "double", True))
    assert found(ModelSignature(old, outputs), ModelSignature(new, outputs)) == expected


P = ("p", "long", True)
OUTPUTS = [
    ("declared", None, columns(P), [("outputs_declared", "", False)]),
    ("withdrawn", columns(P), None, [("outputs_withdrawn", "", True)]),
    ("added", columns(P), columns(P, ("q", "long", True)), [("output_added", "q", False)]),
    ("removed", columns(P, ("q", "double", True)), columns(P), [("output_removed", "q", True)]),
    ("renamed", columns(P, ("q", "long", True)), columns(P, ("r", "long", True)), [("output_renamed", "q", True)]),
    (
        "exchanged",
        columns(P, ("q", "long", True)),
        columns(P, ("r", "string", True)),
        [("output_removed", "q", True), ("output_added", "r", False)],
    ),
    ("became required", columns(("p", "long", False)), columns(P), [("output_became_required", "p", False)]),
    ("became optional", columns(P), columns(("p", "long", False)), [("output_became_optional", "p", True)]),
    ("reordered", columns(P, ("q", "long", True)), columns(("q", "long", True), P), [("output_reordered", "", False)]),
    ("widened", columns(("p", "integer", True)), columns(P), [("type_widened", "p", True)]),
    ("narrowed", columns(P), columns(("p", "integer", True)), [("type_narrowed", "p", False)]),
    ("one without name", columns(P), Schema([ColSpec("long")]), []),
    ("one tensor", columns(("p", "double", True)), tensors("float64"), [("type_widened", "p", False)]),
    ("names dropped", columns(P, ("q", "long", True)), tensors("int64", 2), [("output_naming_changed", "", True)]),
    ("more classes", tensors("float64", 2), tensors("float64", 3), [("type_changed", "0", True)]),
    (
        "properties",
        columns(("p", record(("a", "long"), ("b", "long", False)), True)),
        columns(("p", record(("c", "long")), True)),
        [
            ("property_removed", "p.a", True),
            ("property_removed", "p.b", False),
            ("property_added_required", "p.c", True),
        ],
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), [case[1:] for case in OUTPUTS], ids=[case[0] for case in OUTPUTS])
def test_outputs(old, new, expected):
    inputs = columns(X)
    assert found(ModelSignature(inputs, old), ModelSignature(inputs, new)) == expected


def params(**specs):
    return ModelSignature(columns(X), params=ParamSchema([ParamSpec(name, *spec) for name, spec in specs.items()]))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (params(k=("long", 1)), params(k=("long", 1), n=("long", 1)), [("param_added", "n", False)]),
        (params(k=("long", 1), n=("long", 1)), params(k=("long", 1)), [("param_removed", "n", True)]),
        (params(k=("long", 1)), params(k=("long", 2)), [("param_default_changed", "k", False)]),
        (params(k=("integer", 1)), params(k=("long", 1)), [("type_widened", "k", False)]),
        (params(k=("long", 1)), params(k=("integer", 1)), [("type_narrowed", "k", True)]),
        (
            params(k=("string", "a")),
            params(k=("long", 1)),
            [("type_changed", "k", True), ("param_default_changed", "k", False)],
        ),
        (
            params(k=("long", 1)),
            params(k=("long", [1], (-1,))),
            [("param_shape_changed", "k", True), ("param_default_changed", "k", False)],
        ),
        (params(k=("integer", [1], (-1,))), params(k=("long", [1], (-1,))), [("type_widened", "k[]", False)]),
    ],
)
def test_params(old, new, expected):
    assert found(old, new) == expected


def test_every_code_has_a_case():
    cases = [code for case in (*INPUTS, *OUTPUTS) for code, _, _ in case[3]]
    in_params = {"param_added", "param_removed", "param_default_changed", "param_shape_changed"}
    assert {*cases, *in_params} == {code.value for code in DifferenceCode}


def test_a_difference_says_both_types():
    (difference,) = compare_signatures(ModelSignature(columns(X)), ModelSignature(columns(("x", "integer", False))))[1:]
    assert difference == Difference(DifferenceCode.TYPE_NARROWED, "inputs", "x", "long", "integer", True)


OLD = ModelSignature(columns(X), columns(P))
BREAKS_INPUTS = ModelSignature(columns(X, ("y", "long", True)), columns(P))
BREAKS_OUTPUTS = ModelSignature(columns(X), columns(("p", "double", True)))


@pytest.mark.parametrize(
    ("mode", "new", "compatible"),
    [
        ("NONE", BREAKS_INPUTS, True),
        ("NONE", BREAKS_OUTPUTS, True),
        ("BACKWARD", BREAKS_INPUTS, False),
        ("BACKWARD", BREAKS_OUTPUTS, True),
        ("FORWARD", BREAKS_INPUTS, True),
        ("FORWARD", BREAKS_OUTPUTS, False),
        ("FULL", BREAKS_INPUTS, False),
        ("FULL", BREAKS_OUTPUTS, False),
        ("FULL", OLD, True),
    ],
)
def test_modes(mode, new, compatible):
    assert check_compatibility([("version 1", OLD)], new, CompatibilityMode.of(mode)).compatible is compatible


@pytest.mark.parametrize(("mode", "compatible"), [("BACKWARD", True), ("BACKWARD_TRANSITIVE", False)])
def test_transitive_modes_judge_against_every_version(mode, compatible):
    # Version 1 has no y, version 2 has: version 3 reads what was prepared for 2, and not what was prepared for 1.
    history = [("version 1", OLD), ("version 2", BREAKS_INPUTS)]
    verdict = check_compatibility(history, BREAKS_INPUTS, CompatibilityMode.of(mode))
    assert verdict.compatible is compatible
    assert list(verdict.differences) == (["version 2"] if compatible else ["version 1", "version 2"])


def test_without_history_everything_is_compatible():
    verdict = check_compatibility([], OLD)
    assert verdict.compatible
    assert verdict.report("version 1") == "version 1 is compatible with no earlier version (mode FULL)\n"


def test_a_version_without_signature_takes_everything():
    assert check_compatibility([("version 1", None)], OLD).forbidden[0][1].code is DifferenceCode.INPUTS_DECLARED
    assert not check_compatibility([("version 1", OLD)], None, CompatibilityMode.BACKWARD).forbidden


def test_the_report_names_what_is_forbidden():
    report = check_compatibility([("version 1", OLD)], BREAKS_INPUTS).report("version 2")
    assert report == (
        "version 2 is NOT compatible with version 1 (mode FULL)\n"
        "version 1: 1 differences\n"
        "  x breaking: input_added_required inputs y: - -> long (required)\n"
    )


def test_rows_are_for_a_table():
    (row,) = check_compatibility([("version 1", OLD)], BREAKS_OUTPUTS, CompatibilityMode.BACKWARD).rows()
    assert row == {
        "against": "version 1",
        "code": "type_changed",
        "part": "outputs",
        "path": "p",
        "old": "long",
        "new": "double",
        "breaking": True,
        "forbidden": False,
    }


def test_an_unknown_mode_is_an_error_that_lists_them():
    with pytest.raises(ConfigurationError, match=r"'FUL' \(did you mean 'FULL'\?\).*NONE, BACKWARD, FORWARD"):
        CompatibilityMode.of("FUL")
