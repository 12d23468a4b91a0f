"""Which column of a table belongs to which input (or output) of a signature, and how it gets there.

Types and names alone decide; everything that can never conform is found at once.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast

import pyarrow as pa

from mlops_assets.errors import did_you_mean, suggest_names
from mlops_assets.signatures.contract.arrow_types import arrow_type_of, tensor_type
from mlops_assets.signatures.contract.column_converters import converter_for
from mlops_assets.signatures.contract.declared_types import can_be_declared, chain, declared_converter
from mlops_assets.signatures.contract.delimiters import find_other_delimiter
from mlops_assets.signatures.contract.json_values import json_values_converter, kinds_converter
from mlops_assets.signatures.contract.rejection_reasons import REASONS
from mlops_assets.signatures.contract.scalar_converters import Converter, Reading, RefusedError
from mlops_assets.signatures.contract.sql_values import sql_values_converter
from mlops_assets.signatures.contract.tensor_converters import tensor_converter

if TYPE_CHECKING:
    from mlflow.types import ColSpec, Schema, TensorSpec

ISO_TEXT = {b"text": b"iso"}
"""Metadata of a JSON source's column: JSON has no type for times, so ISO 8601 text is a datetime, and a column has the
type that its values have, so that a value of another kind is its row's matter."""
JSON_VALUES = {b"text": b"json"}
"""Metadata of a text column that holds the JSON text of each value, for they are of several kinds."""
SQL_VALUES = {b"text": b"sql"}
"""Metadata of a text column that holds each value as an SQL literal, for they are of several kinds."""
UNTYPED = {b"text": b"untyped"}
"""Metadata of a database's column without a type of its own: it has the type that its values have."""
DECLARED = b"declared"
"""Key of the metadata of a column of SQL literals: the Arrow type that the database declares, or nothing."""


def without_iso_mark(column: pa.Field) -> pa.Field:
    """`column` as it is published: how it was read is no part of a table."""
    return column.remove_metadata() if _mark(column) is not None else column


def _mark(column: pa.Field) -> str | None:
    """How the column was read: ``iso``, ``json``, ``sql`` or ``untyped``; None: with a type of its own."""
    mark = (column.metadata or {}).get(b"text")
    return None if mark is None else str(mark, "ascii")


def _several_kinds(column: pa.Field) -> str | None:
    """What is wrong with a column of several kinds where one is needed; None: it has one."""
    if _mark(column) not in ("json", "sql"):
        return None
    what = "JSON values" if _mark(column) == "json" else "values"
    return f"holds {what} of several kinds: write one, or declare its type under inputs.types"


@dataclass(frozen=True)
class ContractPolicy:
    """What the contract may forgive.

    Attributes
    ----------
    missing
        ``reject``: a row with null or NaN in a required column is rejected. ``allow``: it passes, for models that take
        missing values although their signature forgot to say so. Not for lists, objects and maps, which MLflow refuses.
    parse_iso_datetimes
        ISO 8601 text becomes datetime, in any column.
    text_columns
        Columns whose text is parsed to the signature's type (all columns of a CSV file); "" is a missing value there.
    types
        Columns that are converted to a declared type first, value by value (`inputs.types`).
    carried
        Further columns that are kept beside the inputs, as they are or as they are declared; the model does not see
        them, and no value of theirs rejects a row.
    """

    missing: Literal["reject", "allow"] = "reject"
    parse_iso_datetimes: bool = False
    text_columns: frozenset[str] = frozenset()
    types: Mapping[str, pa.DataType] = field(default_factory=dict, hash=False)
    carried: tuple[str, ...] = ()

    def reading(self, column: pa.Field) -> Reading:
        mark = _mark(column)
        iso = self.parse_iso_datetimes or mark in ("iso", "json")
        by_rows = mark is not None and not (column.metadata or {}).get(DECLARED)
        return Reading(column.name in self.text_columns, iso, self.missing == "allow", by_rows)


@dataclass(frozen=True)
class MatchedColumn:
    """One column of the conformed table.

    Attributes
    ----------
    name
        Its name.
    source
        Position in the source, None where an optional column is absent.
    converter
        How its values are cast and judged, None where they pass as they are.
    """

    name: str
    source: int | None
    converter: Converter | None


