"""Arrow types by the names that a person writes in YAML."""

import re
from collections.abc import Mapping

import pyarrow as pa

from mlops_assets.errors import ConfigurationError, did_you_mean

_UNITS = ("s", "ms", "us", "ns")
_NAMES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "float", "double", "string", "large_string", "binary", "date32", "date64"),
    *("time32[s]", "time32[ms]", "time64[us]", "time64[ns]"),
    *(f"{kind}[{unit}]" for kind in ("timestamp", "duration") for unit in _UNITS),
)
NAMES: Mapping[str, pa.DataType] = {name: pa.type_for_alias(name) for name in _NAMES}
_ALIASES = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "datetime": "timestamp[ns]",
    "timestamp": "timestamp[ns]",
} | {"date": "date32", "text": "string", "str": "string", "int": "int64"}
"""What MLflow, SQL and Python call them."""
_SHOWN: Mapping[str, pa.DataType] = {str(kind): kind for kind in NAMES.values()}
_ZONED = re.compile(r"timestamp\[(s|ms|us|ns), *tz=([^\]]+)\]")
_DECIMAL = re.compile(r"decimal(?:128)?\((\d+), *(-?\d+)\)")


def arrow_type(name: str, *, where: str | None = None) -> pa.DataType:
    """The type that ``str(type)`` writes as `name`: ``int64``, ``timestamp[us, tz=UTC]``, ``decimal128(12, 2)``, ...

    Raises
    ------
    ConfigurationError
        There is no such type; the message lists the names.
    """
    name = _ALIASES.get(name, name)
    if name in NAMES:
        return NAMES[name]
    if name in _SHOWN:
        return _SHOWN[name]
    if zoned := _ZONED.fullmatch(name):
        return pa.timestamp(zoned[1], tz=zoned[2].strip())
    if decimal := _DECIMAL.fullmatch(name):
        precision, scale = int(decimal[1]), int(decimal[2])
        if 1 <= precision <= 38:
            return pa.decimal128(precision, scale)
    raise ConfigurationError(
        f"{name!r} is not the name of a type{did_you_mean(name, NAMES)}",
        where=where,
        fix=f"Use one of {', '.join(NAMES)}, timestamp[us, tz=UTC], decimal128(12, 2)",
    )
