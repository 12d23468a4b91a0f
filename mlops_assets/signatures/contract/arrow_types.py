"""The one table of conversions between Arrow's types and MLflow's, and how MLflow's types look in Arrow.

Everything that has to judge a pair of types looks here: the contract on data (`contract.contract`), the contract on
predictions (`contract.output_contract`) and the compatibility of two versions (`compatibility.compatibility`).
`conversions_as_markdown` renders it for people.

A pair is allowed only where no information can be lost, or where a loss is seen per value and the row is refused.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.types as pat

if TYPE_CHECKING:
    from mlflow.types import DataType, Schema
    from mlflow.types.schema import AnyType, Array, Map, Object

    MlflowType: TypeAlias = DataType | Array | Map | Object | AnyType


class ConversionKind(StrEnum):
    """What happens to a value on its way from an Arrow column to a signature's type."""

    SAME = "same"
    """Unchanged: no copy where Arrow's own type is the signature's."""
    WIDEN = "widen"
    """Every value fits the wider type exactly."""
    CHECK = "check"
    """Each value is checked: a row whose value would change is refused (`not_exact`, `out_of_range`)."""
    TEXT = "text"
    """Only for the columns named in the policy's `text_columns` (CSV): the text is parsed strictly."""
    ISO = "iso"
    """ISO 8601 text, where the policy says `parse_iso_datetimes` or names the column in `text_columns`."""
    REFUSED = "-"
    """Never: a source with such a column cannot conform."""


# Rows: families of Arrow types. Columns: MLflow's types, then the further types that a tensor may have.
# large, view, fixed-size and run-end-encoded variants belong to the family of the plain type; dictionaries are decoded
# and extension types are taken as their storage before the table is asked. A column of type null holds only missing
# values and suits every type. An integer becomes a floating-point number where |v| <= 2^53 (double), 2^24 (float) or
# 2^11 (float16); a decimal where it has at most 15 (double), 6 (float) or 3 (float16) significant digits.
# date, timestamp -> datetime: checked for the years that nanoseconds can hold (1677 to 2262); a time zone is dropped
# after conversion to UTC. A boolean is no number, a number is no text, and text is no number unless named as such.
_TABLE = """
           boolean integer long   float  double string binary datetime int8   int16  uint8  uint16 uint32 uint64 float16
boolean    same    -       -      -      -      -      -      -        -      -      -      -      -      -      -
int8       -       widen   widen  widen  widen  -      -      -        same   widen  check  check  check  check  widen
int16      -       widen   widen  widen  widen  -      -      -        check  same   check  check  check  check  check
int32      -       same    widen  check  widen  -      -      -        check  check  check  check  check  check  check
int64      -       check   same   check  check  -      -      -        check  check  check  check  check  check  check
uint8      -       widen   widen  widen  widen  -      -      -        check  widen  same   widen  widen  widen  widen
uint16     -       widen   widen  widen  widen  -      -      -        check  check  check  same   widen  widen  check
uint32     -       check   widen  check  widen  -      -      -        check  check  check  check  same   widen  check
uint64     -       check   check  check  check  -      -      -        check  check  check  check  check  same   check
float16    -       check   check  widen  widen  -      -      -        check  check  check  check  check  check  same
float32    -       check   check  same   widen  -      -      -        check  check  check  check  check  check  check
float64    -       check   check  check  same   -      -      -        check  check  check  check  check  check  check
decimal    -       check   check  check  check  -      -      -        check  check  check  check  check  check  check
string     text    text    text   text   text   same   -      iso      text   text   text   text   text   text   text
binary     -       -       -      -      -      -      same   -        -      -      -      -      -      -      -
date       -       -       -      -      -      -      -      check    -      -      -      -      -      -      -
timestamp  -       -       -      -      -      -      -      check    -      -      -      -      -      -      -
time       -       -       -      -      -      -      -      -        -      -      -      -      -      -      -
duration   -       -       -      -      -      -      -      -        -      -      -      -      -      -      -
interval   -       -       -      -      -      -      -      -        -      -      -      -      -      -      -
list       -       -       -      -      -      -      -      -        -      -      -      -      -      -      -
struct     -       -       -      -      -      -      -      -        -      -      -      -      -      -      -
map        -       -       -      -      -      -      -      -        -      -      -      -      -      -      -
union      -       -       -      -      -      -      -      -        -      -      -      -      -      -      -
"""

