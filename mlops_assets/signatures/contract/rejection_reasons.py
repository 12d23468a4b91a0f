"""Why a row was rejected: the stable codes, and the column that carries them."""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class Reason(StrEnum):
    """The code of a reason; stable, part of the `rejected_samples` table."""

    MISSING_VALUE = "missing_value"
    """Null or NaN where a value is required, or where the type (the elements of an integer array) has none."""
    NOT_EXACT = "not_exact"
    """The value would change: an integer beyond 2^53 as double, a fraction as integer, 0.1 (double) as float."""
    OUT_OF_RANGE = "out_of_range"
    """The target type has no such number or date."""
    NOT_PARSEABLE = "not_parseable"
    """The text is not a number, boolean or ISO 8601 date of the expected form, or a JSON value is of another kind."""
    SHAPE_MISMATCH = "shape_mismatch"
    """A list of another length than the tensor's shape asks for."""
    UNEXPECTED_PROPERTY = "unexpected_property"
    """An object holds a property that the signature does not name."""
    DUPLICATE_KEY = "duplicate_key"
    """A map, or an object of JSON, holds the same key twice."""


Mask: TypeAlias = NDArray[np.bool_]
"""One boolean per row."""
Failures: TypeAlias = Mapping[Reason, Mask]
"""The rows that fail, by reason; a reason that no row has may be left out."""

REASONS = "reasons"
"""Name of the column that `rejected_schema` adds."""
REASONS_TYPE = pa.list_(pa.struct([pa.field("column", pa.string()), pa.field("code", pa.string())]))


def any_failure(failures: Failures, rows: int) -> Mask:
    """The rows that fail for any reason."""
    failed = np.zeros(rows, dtype=bool)
    for mask in failures.values():
        failed |= mask
    return failed


def merge_failures(*parts: Failures) -> dict[Reason, Mask]:
    """The union of `parts`, row by row."""
    merged: dict[Reason, Mask] = {}
    for part in parts:
        for reason, mask in part.items():
            merged[reason] = merged[reason] | mask if reason in merged else mask
    return merged


def collect_reasons(
    by_column: Mapping[str, Failures], rejected: NDArray[np.intp]
) -> tuple[pa.Array, Counter[tuple[str, str]]]:
    """The `reasons` column of the rows at positions `rejected` (sorted), and how often each (column, code) occurs.

    Reasons come in the order of the columns, then of the codes.
    """
    pairs = [
        (column, reason.value, np.flatnonzero(mask))
        for column, failures in by_column.items()
        for reason, mask in sorted(failures.items())
    ]
    counts = Counter({(column, code): len(rows) for column, code, rows in pairs if len(rows)})
    rows = np.concatenate([rows for _, _, rows in pairs])
    pair_of = np.repeat(np.arange(len(pairs)), [len(rows) for _, _, rows in pairs])
    order = np.argsort(rows, kind="stable")
    offsets = np.searchsorted(rows[order], np.append(rejected, rejected[-1] + 1)).astype(np.int32)
    picked = pa.array(pair_of[order])
    entries = pa.StructArray.from_arrays(
        [
            pa.array([column for column, _, _ in pairs]).take(picked),
            pa.array([code for _, code, _ in pairs]).take(picked),
        ],
        fields=list(REASONS_TYPE.value_type),
    )
    return pa.ListArray.from_arrays(pa.array(offsets), entries, type=REASONS_TYPE), counts
