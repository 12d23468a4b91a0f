"""MLflow's types for Arrow columns, and what can be said of MLflow's types."""

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.types as pat

from mlops_assets.signatures.contract.arrow_types import family_of
from mlops_assets.signatures.contract.lossless_casts import unwrap
from mlops_assets.signatures.contract.nested_converters import plain_list

if TYPE_CHECKING:
    from mlops_assets.signatures.contract.arrow_types import MlflowType

# The narrowest type that MLflow itself would infer, which holds every value of the family.
_INFERRED = {
    "boolean": "boolean",
    "int8": "integer",
    "int16": "integer",
    "int32": "integer",
    "uint8": "integer",
    "uint16": "integer",
    "int64": "long",
    "uint32": "long",
    "float16": "float",
    "float32": "float",
    "float64": "double",
    "string": "string",
    "binary": "binary",
    "date": "datetime",
    "timestamp": "datetime",
}
_REMEDIES = {
    "uint64": "MLflow has no type for it; convert it to int64, or to float64",
    "decimal": "MLflow has no decimals; convert it to float64",
    "duration": "MLflow has no durations; convert it to a number of seconds",
    "time": "MLflow has no time of day; convert it to text or to a number of seconds",
    "null": "it has no value in the sample; leave it out, or give it one",
}


class UntypedError(Exception):
    """MLflow has no type for an Arrow type."""

    def __init__(self, arrow: pa.DataType, remedy: str) -> None:
        super().__init__(f"{arrow}: {remedy}")
        self.arrow = arrow
        self.remedy = remedy


def mlflow_type_of(values: pa.Array) -> "MlflowType":
    """The MLflow type that holds every value of `values`.

    A property of an object is required if it is there in every object of `values`.

    Raises
    ------
    UntypedError
        MLflow has none (uint64, decimals, durations, ...), or there is no value that shows it.
    """
    from mlflow.types import DataType
    from mlflow.types.schema import Array, Map, Object, Property

    values = unwrap(values)
    family = family_of(values.type)
    if family in _INFERRED:
        return DataType[_INFERRED[family]]
    if family == "list":
        return Array(mlflow_type_of(plain_list(values).flatten()))
    if family == "map" and family_of(values.type.key_type) == "string":
        return Map(mlflow_type_of(values.items))
    if family == "struct" and values.type.num_fields:
        present = values.filter(values.is_valid()) if values.null_count else values
        properties = []
        for field, child in zip(present.type, present.flatten(), strict=True):
            required = not child.is_null(nan_is_null=pat.is_floating(child.type)).true_count
            properties.append(Property(field.name, mlflow_type_of(child), required))
        return Object(properties)
    raise UntypedError(values.type, _REMEDIES.get(family, "MLflow has no type for it"))


def contains_any(kind: "MlflowType") -> bool:
    """Whether `kind` is, or holds, MLflow's Any, which nothing is checked against."""
    from mlflow.types.schema import AnyType, Array, Map, Object

    if isinstance(kind, Array):
        return contains_any(kind.dtype)
    if isinstance(kind, Map):
        return contains_any(kind.value_type)
    if isinstance(kind, Object):
        return any(contains_any(prop.dtype) for prop in kind.properties)
    return isinstance(kind, AnyType)
