"""Arrays in a skops file: their headers are read and compared with their bytes before anything is allocated."""

import io
import math
import zipfile
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.lib import format as npy

from mlops_assets.models.skops.refusal import RefusedStateError, quote

_MAGIC = b"\x93NUMPY"
_Header: TypeAlias = Callable[[io.BytesIO], tuple[tuple[int, ...], bool, "np.dtype[Any]"]]
_HEADERS: dict[tuple[int, int], _Header] = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_KINDS = "biufcSUMmV"
_SCALARS = "biufU"
_MOST_DIMENSIONS = 32
# Arrays without an element may still have a long dimension, which loops over rows would count.
_LONGEST_EMPTY = 1 << 20
_LONGEST_SIDE = 1 << 31
_MOST_EXPANSION = 100
_SMALL = 16 << 20
_SPARSE_MEMBERS = {
    "csr": ("indices", "indptr", "data"),
    "csc": ("indices", "indptr", "data"),
    "coo": ("row", "col", "data"),
    "dia": ("offsets", "data"),
}


def read_header(content: bytes, path: object) -> tuple["np.dtype[Any]", tuple[int, ...], int]:
    """dtype, shape, and where the elements begin, of a ``.npy`` file.

    Raises
    ------
    RefusedStateError
        It is none, holds objects, or is longer or shorter than its header says.
    """
    if content[:6] != _MAGIC:
        raise RefusedStateError("is not an array in NumPy's format", path)
    stream = io.BytesIO(content)
    try:
        version = npy.read_magic(stream)
        # Version 3 differs from 2 in the encoding of field names, which are ASCII in every model.
        shape, _, dtype = _HEADERS[version](stream)
    except Exception as error:
        # NumPy reads a header as Python: its tokenizer and parser raise what they like at crafted text.
        raise RefusedStateError("is an array whose header cannot be read", path) from error
    if dtype.hasobject or dtype.kind not in _KINDS:
        raise RefusedStateError("is an array of objects, which only a pickle holds", path)
    if not all(type(side) is int and side >= 0 for side in shape) or len(shape) > _MOST_DIMENSIONS:
        raise RefusedStateError(f"is an array of the impossible shape {quote(shape)}", path)
    count, start = math.prod(shape), stream.tell()
    if (dtype.itemsize == 0 and count) or (count == 0 and math.prod(filter(None, shape)) > _LONGEST_EMPTY):
        raise RefusedStateError("is an array of many elements that have no bytes", path)
    if count * dtype.itemsize != len(content) - start:
        raise RefusedStateError(
            f"is an array of the shape {quote(shape)} and has bytes for another ({len(content) - start})", path
        )
    return dtype, shape, start


def read_array(content: bytes, path: object) -> "np.ndarray[Any, Any]":
    """The checked array itself."""
    read_header(content, path)
    array: np.ndarray[Any, Any] = np.load(io.BytesIO(content), allow_pickle=False)
    return array


def read_scalar(content: bytes, path: object) -> str | int | float | bool | None:
    """The one number or text of a checked array without dimensions; None where Python has no such value."""
    array = read_array(content, path)
    if array.dtype.kind not in _SCALARS:
        return None
    value = array.item()
    # A long double stays NumPy's own.
    return value if isinstance(value, str | int | float) else float(value)


def check_sparse(content: bytes, path: object) -> tuple[int, int]:
    """The shape of a sparse matrix in scipy's ``.npz`` format.

    Raises
    ------
    RefusedStateError
        It is none, its indices are outside of its shape, or it expands to much more than it is.
    """
    arrays = _unpack(content, path)
    kind = str(arrays.pop("format", np.array("")).item())[:10].removeprefix("b'").rstrip("'")
    arrays.pop("_is_array", None)
    if kind not in _SPARSE_MEMBERS or set(arrays) != {*_SPARSE_MEMBERS[kind], "shape"}:
        raise RefusedStateError(f"is a sparse matrix of the format {quote(kind)}, which is not known here", path)
    sides = arrays["shape"]
    if sides.dtype.kind not in "iu" or sides.shape != (2,) or not np.all((sides >= 0) & (sides < _LONGEST_SIDE)):
        raise RefusedStateError("is a sparse matrix of an impossible shape", path)
    rows, columns = (int(side) for side in sides)
    integers = [arrays[name] for name in _SPARSE_MEMBERS[kind][:-1]]
    if any(array.dtype.kind not in "iu" or array.ndim != 1 for array in integers) or arrays["data"].dtype.kind == "V":
        raise RefusedStateError("is a sparse matrix whose parts are no whole numbers", path)
    fits: dict[str, Callable[[], bool]] = {
        "csr": lambda: _fits_compressed(arrays, rows, columns),
        "csc": lambda: _fits_compressed(arrays, columns, rows),
        "coo": lambda: (
            arrays["row"].shape == arrays["col"].shape == arrays["data"].shape
            and _within(arrays["row"], rows)
            and _within(arrays["col"], columns)
        ),
        "dia": lambda: (
            arrays["data"].ndim == 2
            and len(arrays["data"]) == len(arrays["offsets"]) == len(np.unique(arrays["offsets"]))
            and bool(np.all(np.abs(arrays["offsets"].astype("int64")) <= max(rows, columns)))
            and arrays["data"].shape[1] <= max(rows, columns)
        ),
    }
    if not fits[kind]():
        raise RefusedStateError("is a sparse matrix whose indices are outside of its shape", path)
    return rows, columns


def _fits_compressed(arrays: dict[str, "np.ndarray[Any, Any]"], long: int, short: int) -> bool:
    pointers, indices, data = arrays["indptr"], arrays["indices"], arrays["data"]
    return (
        len(pointers) == long + 1
        and data.shape == indices.shape
        and int(pointers[0]) == 0
        and int(pointers[-1]) == len(indices)
        and bool(np.all(pointers[1:] >= pointers[:-1]))
        and _within(indices, short)
    )


def _within(indices: "np.ndarray[Any, Any]", length: int) -> bool:
    return bool(np.all((indices >= 0) & (indices < length)))


def _unpack(content: bytes, path: object) -> dict[str, "np.ndarray[Any, Any]"]:
    arrays = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            if len(names) != len(set(names)) or not all(name.endswith(".npy") for name in names):
                raise RefusedStateError("is a sparse matrix of unusual members", path)
            if sum(entry.file_size for entry in entries) > max(_SMALL, _MOST_EXPANSION * len(content)):
                raise RefusedStateError(f"expands to more than {_MOST_EXPANSION} times its size", path)
            for entry in entries:
                with archive.open(entry) as member:
                    arrays[entry.filename.removesuffix(".npy")] = read_array(member.read(entry.file_size + 1), path)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, RuntimeError, ValueError) as error:
        raise RefusedStateError("is a sparse matrix that cannot be unpacked", path) from error
    return arrays
