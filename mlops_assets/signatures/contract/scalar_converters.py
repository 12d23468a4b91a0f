"""Converters: what every column's way into the signature looks like, and the one of a scalar column."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from mlops_assets.signatures.contract.arrow_types import ConversionKind, arrow_type_of, conversion, family_of
from mlops_assets.signatures.contract.lossless_casts import CastResult, cast_checked, missing_mask, to_mask, unwrap
from mlops_assets.signatures.contract.rejection_reasons import Reason, any_failure, merge_failures
from mlops_assets.signatures.contract.text_parsing import parse_csv_text, parse_iso

Convert = Callable[[pa.Array], CastResult]


@dataclass(frozen=True)
class Converter:
    """A column's way into the signature.

    Attributes
    ----------
    type
        Arrow type of the result.
    convert
        An array of the source's type to the cast array and the rows that fail; without copy where nothing changes.
    changes
        Whether a value can come out other than it went in.
    """

    type: pa.DataType
    convert: Convert
    changes: bool


@dataclass(frozen=True)
class Reading:
    """How the policy reads one column.

    Attributes
    ----------
    text
        The column is text and parsed (`ContractPolicy.text_columns`).
    iso
        ISO 8601 text becomes datetime.
    allow_missing
        Missing values pass although the signature requires a value, where MLflow can carry them.
    json
        Whether a number is stored as an integer or a double depends on the other rows, so both have one verdict.
    """

    text: bool = False
    iso: bool = False
    allow_missing: bool = False
    json: bool = False


class RefusedError(Exception):
    """A pair of types that the table refuses; the message names both, and the place inside a nested type."""


@lru_cache(maxsize=1024)
def scalar_converter(source: pa.DataType, target: pa.DataType, nullable: bool, reading: Reading) -> Converter:
    """The converter of a scalar column to one of the Arrow types of the table; null and NaN pass only if `nullable`.

    Kept, because a wide table has few pairs of types in many columns.
    """
    how = conversion(source, target)
    text = how is ConversionKind.TEXT or how is ConversionKind.ISO
    if how is ConversionKind.REFUSED or (text and not (reading.text or (how is ConversionKind.ISO and reading.iso))):
        raise RefusedError(f"{source} cannot become {_name(target)}{_remedy(how)}")
    if reading.json and pat.is_integer(source) and pat.is_floating(target) and target != pa.float64():
        return _by_way_of_double(target, nullable)
    reads_text = reading.text and family_of(source) == "string"

    def convert(values: pa.Array) -> CastResult:
        values = unwrap(values)
        if reads_text:
            cast, failures = parse_csv_text(values, target)
        elif how is ConversionKind.ISO:
            cast, failures = parse_iso(values)
        else:
            cast, failures = cast_checked(values, target)
        if nullable:
            return cast, failures
        absent = missing_mask(cast)
        if absent is None:
            return cast, failures
        if failures:
            absent = absent & ~any_failure(failures, len(cast))
        return cast, {**failures, Reason.MISSING_VALUE: absent}

    return Converter(target, convert, changes=reads_text or how is not ConversionKind.SAME)


def _by_way_of_double(target: pa.DataType, nullable: bool) -> Converter:
    """An integer as a narrower float that holds it, as it is in a column of doubles."""
    narrow = scalar_converter(pa.float64(), target, nullable, Reading())

    def convert(values: pa.Array) -> CastResult:
        doubles, failures = cast_checked(unwrap(values), pa.float64())
        cast, later = narrow.convert(doubles)
        failed = any_failure(failures, len(cast))
        return cast, merge_failures(failures, {reason: mask & ~failed for reason, mask in later.items()})

    return Converter(target, convert, changes=True)


def _remedy(how: ConversionKind) -> str:
    if how is ConversionKind.ISO:
        return " (contract.iso_datetimes: true would read ISO 8601 text in every such column)"
    return ""


def _name(arrow: pa.DataType) -> str:
    from mlflow.types import DataType

    return next((t.name for t in DataType if arrow_type_of(t) == arrow), str(arrow))


def without_trailing_nul(scalar: Converter) -> Converter:
    """Strings and bytes of an array pass through numpy in MLflow, which drops NUL characters at their end."""

    def convert(values: pa.Array) -> CastResult:
        cast, failures = scalar.convert(values)
        ends = to_mask(pc.ends_with(cast, "\0"))
        return (cast, merge_failures(failures, {Reason.NOT_EXACT: ends})) if ends.any() else (cast, failures)

    return Converter(scalar.type, convert, scalar.changes)