# What nests: decided part by part, down to pairs of the table above.
_NESTED = (
    ("list", "Array", "element by element"),
    ("list", "tensor", "flattened; every row must have the tensor's shape; element by element"),
    ("struct", "Object", "property by property; a property unknown to the signature must be null"),
    ("struct", "Map", "each field that is not null is an entry; value by value"),
    ("map", "Map", "value by value; a key that comes twice is refused"),
    ("any", "Any", "as it is"),
)

_ARROW_OF_NAME: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "integer": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "binary": pa.binary(),
    "datetime": pa.timestamp("ns"),
    "int8": pa.int8(),
    "int16": pa.int16(),
    "uint8": pa.uint8(),
    "uint16": pa.uint16(),
    "uint32": pa.uint32(),
    "uint64": pa.uint64(),
    "float16": pa.float16(),
}
_NAME_OF_ARROW = {arrow: name for name, arrow in _ARROW_OF_NAME.items()}

_FAMILIES = (
    ("boolean", pat.is_boolean),
    ("decimal", pat.is_decimal),
    ("string", lambda t: pat.is_string(t) or pat.is_large_string(t) or pat.is_string_view(t)),
    (
        "binary",
        lambda t: pat.is_binary(t) or pat.is_large_binary(t) or pat.is_binary_view(t) or pat.is_fixed_size_binary(t),
    ),
    ("date", pat.is_date),
    ("timestamp", pat.is_timestamp),
    ("time", pat.is_time),
    ("duration", pat.is_duration),
    ("interval", pat.is_interval),
    (
        "list",
        lambda t: (
            pat.is_list(t)
            or pat.is_large_list(t)
            or pat.is_fixed_size_list(t)
            or pat.is_list_view(t)
            or pat.is_large_list_view(t)
        ),
    ),
    ("struct", pat.is_struct),
    ("map", pat.is_map),
    ("union", pat.is_union),
    ("null", pat.is_null),
)
_NUMBERS = {
    pa.int8(): "int8",
    pa.int16(): "int16",
    pa.int32(): "int32",
    pa.int64(): "int64",
    pa.uint8(): "uint8",
    pa.uint16(): "uint16",
    pa.uint32(): "uint32",
    pa.uint64(): "uint64",
    pa.float16(): "float16",
    pa.float32(): "float32",
    pa.float64(): "float64",
}


def _read_table() -> dict[tuple[str, str], ConversionKind]:
    header, *rows = _TABLE.strip().splitlines()
    targets = header.split()
    return {
        (family, target): ConversionKind(cell)
        for family, *cells in (row.split() for row in rows)
        for target, cell in zip(targets, cells, strict=True)
    }


CONVERSIONS: dict[tuple[str, str], ConversionKind] = _read_table()
"""(family of the Arrow type, name of the MLflow or tensor type) -> how."""


def family_of(arrow: pa.DataType) -> str:
    """The row of the table for `arrow`, which may be wrapped (see `storage_type`)."""
    arrow = storage_type(arrow)
    if arrow in _NUMBERS:
        return _NUMBERS[arrow]
    return next((family for family, belongs in _FAMILIES if belongs(arrow)), "unknown")


def storage_type(arrow: pa.DataType) -> pa.DataType:
    """`arrow` without the wrappers that say nothing of its values: dictionary, run-end encoding, extension."""
    while True:
        if isinstance(arrow, pa.BaseExtensionType):
            arrow = arrow.storage_type
        elif pat.is_dictionary(arrow) or pat.is_run_end_encoded(arrow):
            arrow = arrow.value_type
        else:
            return arrow


def conversion(source: pa.DataType, target: pa.DataType) -> ConversionKind:
    """How values of `source` become `target`, one of the scalar types that `arrow_type_of` gives."""
    family = family_of(source)
    if family == "null":
        return ConversionKind.SAME
    if source == target:
        return ConversionKind.SAME
    return CONVERSIONS.get((family, _NAME_OF_ARROW[target]), ConversionKind.REFUSED)


def is_scalar_target(arrow: pa.DataType) -> bool:
    """Whether the table has a column for `arrow`."""
    return arrow in _NAME_OF_ARROW