class Matching:
    """The columns of `specs` found in `source`.

    Named specs are found by name. Specs without names take the source's columns in their order, row key left out:
    exactly as many as there are specs; for one unnamed tensor either one column of lists, or one scalar column for each
    position of its second dimension.

    Attributes
    ----------
    columns
        In the order of the specs.
    carried
        Those of `ContractPolicy.carried` that are neither inputs nor key.
    problems
        Why the source can never conform; empty if it can.
    convertible
        Of the columns that cannot conform, those that `inputs.types` can convert, and to which type.
    """

    def __init__(
        self, specs: "Schema | None", source: pa.Schema, row_key: Sequence[str], policy: ContractPolicy
    ) -> None:
        self._source, self._row_key, self._policy = source, tuple(row_key), policy
        self.problems: list[str] = []
        self.convertible: dict[str, pa.DataType] = {}
        self.columns: list[MatchedColumn] = []
        self._check_names(specs)
        if specs is None:
            self.columns = [self._unsigned(column, i) for i, column in enumerate(source)]
        elif specs.has_input_names():
            self._match_named(specs)
        else:
            self._match_unnamed(specs)
        if policy.carried and (specs is None or not specs.has_input_names()):
            self.problems.append(
                f"the signature has no names for its columns, so that none can be kept beside them: {policy.carried}"
            )
        known = {*self._row_key, *(column.name for column in self.columns)}
        places = {name: place for place, name in enumerate(source.names)}
        self.carried = [
            self._unsigned(source.field(places[name]), places[name])
            for name in policy.carried
            if name in places and name not in known
        ]

    def _check_names(self, specs: "Schema | None") -> None:
        names = self._source.names
        asked = {*self._row_key, *self._policy.carried}
        for name in self._policy.carried:
            if name not in names:
                self.problems.append(f"column {name!r}, which is to be kept, is missing{did_you_mean(name, names)}")
        if specs is None or not specs.has_input_names():
            asked |= set(names)
        else:
            asked |= {str(spec.name) for spec in specs.inputs}
        counts = Counter(names)
        for name in sorted(name for name in asked if counts[name] > 1):
            self.problems.append(f"the table has {counts[name]} columns called {name!r}")
        for name in self._row_key:
            if counts[name] == 1 and (several := _several_kinds(self._source.field(name))) is not None:
                self.problems.append(f"row key column {name!r} {several}")
            if name not in names:
                self.problems.append(f"row key column {name!r} is missing{did_you_mean(name, names)}")
        if REASONS in names:
            self.problems.append(f"the name {REASONS!r} of a column is reserved for rejected rows")
        if len(set(self._row_key)) < len(self._row_key):
            self.problems.append("a row key column is named twice")

    def _match_named(self, specs: "Schema") -> None:
        names = self._source.names
        places = {name: place for place, name in reversed(list(enumerate(names)))}  # the first of equal names
        absent = [str(spec.name) for spec in specs.inputs if spec.required and spec.name and spec.name not in places]
        suggestions = dict(zip(absent, suggest_names(absent, names), strict=True))
        seen: set[str] = set()
        columns = [name for name in self._source.names if name not in self._row_key]
        if find_other_delimiter(columns) is not None and not any(spec.name in names for spec in specs.inputs):
            # Optional as they may all be, rows of nulls are not what anybody means.
            self.problems.append("it has none of the signature's columns")
        for spec in specs.inputs:
            if not isinstance(spec.name, str) or not spec.name or spec.name in seen:
                fault = "used twice" if spec.name in seen else "no name"
                self.problems.append(f"the signature's name {spec.name!r} is {fault}")
                continue
            seen.add(spec.name)
            if spec.name in places:
                self._match(spec.name, places[spec.name], spec)
            elif spec.required:
                self.problems.append(f"column {spec.name!r} is missing{suggestions[spec.name]}")
            else:
                # Only columns can be optional, tensors never are.
                kind = cast("ColSpec", spec).type
                self.columns.append(MatchedColumn(spec.name, None, converter_for(pa.null(), kind, False, Reading())))

    def _match_unnamed(self, specs: "Schema") -> None:
        from mlflow.types import TensorSpec

        columns = [(i, column) for i, column in enumerate(self._source) if column.name not in self._row_key]
        expected: list[ColSpec | TensorSpec] = list(specs.inputs)
        first = expected[0]
        if isinstance(first, TensorSpec) and len(columns) != 1 and len(first.shape) == 2 and first.shape[1] != -1:
            # One scalar column for each position of the second dimension, in the table's order.
            expected = [TensorSpec(first.type, (-1,)) for _ in range(first.shape[1])]
        if len(columns) != len(expected):
            self.problems.append(
                f"the signature has no names and takes {len(expected)} columns in their order, "
                f"the table has {len(columns)} beside the row key"
            )
            return
        for (index, column), spec in zip(columns, expected, strict=True):
            self._match(column.name, index, spec)

    def _match(self, name: str, index: int, spec: "ColSpec | TensorSpec") -> None:

        column = self._source.field(index)
        source = column.type
        try:
            converter = self._converter(column, spec)
        except RefusedError as error:
            self.problems.append(f"column {name!r}: {error}")
            target = _scalar_type(spec)
            if target is not None and can_be_declared(source, target):
                self.convertible[name] = target
            return
        if name in self._row_key and converter.changes:
            self.problems.append(f"row key column {name!r} is an input too and would be changed by its cast")
        self.columns.append(MatchedColumn(name, index, converter))

    def _converter(self, column: pa.Field, spec: "ColSpec | TensorSpec") -> Converter:
        from mlflow.types import TensorSpec

        name, source, reading = column.name, column.type, self._policy.reading(column)
        declared = declared_converter(source, self._policy.types[name]) if name in self._policy.types else None
        given = source if declared is None else declared.type

        def converter_of(kind: pa.DataType) -> Converter:
            if isinstance(spec, TensorSpec):
                return tensor_converter(kind, spec, reading)
            return converter_for(kind, spec.type, spec.required, reading)

        mark = _mark(column)
        try:
            if declared is None and mark in ("json", "sql"):
                return _kinds_converter(column, spec, converter_of)
            converter = converter_of(given)
        except RefusedError:
            if declared is not None or mark not in ("iso", "untyped"):
                raise
            return _kinds_converter(column, spec, converter_of)
        return converter if declared is None else chain(declared, converter)

    def _unsigned(self, column: pa.Field, index: int) -> MatchedColumn:
        """A column of a model without signature: as it is, or as it is declared."""
        if column.name not in self._policy.types:
            if (several := _several_kinds(column)) is not None:
                self.problems.append(f"column {column.name!r} {several}")
            return MatchedColumn(column.name, index, None)
        try:
            return MatchedColumn(column.name, index, declared_converter(column.type, self._policy.types[column.name]))
        except RefusedError as error:
            self.problems.append(f"column {column.name!r}: {error}")
            return MatchedColumn(column.name, index, None)


