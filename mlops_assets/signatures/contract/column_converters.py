"""From a column's Arrow type and its type in the signature to a converter.

`converter_for` decides once, from the types alone, whether a column can ever conform; the converter it gives then
judges values. Nested types are followed down to the scalars of `mlops_assets.signatures.contract.arrow_types`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from mlops_assets.signatures.contract import nested_converters as nested
from mlops_assets.signatures.contract.arrow_types import arrow_type_of, family_of, storage_type
from mlops_assets.signatures.contract.scalar_converters import (
    Converter,
    Reading,
    RefusedError,
    scalar_converter,
    without_trailing_nul,
)

if TYPE_CHECKING:
    from mlflow.types.schema import Object

    from mlops_assets.signatures.contract.arrow_types import MlflowType


def converter_for(source: pa.DataType, target: "MlflowType", required: bool, reading: Reading) -> Converter:
    """The converter of a column of type `source` to `target`.

    A required column refuses missing values (`missing_value`) unless `reading.allow_missing`; a missing list, object or
    map where one is required is always refused, for MLflow refuses it too.

    Raises
    ------
    RefusedError
        No value of `source` can become `target`.
    """
    return _Builder(reading).column(source, target, required)


@dataclass(frozen=True)
class _Builder:
    reading: Reading

    def column(self, source: pa.DataType, target: "MlflowType", required: bool) -> Converter:
        from mlflow.types import DataType

        if isinstance(target, DataType):
            return scalar_converter(
                source, arrow_type_of(target), not required or self.reading.allow_missing, self.reading
            )
        return self._nested(source, target, required)

    def _nested(self, source: pa.DataType, target: "MlflowType", required: bool) -> Converter:
        from mlflow.types.schema import AnyType, Array, Map, Object

        storage = storage_type(source)
        family = family_of(source)
        if isinstance(target, AnyType):
            return Converter(source, lambda values: (values, {}), changes=False)
        if family == "null":
            return nested.null_converter(arrow_type_of(target), required)
        if isinstance(target, Array) and family == "list":
            try:
                element = self._element(storage.value_type, target.dtype, required)
            except RefusedError as error:
                raise RefusedError(f"elements: {error}") from error
            # MLflow takes None for a list of anything, required or not.
            return nested.list_converter(source, element, required and not isinstance(target.dtype, AnyType))
        if isinstance(target, Object) and family == "struct":
            return self._object(source, target, required)
        if isinstance(target, Map) and family in ("map", "struct"):
            types = [storage.item_type] if family == "map" else [field.type for field in storage]
            if family == "map" and family_of(storage.key_type) != "string":
                raise RefusedError(f"{source} cannot become {target!r}: keys are {storage.key_type}, not string")
            try:
                values = [self._property(item, target.value_type, required) for item in types]
            except RefusedError as error:
                raise RefusedError(f"values: {error}") from error
            optional = not required or isinstance(target.value_type, AnyType)
            if family == "map":
                return nested.map_converter(values[0], not optional)
            return nested.struct_as_map_converter(storage, values, arrow_type_of(target), not optional)
        raise RefusedError(f"{source} cannot become {target!r}")

    def _element(self, source: pa.DataType, target: "MlflowType", required: bool) -> Converter:
        """An element of a list: an array of numpy's integers, booleans or strings has no room for null."""
        from mlflow.types import DataType

        if not isinstance(target, DataType):
            return self._nested(source, target, required)
        has_null = target in (DataType.float, DataType.double, DataType.datetime)
        nullable = has_null and (not required or self.reading.allow_missing)
        scalar = self._scalar(source, target, nullable)
        return without_trailing_nul(scalar) if target in (DataType.string, DataType.binary) else scalar

    def _property(self, source: pa.DataType, target: "MlflowType", required: bool) -> Converter:
        """A value inside an object or a map: None where optional; where required, at most NaN."""
        from mlflow.types import DataType

        if not isinstance(target, DataType):
            return self._nested(source, target, required)
        has_nan = target in (DataType.float, DataType.double)
        return self._scalar(source, target, not required or (has_nan and self.reading.allow_missing))

    def _scalar(self, source: pa.DataType, target: "MlflowType", nullable: bool) -> Converter:
        # text_columns is for the cells of a CSV file; what is nested has types of its own.
        reading = Reading(iso=self.reading.iso, json=self.reading.json)
        return scalar_converter(source, arrow_type_of(target), nullable, reading)

    def _object(self, source: pa.DataType, target: "Object", required: bool) -> Converter:
        storage = storage_type(source)
        fields = {field.name: field.type for field in storage}
        if len(fields) < storage.num_fields:
            raise RefusedError(f"{source} cannot become an Object: a field name occurs twice")
        absent = [p.name for p in target.properties if p.required and p.name not in fields]
        if absent:
            raise RefusedError(f"required properties are missing: {', '.join(map(repr, absent))}")
        parts: dict[str, Converter] = {}
        for prop in target.properties:
            try:
                parts[prop.name] = (
                    self._property(fields[prop.name], prop.dtype, prop.required)
                    if prop.name in fields
                    else nested.null_converter(arrow_type_of(prop.dtype), required=False)
                )
            except RefusedError as error:
                raise RefusedError(f"property {prop.name!r}: {error}") from error
        return nested.struct_converter(storage, parts, required)