def arrow_type_of(mlflow_type: "MlflowType | np.dtype") -> pa.DataType:
    """The Arrow type that holds a column of `mlflow_type`, or the elements of a tensor of that numpy dtype.

    boolean, integer, long, float, double, string, binary: the Arrow type of that width. datetime: timestamp[ns] without
    zone. Array: list. Object: struct, its fields in the signature's (alphabetical) order. Map: map with string keys.
    Any has no type of its own: null here, and a contract keeps the source's type.

    Raises
    ------
    TypeError
        A numpy dtype that no Arrow type holds (complex, structured, timedelta, ...).
    """
    from mlflow.types import DataType
    from mlflow.types.schema import AnyType, Array, Map, Object

    if isinstance(mlflow_type, np.dtype):
        return _arrow_type_of_dtype(mlflow_type)
    if isinstance(mlflow_type, DataType):
        return _ARROW_OF_NAME[mlflow_type.name]
    if isinstance(mlflow_type, Array):
        return pa.list_(arrow_type_of(mlflow_type.dtype))
    if isinstance(mlflow_type, Object):
        return pa.struct([pa.field(p.name, arrow_type_of(p.dtype)) for p in mlflow_type.properties])
    if isinstance(mlflow_type, Map):
        return pa.map_(pa.string(), arrow_type_of(mlflow_type.value_type))
    if isinstance(mlflow_type, AnyType):
        return pa.null()
    raise TypeError(f"{type(mlflow_type).__name__} is not a type of an MLflow signature")


def _arrow_type_of_dtype(dtype: np.dtype) -> pa.DataType:
    if dtype.kind in "OU":
        return pa.string()
    if dtype.kind == "S":
        return pa.binary()
    if dtype.kind == "M":
        return pa.timestamp("ns")
    if dtype.kind in "biuf" and dtype.itemsize <= 8:
        return pa.from_numpy_dtype(dtype)
    raise TypeError(f"no Arrow type holds a tensor of dtype {dtype.name}")


def tensor_type(dtype: np.dtype, shape: tuple[int, ...]) -> pa.DataType:
    """The Arrow type of a column that holds one tensor per row; `shape[0]` is the row dimension, -1.

    (-1,) and (-1, 1): the scalar. (-1, d1, ..., dk): fixed-size list of d1*...*dk elements in C order. With a further
    -1: lists nested k deep.
    """
    element = arrow_type_of(dtype)
    inner = shape[1:]
    if inner in ((), (1,)):
        return element
    if -1 not in inner:
        return pa.list_(element, int(np.prod(inner)))
    for _ in inner:
        element = pa.list_(element)
    return element


def arrow_schema(schema: "Schema") -> pa.Schema:
    """`schema` (inputs or outputs) in Arrow: one nullable field per column or tensor, in the signature's order.

    Unnamed columns are called "0", "1", ...
    """
    from mlflow.types import TensorSpec

    return pa.schema(
        pa.field(
            str(i) if spec.name is None else str(spec.name),
            tensor_type(spec.type, spec.shape) if isinstance(spec, TensorSpec) else arrow_type_of(spec.type),
        )
        for i, spec in enumerate(schema.inputs)
    )


def conversions_as_markdown() -> str:
    """The table as a Markdown page: scalars, what each word means, and how nested types are decided."""

    def lines() -> Iterator[str]:
        targets = list(dict.fromkeys(target for _, target in CONVERSIONS))
        families = list(dict.fromkeys(family for family, _ in CONVERSIONS))
        yield "| Arrow | " + " | ".join(targets) + " |"
        yield "|---" * (len(targets) + 1) + "|"
        for family in families:
            yield f"| {family} | " + " | ".join(CONVERSIONS[family, target].value for target in targets) + " |"
        yield ""
        meanings = {
            ConversionKind.SAME: "unchanged",
            ConversionKind.WIDEN: "every value fits the wider type exactly",
            ConversionKind.CHECK: "each value is checked; a row whose value would change is rejected",
            ConversionKind.TEXT: "parsed strictly, only in CSV and in the values of folders",
            ConversionKind.ISO: "ISO 8601 text, by policy; always in JSON Lines",
            ConversionKind.REFUSED: "never",
        }
        for how in ConversionKind:
            yield f"- `{how.value}`: {meanings[how]}"
        yield ""
        yield "| Arrow | MLflow | how |"
        yield "|---|---|---|"
        for family, target, how_nested in _NESTED:
            yield f"| {family} | {target} | {how_nested} |"

    return "\n".join(lines()) + "\n"