def _kinds_converter(
    column: pa.Field, spec: "ColSpec | TensorSpec", converter_of: Callable[[pa.DataType], Converter]
) -> Converter:
    """Of a column whose values have kinds of their own: JSON values or their text, SQL literals."""
    from mlflow.types import TensorSpec

    try:
        result = tensor_type(spec.type, spec.shape) if isinstance(spec, TensorSpec) else arrow_type_of(spec.type)
    except TypeError as error:
        raise RefusedError(f"it {_several_kinds(column) or 'holds values of another kind'}: {error}") from error
    if _mark(column) == "sql":
        if stored := column.metadata.get(DECLARED, b"").decode():
            converter_of(pa.type_for_alias(stored))  # refused as a column of nothing else is
        return sql_values_converter(result, converter_of)
    if _mark(column) == "untyped":
        return kinds_converter(result, converter_of, lambda value: (value, pa.null() if value is None else column.type))
    as_text = _mark(column) == "json"
    if isinstance(spec, TensorSpec):
        return json_values_converter(result, converter_of, as_text=as_text)
    return json_values_converter(result, converter_of, as_text=as_text, properties_of=spec.type)


def _scalar_type(spec: "ColSpec | TensorSpec") -> pa.DataType | None:
    """The type of a column of scalars; None where the column is nested."""
    from mlflow.types import DataType, TensorSpec

    scalar = spec.shape[1:] in ((), (1,)) if isinstance(spec, TensorSpec) else isinstance(spec.type, DataType)
    try:
        return arrow_type_of(spec.type) if scalar else None
    except TypeError:
        # No Arrow type holds it: complex numbers.
        return None
