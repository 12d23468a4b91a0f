"""What differs between two signatures, each difference with a stable code and whether it breaks anyone.

Inputs and params are read backward: the new model scores data prepared for the old one. Outputs are read forward: who
reads the old model's table can read the new one's. A pair of types is widened if, by the contract's own table
(`mlops_assets.signatures.contract.arrow_types`), every value of the one is a value of the other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from mlops_assets.signatures.compatibility.edge_values import holds_all

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSpec, Schema, TensorSpec
    from mlflow.types.schema import Property

    from mlops_assets.signatures.contract.arrow_types import MlflowType

Part = Literal["inputs", "outputs", "params"]


class DifferenceCode(StrEnum):
    """What changed from the old signature to the new one; stable."""

    INPUTS_DECLARED = "inputs_declared"
    INPUTS_WITHDRAWN = "inputs_withdrawn"
    INPUT_ADDED_REQUIRED = "input_added_required"
    INPUT_ADDED_OPTIONAL = "input_added_optional"
    INPUT_REMOVED = "input_removed"
    INPUT_BECAME_REQUIRED = "input_became_required"
    INPUT_BECAME_OPTIONAL = "input_became_optional"
    INPUT_NAMING_CHANGED = "input_naming_changed"
    INPUT_REORDERED = "input_reordered"
    OUTPUTS_DECLARED = "outputs_declared"
    OUTPUTS_WITHDRAWN = "outputs_withdrawn"
    OUTPUT_ADDED = "output_added"
    OUTPUT_REMOVED = "output_removed"
    OUTPUT_RENAMED = "output_renamed"
    OUTPUT_BECAME_REQUIRED = "output_became_required"
    OUTPUT_BECAME_OPTIONAL = "output_became_optional"
    OUTPUT_NAMING_CHANGED = "output_naming_changed"
    OUTPUT_REORDERED = "output_reordered"
    PROPERTY_ADDED_REQUIRED = "property_added_required"
    PROPERTY_ADDED_OPTIONAL = "property_added_optional"
    PROPERTY_REMOVED = "property_removed"
    PROPERTY_BECAME_REQUIRED = "property_became_required"
    PROPERTY_BECAME_OPTIONAL = "property_became_optional"
    TYPE_WIDENED = "type_widened"
    TYPE_NARROWED = "type_narrowed"
    TYPE_CHANGED = "type_changed"
    PARAM_ADDED = "param_added"
    PARAM_REMOVED = "param_removed"
    PARAM_SHAPE_CHANGED = "param_shape_changed"
    PARAM_DEFAULT_CHANGED = "param_default_changed"


@dataclass(frozen=True)
class Difference:
    """One difference.

    Attributes
    ----------
    code
        What kind it is.
    part
        ``inputs``, ``outputs`` or ``params``.
    path
        The column or param; inside it ``.property``, ``[]`` for elements, ``{}`` for the values of a map. Unnamed
        columns are called by their position.
    old, new
        Types (of params also defaults) as MLflow writes them; None where there is none.
    breaking
        Inputs and params: old data or calls may fail with the new model. Outputs: readers of the old table may fail.
    """

    code: DifferenceCode
    part: Part
    path: str
    old: str | None
    new: str | None
    breaking: bool

    def __str__(self) -> str:
        mark = "breaking" if self.breaking else "compatible"
        return f"{mark}: {self.code.value} {self.part} {self.path or '(all)'}: {self.old or '-'} -> {self.new or '-'}"


def compare_signatures(old: "ModelSignature | None", new: "ModelSignature | None") -> list[Difference]:
    """Every difference from `old` to `new`: inputs, outputs, params, each in the order of the old signature.

    `compare_signatures(x, x)` is empty. A model without signature has neither inputs, outputs nor params.
    """
    return [
        *_schemas("inputs", old.inputs if old else None, new.inputs if new else None),
        *_schemas("outputs", old.outputs if old else None, new.outputs if new else None),
        *_params(list(old.params or ()) if old else [], list(new.params or ()) if new else []),
    ]


def _schemas(part: Part, old: "Schema | None", new: "Schema | None") -> Iterator[Difference]:
    inputs = part == "inputs"
    if old is None and new is None:
        return
    if old is None or new is None:
        declared = old is None
        if inputs:
            # Without inputs everything passes: whatever was prepared for that may fail a contract, not the reverse.
            yield Difference(
                DifferenceCode.INPUTS_DECLARED if declared else DifferenceCode.INPUTS_WITHDRAWN,
                part,
                "",
                _text(old),
                _text(new),
                declared,
            )
        else:
            yield Difference(
                DifferenceCode.OUTPUTS_DECLARED if declared else DifferenceCode.OUTPUTS_WITHDRAWN,
                part,
                "",
                _text(old),
                _text(new),
                not declared,
            )
        return
    old_specs, new_specs = _by_name(old), _by_name(new)
    both_named = old.has_input_names() and new.has_input_names()
    if not inputs and len(old_specs) == len(new_specs) == 1 and not both_named:
        # One prediction without name is one column, whatever it is called.
        (name,), (new_spec,) = old_specs, new_specs.values()
        yield from _spec(part, name, old_specs[name], new_spec)
        return
    if bool(old.has_input_names()) != bool(new.has_input_names()):
        code = DifferenceCode.INPUT_NAMING_CHANGED if inputs else DifferenceCode.OUTPUT_NAMING_CHANGED
        yield Difference(code, part, "", _text(old), _text(new), True)
        return
    named = bool(old.has_input_names())
    removed = [name for name in old_specs if name not in new_specs]
    added = [name for name in new_specs if name not in old_specs]
    renamed = {} if inputs or not named else _renamed(list(old_specs), list(new_specs), old_specs, new_specs)
    for name, spec in old_specs.items():
        if name in new_specs:
            yield from _spec(part, name, spec, new_specs[name])
        elif name in renamed:
            yield Difference(
                DifferenceCode.OUTPUT_RENAMED,
                part,
                name,
                f"{name}: {_kind(spec)}",
                f"{renamed[name]}: {_kind(spec)}",
                True,
            )
        elif name in removed:
            # Named columns that are not asked for are ignored; columns without names must be exactly as many.
            code = DifferenceCode.INPUT_REMOVED if inputs else DifferenceCode.OUTPUT_REMOVED
            yield Difference(code, part, name, _kind(spec), None, not inputs or not named)
    for name in added:
        if name in renamed.values():
            continue
        spec = new_specs[name]
        if inputs:
            code = DifferenceCode.INPUT_ADDED_REQUIRED if spec.required else DifferenceCode.INPUT_ADDED_OPTIONAL
            yield Difference(code, part, name, None, _kind(spec), spec.required)
        else:
            yield Difference(DifferenceCode.OUTPUT_ADDED, part, name, None, _kind(spec), not named)
    if named and [n for n in old_specs if n in new_specs] != [n for n in new_specs if n in old_specs]:
        code = DifferenceCode.INPUT_REORDERED if inputs else DifferenceCode.OUTPUT_REORDERED
        yield Difference(code, part, "", ", ".join(old_specs), ", ".join(new_specs), False)


def _by_name(schema: "Schema") -> "dict[str, ColSpec | TensorSpec]":
    return {str(i) if spec.name is None else str(spec.name): spec for i, spec in enumerate(schema.inputs)}


def _renamed(
    old_names: list[str],
    new_names: list[str],
    old_specs: "dict[str, ColSpec | TensorSpec]",
    new_specs: "dict[str, ColSpec | TensorSpec]",
) -> dict[str, str]:
    """Old name -> new name, where a name at the same place was exchanged for a new one of the same type."""
    return {
        before: after
        for before, after in zip(old_names, new_names, strict=False)
        if before not in new_specs and after not in old_specs and _kind(old_specs[before]) == _kind(new_specs[after])
    }


def _spec(part: Part, path: str, old: "ColSpec | TensorSpec", new: "ColSpec | TensorSpec") -> Iterator[Difference]:
    from mlflow.types import ColSpec

    inputs = part == "inputs"
    if old.required != new.required:
        if inputs:
            code = DifferenceCode.INPUT_BECAME_REQUIRED if new.required else DifferenceCode.INPUT_BECAME_OPTIONAL
        else:
            code = DifferenceCode.OUTPUT_BECAME_REQUIRED if new.required else DifferenceCode.OUTPUT_BECAME_OPTIONAL
        yield Difference(code, part, path, _kind(old), _kind(new), new.required if inputs else not new.required)
    if isinstance(old, ColSpec) and isinstance(new, ColSpec):
        yield from _types(part, path, old.type, new.type, old.required and new.required)
    else:
        yield from _leaf(part, path, old, new)


def _types(part: Part, path: str, old: "MlflowType", new: "MlflowType", required: bool) -> Iterator[Difference]:
    from mlflow.types import ColSpec
    from mlflow.types.schema import Array, Map, Object

    if old == new:
        return
    if isinstance(old, Array) and isinstance(new, Array):
        yield from _types(part, f"{path}[]", old.dtype, new.dtype, required)
    elif isinstance(old, Map) and isinstance(new, Map):
        yield from _types(part, f"{path}{{}}", old.value_type, new.value_type, required)
    elif isinstance(old, Object) and isinstance(new, Object):
        yield from _objects(part, path, old.properties, new.properties)
    else:
        yield from _leaf(part, path, ColSpec(old, "x", required), ColSpec(new, "x", required))


def _objects(part: Part, path: str, old: "Sequence[Property]", new: "Sequence[Property]") -> Iterator[Difference]:
    inputs = part == "inputs"
    before, after = {prop.name: prop for prop in old}, {prop.name: prop for prop in new}
    for name, prop in before.items():
        where = f"{path}.{name}"
        if name not in after:
            # An input's object with a property that the new signature does not know is refused; a reader of the old
            # output misses the property if it was required.
            yield Difference(
                DifferenceCode.PROPERTY_REMOVED, part, where, _property(prop), None, inputs or prop.required
            )
            continue
        later = after[name]
        if prop.required != later.required:
            code = (
                DifferenceCode.PROPERTY_BECAME_REQUIRED if later.required else DifferenceCode.PROPERTY_BECAME_OPTIONAL
            )
            breaking = later.required if inputs else prop.required
            yield Difference(code, part, where, _property(prop), _property(later), breaking)
        yield from _types(part, where, prop.dtype, later.dtype, prop.required and later.required)
    for name, prop in after.items():
        if name not in before:
            code = DifferenceCode.PROPERTY_ADDED_REQUIRED if prop.required else DifferenceCode.PROPERTY_ADDED_OPTIONAL
            # A reader of the old output refuses a property that it does not know.
            yield Difference(code, part, f"{path}.{name}", None, _property(prop), prop.required or not inputs)


def _leaf(part: Part, path: str, old: "ColSpec | TensorSpec", new: "ColSpec | TensorSpec") -> Iterator[Difference]:
    if old.type == new.type and getattr(old, "shape", None) == getattr(new, "shape", None):
        return
    forward, backward = holds_all(old, new), holds_all(new, old)
    code = (
        DifferenceCode.TYPE_WIDENED
        if backward
        else DifferenceCode.TYPE_NARROWED
        if forward
        else DifferenceCode.TYPE_CHANGED
    )
    breaking = not (backward if part != "outputs" else forward)
    yield Difference(code, part, path, _type(old), _type(new), breaking)


def _params(old: "list[ParamSpec]", new: "list[ParamSpec]") -> Iterator[Difference]:
    from mlflow.types import DataType
    from mlflow.types.schema import Array

    before, after = {param.name: param for param in old}, {param.name: param for param in new}
    for name, param in before.items():
        if name not in after:
            yield Difference(DifferenceCode.PARAM_REMOVED, "params", name, _param(param), None, True)
            continue
        later = after[name]
        if param.shape != later.shape:
            yield Difference(DifferenceCode.PARAM_SHAPE_CHANGED, "params", name, _param(param), _param(later), True)
        elif isinstance(param.dtype, DataType) and isinstance(later.dtype, DataType) and param.shape:
            yield from _types("params", name, Array(param.dtype), Array(later.dtype), True)
        else:
            yield from _types("params", name, param.dtype, later.dtype, True)
        if param.default != later.default:
            # The default is a value that its author published in the signature, not data.
            yield Difference(
                DifferenceCode.PARAM_DEFAULT_CHANGED, "params", name, repr(param.default), repr(later.default), False
            )
    for name, param in after.items():
        if name not in before:
            yield Difference(DifferenceCode.PARAM_ADDED, "params", name, None, _param(param), False)


def _text(schema: "Schema | None") -> str | None:
    return None if schema is None else repr(schema)


def _kind(spec: "ColSpec | TensorSpec") -> str:
    return f"{_type(spec)} ({'required' if spec.required else 'optional'})"


def _type(spec: "ColSpec | TensorSpec") -> str:
    from mlflow.types import TensorSpec

    return f"tensor {spec.type.name} {list(spec.shape)}" if isinstance(spec, TensorSpec) else repr(spec.type)


def _property(prop: "Property") -> str:
    return f"{prop.dtype!r} ({'required' if prop.required else 'optional'})"


def _param(param: "ParamSpec") -> str:
    return f"list of {param.dtype!r}" if param.shape else repr(param.dtype)
