"""Signatures written by a person, in YAML or JSON.

.. code-block:: yaml

    inputs:
      age: double
      name: {type: string, required: false}
      tags: {array: string}
      address: {object: {street: string, zip: {type: long, required: false}}}
      scores: {map: double}
    outputs: double
    params:
      threshold: 0.5
      words: {type: string, default: [a, b], list: true}

One tensor without name is ``inputs: {tensor: float32, shape: [-1, 8, 8]}``, a named one
``inputs: {image: {tensor: float32, shape: [-1, 8, 8]}}``; columns without names are ``inputs: [double, string]``.
Whatever MLflow itself writes (lists of specs, also as JSON strings) is read as well.
"""

import json
from collections import Counter
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from mlops_assets.errors import SignatureError, did_you_mean
from mlops_assets.signatures.infer.infer_signature import PREDICTION

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

    from mlops_assets.signatures.contract.arrow_types import MlflowType

_PARTS = ("inputs", "outputs", "params")
_SCALARS = ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime")
_TYPES = (*_SCALARS, "any")
_FORMS = ("type", "array", "object", "map", "tensor")
_DTYPES = (
    "bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float16, float32, float64, str, bytes, object, "
    "datetime64[ns]"
)


def signature_from_text(text: str, where: str | None = None) -> "ModelSignature":
    """The signature in a YAML or JSON document; `where` names the file in errors.

    Raises
    ------
    SignatureError
        The text is not YAML, holds a key twice, or see `signature_from_dict`.
    """
    import yaml

    from mlops_assets.plain_yaml import PlainLoader

    class Loader(PlainLoader):
        """YAML's own loader lets the last of two equal keys win."""

    def mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
        keys = [loader.construct_object(key) for key, _ in node.value]
        for key, count in Counter(key for key in keys if isinstance(key, Hashable)).items():
            if count > 1:
                line = node.start_mark.line + 1
                raise SignatureError(f"The key {key!r} occurs twice in the block from line {line}", where=where)
        return dict(loader.construct_mapping(node, deep=True))

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    try:
        content = yaml.load(text, Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", error)
        raise SignatureError(f"The signature is not YAML: {problem}{place}", where=where) from error
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        # PyYAML's constructors raise whatever int(), datetime() and their like do.
        raise SignatureError(
            f"The signature is not YAML that can be read: {type(error).__name__}", where=where
        ) from error
    return signature_from_dict(content, where)


def signature_from_dict(mapping: Mapping[str, Any], where: str | None = None) -> "ModelSignature":
    """The signature that `mapping` (see the module) describes.

    Raises
    ------
    SignatureError
        With the path to the faulty entry and the values that are allowed there.
    """
    return _Reader(where).signature(mapping)


class _Reader:
    def __init__(self, where: str | None) -> None:
        self._where = where

    def _fail(self, path: str, what: str, allowed: str) -> NoReturn:
        raise SignatureError(f"{path}: {what}", where=self._where, fix=allowed)

    def signature(self, mapping: Any) -> "ModelSignature":
        from mlflow.models import ModelSignature

        if not isinstance(mapping, Mapping):
            self._fail("signature", f"is {_kind(mapping)}, not a mapping", f"Give the keys {', '.join(_PARTS)}")
        self._known_keys("signature", mapping, _PARTS)
        inputs, outputs, params = (mapping.get(part) for part in _PARTS)
        if inputs is None and outputs is None and not params:
            self._fail("signature", "is empty", f"Give at least one of {', '.join(_PARTS)}")
        return ModelSignature(
            inputs=None if inputs is None else self._schema("inputs", inputs),
            outputs=None if outputs is None else self._schema("outputs", outputs),
            params=self._params(params) if params else None,  # type: ignore[arg-type]
        )

    def _known_keys(self, path: str, mapping: Mapping[Any, Any], known: "tuple[str, ...]") -> None:
        for key in mapping:
            if key not in known:
                self._fail(path, f"unknown key {key!r}{did_you_mean(str(key), known)}", f"Use {', '.join(known)}")

    def _schema(self, path: str, content: Any) -> "Schema":
        from mlflow.types import ColSpec, Schema

        if isinstance(content, str) and content.lstrip().startswith("["):
            return self._mlflow_schema(path, content)
        if isinstance(content, str):
            return Schema([ColSpec(self._type(path, content), PREDICTION if path == "outputs" else None)])
        if isinstance(content, list) and content:
            if all(isinstance(item, Mapping) and "type" in item for item in content):
                return self._mlflow_schema(path, json.dumps(content))
            return Schema([ColSpec(self._type(f"{path}[{i}]", item)) for i, item in enumerate(content)])
        if not isinstance(content, Mapping) or not content:
            self._fail(path, f"is {_kind(content)}", "Give a mapping of column names to types, or a list of types")
        if _is_tensor(content):
            return Schema([self._tensor(path, content, None)])
        return self._named_columns(path, content)

    def _named_columns(self, path: str, content: Mapping[Any, Any]) -> "Schema":
        from mlflow.types import Schema

        specs: list[ColSpec | TensorSpec] = []
        for name, entry in content.items():
            if not isinstance(name, str) or not name:
                self._fail(path, f"the column name {name!r} is {_kind(name)}", "Put it in quotes")
            specs.append(self._spec(f"{path}.{name}", name, entry))
        tensors = [spec.name for spec, entry in zip(specs, content.values(), strict=True) if _is_tensor(entry)]
        if tensors and len(tensors) < len(specs):
            self._fail(path, f"mixes tensors ({', '.join(map(str, tensors))}) and columns", "Use one or the other")
        return Schema(specs)

    def _mlflow_schema(self, path: str, text: str) -> "Schema":
        from mlflow.exceptions import MlflowException
        from mlflow.types import Schema

        try:
            # MLflow reads an array, object or map without "required" as optional, and everything else as required.
            specs = [spec if spec["type"] == "tensor" else {"required": True, **spec} for spec in json.loads(text)]
            schema: Schema = Schema.from_json(json.dumps(specs))
        except (MlflowException, ValueError, TypeError, KeyError) as error:
            allowed = f"Types are {', '.join(_TYPES)}, array, object, map"
            self._fail(path, f"MLflow cannot read this schema: {error}", allowed)
        return schema

    def _spec(self, path: str, name: str, entry: Any) -> "ColSpec | TensorSpec":
        from mlflow.types import ColSpec

        if _is_tensor(entry):
            return self._tensor(path, entry, name)
        return ColSpec(self._type(path, entry), name, self._required(path, entry))

    def _required(self, path: str, entry: Any) -> bool:
        required = entry.get("required", True) if isinstance(entry, Mapping) else True
        if not isinstance(required, bool):
            self._fail(f"{path}.required", f"is {_kind(required)}", "Use true or false")
        return required

    def _type(self, path: str, entry: Any) -> "MlflowType":
        from mlflow.types import DataType
        from mlflow.types.schema import AnyType, Array, Map, Object, Property

        if isinstance(entry, str):
            if entry == "any":
                return AnyType()
            if entry not in _SCALARS:
                allowed = f"Types are {', '.join(_TYPES)}"
                self._fail(path, f"there is no type {entry!r}{did_you_mean(entry, _TYPES)}", allowed)
            return DataType[entry]
        if not isinstance(entry, Mapping):
            self._fail(path, f"is {_kind(entry)}, not a type", f"Types are {', '.join(_TYPES)}")
        self._known_keys(path, entry, (*_FORMS, "required"))
        forms = [form for form in _FORMS if form in entry]
        if len(forms) != 1:
            self._fail(path, f"has {len(forms)} of the keys {', '.join(_FORMS)}", "Give exactly one")
        content = entry[forms[0]]
        if forms == ["type"]:
            return self._type(f"{path}.type", content)
        if forms == ["array"]:
            return Array(self._type(f"{path}.array", content))
        if forms == ["map"]:
            return Map(self._type(f"{path}.map", content))
        if forms == ["tensor"]:
            self._fail(path, "a tensor cannot be inside another type", "Use array")
        if not isinstance(content, Mapping) or not content:
            self._fail(f"{path}.object", f"is {_kind(content)}", "Give a mapping of property names to types")
        return Object(
            [
                Property(str(name), self._type(f"{path}.{name}", part), self._required(f"{path}.{name}", part))
                for name, part in content.items()
            ]
        )

    def _tensor(self, path: str, entry: Mapping[str, Any], name: str | None) -> "TensorSpec":
        from mlflow.types import TensorSpec

        self._known_keys(path, entry, ("tensor", "shape"))
        try:
            dtype = np.dtype(entry["tensor"])
        except TypeError:
            self._fail(f"{path}.tensor", f"there is no dtype {entry['tensor']!r}", f"Use one of {_DTYPES}")
        shape = entry.get("shape")
        sizes = isinstance(shape, list) and all(type(size) is int and (size > 0 or size == -1) for size in shape)
        if not sizes or not shape or shape[0] != -1:
            self._fail(f"{path}.shape", "is not a shape with -1 for the rows", "Use a list such as [-1, 8, 8]")
        return TensorSpec(dtype, tuple(shape), name)

    def _params(self, content: Any) -> "ParamSchema":
        from mlflow.exceptions import MlflowException
        from mlflow.types import ParamSchema

        if isinstance(content, str | list):
            try:
                read: ParamSchema = ParamSchema.from_json(content if isinstance(content, str) else json.dumps(content))
            except (MlflowException, ValueError, TypeError, KeyError) as error:
                self._fail("params", f"MLflow cannot read them: {error}", "Give a mapping of names to defaults")
            return read
        if not isinstance(content, Mapping):
            self._fail("params", f"is {_kind(content)}", "Give a mapping of names to defaults")
        return ParamSchema([self._param(f"params.{name}", str(name), entry) for name, entry in content.items()])

    def _param(self, path: str, name: str, entry: Any) -> "ParamSpec":
        from mlflow.exceptions import MlflowException
        from mlflow.types import DataType, ParamSpec

        from mlops_assets.signatures.infer.infer_signature import infer_signature

        if not (isinstance(entry, Mapping) and "type" in entry):
            inferred = infer_signature(None, params={name: entry}).params
            assert inferred is not None
            return inferred.params[0]
        self._known_keys(path, entry, ("type", "default", "list"))
        if "default" not in entry:
            self._fail(path, "has no default", "MLflow's params need one")
        kind = self._type(f"{path}.type", entry["type"])
        if not isinstance(kind, DataType) or kind is DataType.binary:
            allowed = f"Types are {', '.join(_SCALARS)}, but not binary"
            self._fail(f"{path}.type", f"a param cannot be {entry['type']}", allowed)
        try:
            return ParamSpec(name, kind, entry["default"], (-1,) if entry.get("list", False) else None)
        except MlflowException as error:
            type_text = f"list of {kind!r}" if entry.get("list") else repr(kind)
            raise SignatureError(
                f"{path}.default: is {_kind(entry['default'])}, which is no {type_text}",
                where=self._where,
                fix="Give a default of that type",
            ) from error


def _is_tensor(entry: Any) -> bool:
    # A column may be called "tensor": only a dtype with a shape, or a lone dtype, makes a tensor.
    if not isinstance(entry, Mapping) or "tensor" not in entry or not isinstance(entry["tensor"], str):
        return False
    return "shape" in entry or (len(entry) == 1 and entry["tensor"] not in _TYPES)


def _kind(value: Any) -> str:
    if isinstance(value, Mapping | list | str) and not value:
        return "empty"
    return {"NoneType": "empty", "dict": "a mapping", "str": "text"}.get(type(value).__name__, type(value).__name__)
