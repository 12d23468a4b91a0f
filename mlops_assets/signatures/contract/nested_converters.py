"""Converters of lists, structs and maps, given the converters of their parts.

All of it is whole-array work on Arrow's children; a row fails for every reason that one of its parts fails for.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from mlops_assets.signatures.contract.lossless_casts import CastResult, to_mask, unwrap
from mlops_assets.signatures.contract.rejection_reasons import Failures, Mask, Reason, merge_failures
from mlops_assets.signatures.contract.scalar_converters import Converter, RefusedError


def null_converter(target: pa.DataType, required: bool) -> Converter:
    """A column that has no value at all."""

    def convert(values: pa.Array) -> CastResult:
        absent = np.full(len(values), required, dtype=bool)
        return pa.nulls(len(values), target), {Reason.MISSING_VALUE: absent} if required and len(values) else {}

    return Converter(target, convert, changes=True)


def _absent_rows(values: pa.Array, required: bool) -> Failures:
    return {Reason.MISSING_VALUE: to_mask(values.is_null())} if required and values.null_count else {}


def _lift(failures: Failures, parents: np.ndarray, rows: int) -> dict[Reason, Mask]:
    """Failures of elements as failures of the rows that hold them."""
    lifted = {}
    for reason, mask in failures.items():
        if mask.any():
            lifted[reason] = np.zeros(rows, dtype=bool)
            lifted[reason][parents[mask]] = True
    return lifted


def plain_list(values: pa.Array) -> pa.Array:
    """Any list-like array (large, fixed size, view) as `ListArray`; the elements are not copied where not sliced."""
    if pat.is_list(values.type):
        return values
    lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False)
    return list_of(values.flatten(), lengths, to_mask(values.is_null()) if values.null_count else None)


def list_of(elements: pa.Array, lengths: np.ndarray, absent: Mask | None) -> pa.Array:
    """Lists of the given lengths over consecutive `elements`; null where `absent`."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), elements, mask=None if absent is None else pa.array(absent))


def list_converter(source: pa.DataType, element: Converter, required: bool) -> Converter:
    """Lists, element by element; the array itself comes back where its elements do not change."""
    target = pa.list_(element.type)
    unchanged = not element.changes and pat.is_list(source)

    def convert(values: pa.Array) -> CastResult:
        lists = plain_list(unwrap(values))
        elements, failures = element.convert(lists.flatten())
        lifted = {}
        if failures:
            lifted = _lift(failures, pc.list_parent_indices(lists).to_numpy(), len(lists))
        if not (unchanged and lists.type == target):
            lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
            lists = list_of(elements, lengths, to_mask(lists.is_null()) if lists.null_count else None)
        return lists, merge_failures(_absent_rows(lists, required), lifted)

    return Converter(target, convert, changes=not unchanged)


def struct_converter(source: pa.DataType, parts: dict[str, Converter], required: bool) -> Converter:
    """Structs, property by property, in the order of `parts`; a field that is not in `parts` must be null."""
    target = pa.struct([pa.field(name, part.type) for name, part in parts.items()])
    unknown = [field.name for field in source if field.name not in parts]
    unchanged = not any(part.changes for part in parts.values()) and source == target

    def convert(values: pa.Array) -> CastResult:
        records = unwrap(values)
        children = dict(zip((field.name for field in source), records.flatten(), strict=True))
        present = to_mask(records.is_valid()) if records.null_count else None
        failures: dict[Reason, Mask] = dict(_absent_rows(records, required))
        cast = []
        for name, part in parts.items():
            child, bad = part.convert(children[name] if name in children else pa.nulls(len(records)))
            # A null object has null properties, which are not failures of their own.
            failures = merge_failures(
                failures, bad if present is None else {r: mask & present for r, mask in bad.items()}
            )
            cast.append(child)
        for name in unknown:
            if children[name].null_count < len(records):
                failures = merge_failures(failures, {Reason.UNEXPECTED_PROPERTY: to_mask(children[name].is_valid())})
        if unchanged:
            return records, failures
        mask = None if present is None else pa.array(~present)
        return pa.StructArray.from_arrays(cast, fields=list(target), mask=mask), failures

    return Converter(target, convert, changes=not unchanged)


def _map_entries(keys: pa.Array, items: pa.Array, lengths: np.ndarray, absent: Mask | None) -> pa.Array:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    # from_arrays takes the null rows as null offsets.
    marked = pa.array(offsets, mask=None if absent is None else np.append(absent, False))
    return pa.MapArray.from_arrays(marked, keys, items)


def _duplicates(keys: pa.Array, parents: np.ndarray, rows: int) -> Failures:
    if not len(keys):
        return {}
    codes = keys.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    pair = parents.astype(np.int64) * (int(codes.max()) + 1) + codes
    order = np.argsort(pair, kind="stable")
    again = order[1:][pair[order][1:] == pair[order][:-1]]
    twice = np.zeros(rows, dtype=bool)
    twice[parents[again]] = True
    return {Reason.DUPLICATE_KEY: twice} if twice.any() else {}


def map_converter(value: Converter, required: bool) -> Converter:
    """Maps with string keys, value by value."""
    target = pa.map_(pa.string(), value.type)

    def convert(values: pa.Array) -> CastResult:
        maps = unwrap(values)
        offsets = maps.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
        first, last = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
        absent = to_mask(maps.is_null()) if maps.null_count else None
        lengths = np.diff(offsets)
        parents = np.repeat(np.arange(len(maps)), lengths)
        keys, items = maps.keys[first:last], maps.items[first:last]
        if absent is not None and lengths[absent].any():
            # A null map may cover entries that are invisible.
            seen = pa.array(~absent[parents])
            keys, items, parents = keys.filter(seen), items.filter(seen), parents[~absent[parents]]
            lengths = np.where(absent, 0, lengths)
        keys = pc.cast(unwrap(keys), pa.string())
        items, bad = value.convert(items)
        failures = merge_failures(_absent_rows(maps, required), _lift(bad, parents, len(maps)))
        failures = merge_failures(failures, _duplicates(keys, parents, len(maps)))
        return _map_entries(keys, items, lengths, absent), failures

    return Converter(target, convert, changes=True)


def struct_as_map_converter(
    source: pa.DataType, values: list[Converter], target: pa.DataType, required: bool
) -> Converter:
    """Structs (what JSON readers make of objects) as maps: each field that is not null is an entry."""
    names = [field.name for field in source]
    item_type = values[0].type if values else target.item_type
    if any(value.type != item_type for value in values):
        raise RefusedError(f"{source} cannot become a Map: its fields have different types")

    def convert(array: pa.Array) -> CastResult:
        records = unwrap(array)
        rows = len(records)
        failures: dict[Reason, Mask] = dict(_absent_rows(records, required))
        columns, filled = [], []
        for child, value in zip(records.flatten(), values, strict=True):
            cast, bad = value.convert(child)
            present = to_mask(child.is_valid())
            # A field that is null is no entry of the map.
            failures = merge_failures(failures, {r: mask & present for r, mask in bad.items()})
            columns.append(cast)
            filled.append(present)
        present = np.stack(filled, axis=1) if filled else np.zeros((rows, 0), dtype=bool)
        row, column = np.nonzero(present)
        items = pa.concat_arrays(columns).take(pa.array(column * rows + row)) if columns else pa.nulls(0, item_type)
        keys = pa.array(names, pa.string()).take(pa.array(column))
        absent = to_mask(records.is_null()) if records.null_count else None
        return _map_entries(keys, items, present.sum(axis=1), absent), failures

    return Converter(pa.map_(pa.string(), item_type), convert, changes=True)
