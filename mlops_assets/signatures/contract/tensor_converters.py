"""Converters of tensor inputs: one row of a column is one slice of the tensor along its first dimension.

A tensor's dtype is met by lossless casts only. Lists may be flat, in C order, with as many elements as the slice has,
or nested once per dimension; Arrow's fixed-shape tensors must have the slice's shape.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from mlops_assets.signatures.contract.arrow_types import arrow_type_of, family_of, storage_type, tensor_type
from mlops_assets.signatures.contract.lossless_casts import CastResult, to_mask, unwrap
from mlops_assets.signatures.contract.nested_converters import list_of, plain_list
from mlops_assets.signatures.contract.rejection_reasons import Failures, Mask, Reason, any_failure, merge_failures
from mlops_assets.signatures.contract.scalar_converters import (
    Converter,
    Reading,
    RefusedError,
    scalar_converter,
    without_trailing_nul,
)

if TYPE_CHECKING:
    from mlflow.types import TensorSpec

_SCALAR_SHAPES: tuple[tuple[int, ...], ...] = ((), (1,))


def tensor_converter(source: pa.DataType, spec: "TensorSpec", reading: Reading) -> Converter:
    """The converter of a column of type `source` to `spec`.

    Result: the scalar for shapes (-1,) and (-1, 1); a fixed-size list in C order for further fixed dimensions; lists
    nested once per dimension where one of those is -1. A row of another shape is a `shape_mismatch`; a missing row or
    element a `missing_value`, except for NaN in floating-point tensors and NaT where `reading.allow_missing`.

    Raises
    ------
    RefusedError
        The first dimension is not -1, the dtype has no Arrow type, or no value of `source` can become the tensor.
    """
    if not spec.shape or spec.shape[0] != -1:
        raise RefusedError(f"a tensor of shape {list(spec.shape)} has no row dimension: the first one must be -1")
    if spec.type.kind == "O":
        return Converter(source, lambda values: (values, {}), changes=False)
    inner = tuple(spec.shape[1:])
    if family_of(source) != "list":
        if inner not in _SCALAR_SHAPES and family_of(source) != "null":
            raise RefusedError(f"{source} cannot become a tensor of shape {list(spec.shape)}: a list is needed")
        return _element(source, spec.type, reading)
    if inner == ():
        raise RefusedError(f"{source} cannot become a tensor of shape {list(spec.shape)}: a scalar is needed")
    return _list_converter(source, spec.type, inner, reading)


def _element(source: pa.DataType, dtype: np.dtype, reading: Reading) -> Converter:
    try:
        target = arrow_type_of(dtype)
    except TypeError as error:
        raise RefusedError(str(error)) from error
    converter = scalar_converter(source, target, reading.allow_missing and dtype.kind in "fM", reading)
    return without_trailing_nul(converter) if dtype.kind in "US" else converter


@dataclass(frozen=True)
class _Levels:
    """The lists of a column, from the outermost to the elements, with the rows whose lengths are wrong."""

    lists: list[pa.Array]
    elements: pa.Array
    misfit: Mask
    row_of_element: np.ndarray


def _list_converter(source: pa.DataType, dtype: np.dtype, inner: tuple[int, ...], reading: Reading) -> Converter:
    depth, leaf = _depth(source)
    variable = -1 in inner
    if isinstance(source, pa.FixedShapeTensorType):
        if source.permutation is not None and list(source.permutation) != sorted(source.permutation):
            raise RefusedError(f"{source} stores its dimensions in another order")
        if variable or tuple(source.shape) not in (inner, (int(np.prod(inner)),)):
            raise RefusedError(f"a fixed shape of {list(source.shape)} cannot become {list(inner)}")
    if variable and depth != len(inner):
        raise RefusedError(f"{source} cannot become a shape of {[-1, *inner]}: {len(inner)} nested lists are needed")
    if depth not in (1, len(inner)):
        raise RefusedError(f"{source} cannot become a shape of {[-1, *inner]}: nested {depth} deep")
    lengths = inner if depth == len(inner) else (int(np.prod(inner)),)
    element = _element(leaf, dtype, replace(reading, text=False))
    target = tensor_type(dtype, (-1, *inner)) if inner != (1,) else element.type
    unchanged = not element.changes and storage_type(source) == target

    def convert(values: pa.Array) -> CastResult:
        column = unwrap(values)
        if unchanged and not column.null_count and pat.is_fixed_size_list(column.type):
            # Nothing can be of the wrong shape: only the elements need a look.
            flat = column.flatten()
            cast, failures = element.convert(flat)
            rows = np.arange(len(flat)) // column.type.list_size if failures else np.zeros(0, dtype=np.intp)
            return column, _lift(failures, rows, len(column))
        levels = _unwrap_levels(column, depth, lengths)
        cast, failures = element.convert(levels.elements)
        failed = merge_failures(
            {Reason.SHAPE_MISMATCH: levels.misfit} if levels.misfit.any() else {},
            {Reason.MISSING_VALUE: to_mask(column.is_null())} if column.null_count else {},
            _lift(failures, levels.row_of_element, len(column)),
        )
        if variable:
            return _wrap_levels(levels, cast), failed
        good = ~any_failure(failed, len(column))
        conforming = cast.filter(pa.array(good[levels.row_of_element])) if not good.all() else cast
        if inner == (1,):
            return _scatter(conforming, good), failed
        return _scatter(pa.FixedSizeListArray.from_arrays(conforming, target.list_size), good), failed

    return Converter(target, convert, changes=not unchanged)


def _depth(source: pa.DataType) -> tuple[int, pa.DataType]:
    depth = 0
    while family_of(source) == "list":
        source, depth = storage_type(source).value_type, depth + 1
    return depth, source


def _unwrap_levels(column: pa.Array, depth: int, lengths: tuple[int, ...]) -> _Levels:
    rows = np.arange(len(column))
    misfit = np.zeros(len(column), dtype=bool)
    lists = []
    for level in range(depth):
        column = plain_list(unwrap(column))
        lists.append(column)
        list_lengths = pc.fill_null(pc.list_value_length(column), -1).to_numpy(zero_copy_only=False)
        # A null row is missing, not misshapen; a null inside it is misshapen.
        wrong = (list_lengths != lengths[level]) if lengths[level] != -1 else (list_lengths == -1)
        if level == 0:
            wrong &= list_lengths != -1
        misfit[rows[wrong]] = True
        if lengths[level] == -1 and level:
            misfit |= _uneven(list_lengths, rows, len(misfit))
        rows = np.repeat(rows, np.maximum(list_lengths, 0))
        column = column.flatten()
    return _Levels(lists, column, misfit, rows)


def _uneven(lengths: np.ndarray, rows_of: np.ndarray, rows: int) -> Mask:
    """Rows whose lists at one level differ in length: a tensor's slice is rectangular, whatever its size."""
    shortest = np.full(rows, np.iinfo(np.int64).max)
    longest = np.full(rows, -1)
    np.minimum.at(shortest, rows_of, lengths)
    np.maximum.at(longest, rows_of, lengths)
    mask: Mask = longest > shortest
    return mask


def _wrap_levels(levels: _Levels, elements: pa.Array) -> pa.Array:
    for level in reversed(levels.lists):
        list_lengths = pc.fill_null(pc.list_value_length(level), 0).to_numpy(zero_copy_only=False)
        elements = list_of(elements, list_lengths, to_mask(level.is_null()) if level.null_count else None)
    return elements


def _lift(failures: Failures, rows_of: np.ndarray, rows: int) -> dict[Reason, Mask]:
    lifted = {}
    for reason, mask in failures.items():
        lifted[reason] = np.zeros(rows, dtype=bool)
        lifted[reason][rows_of[mask]] = True
    return lifted


def _scatter(kept: pa.Array, good: Mask) -> pa.Array:
    """`kept` at the rows that are good, null at the others."""
    if good.all():
        return kept
    position = np.cumsum(good) - 1
    return kept.take(pa.array(np.where(good, position, 0), mask=~good))
