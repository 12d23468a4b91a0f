"""ONNX models that are a tree ensemble, read into checked arrays; other operators are not read here.

ONNX Runtime takes the columns and the ids of nodes as the file gives them. Beside `TreeEnsembleRegressor` and
`TreeEnsembleClassifier` (ai.onnx.ml 1 to 3, as skl2onnx, onnxmltools and CatBoost write them), a graph may have `Cast`,
`Identity` and `ZipMap`, which follow no index.
"""

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Ints
from mlops_assets.trees.files.errors import NativeFileError, UncheckableFileError
from mlops_assets.trees.files.onnx_trees import OnnxTrees, WholeNumbers, read_tree_ensemble
from mlops_assets.trees.files.protobuf import BYTES, FIXED32, VARINT, Field, read_fields, unpack_varints

_PASSED_ON = ("Cast", "Identity", "ZipMap")
_ENSEMBLES = ("TreeEnsembleRegressor", "TreeEnsembleClassifier")
_DOMAINS = (b"", b"ai.onnx", b"ai.onnx.ml")
# Fields of a model, of a graph and of an attribute that these readers do not follow.
_UNKNOWN_IN_MODEL = {20: "training", 25: "functions", 26: "devices"}
_UNKNOWN_IN_GRAPH = {5: "initializers", 14: "quantization", 15: "sparse initializers"}
_UNKNOWN_IN_ATTRIBUTE = {5: "a tensor", 6: "a graph", 10: "tensors", 11: "graphs", 14: "a type", 21: "a reference"}
_MOST_COLUMNS = 1 << 25
# Of a graph: its nodes and inputs; of a node: its inputs, outputs and attributes; of an attribute: the pieces that its
# numbers come in. Converters write a handful of each. Each piece is an object, and a look at all that follows it.
_MOST_PARTS = 64
# Bytes that are taken apart at once.
_WINDOW = 1 << 16

Part = TypeVar("Part")


@dataclass
class Attribute:
    """An attribute of a node: what it holds of each kind."""

    ints: list[WholeNumbers] = field(default_factory=list)
    floats: list[npt.NDArray[np.float32]] = field(default_factory=list)
    strings: bytearray = field(default_factory=bytearray)
    lengths: list[int] = field(default_factory=list)
    integer: int | None = None
    text: bytes | None = None


@dataclass
class _Node:
    operator: str = ""
    domain: bytes = b""
    inputs: list[bytes] = field(default_factory=list)
    outputs: list[bytes] = field(default_factory=list)
    attributes: dict[str, Attribute] = field(default_factory=dict)


def read_onnx(data: bytes) -> OnnxTrees:
    """The trees of a model.

    Raises
    ------
    UncheckableFileError
        It has other operators, or parts that are not read here.
    NativeFileError
        It is one that no converter writes.
    """
    graphs = []
    for part in read_fields(data, 0, len(data), "the model"):
        if part.number in _UNKNOWN_IN_MODEL:
            raise UncheckableFileError(f"has {_UNKNOWN_IN_MODEL[part.number]}, not read here", where="the model")
        if part.number == 7:
            graphs.append((part.start, part.end, part.wire))
    if len(graphs) != 1 or graphs[0][2] != BYTES:
        raise UncheckableFileError("is no ONNX model with one graph", where="the model")
    return _read_graph(data, graphs[0][0], graphs[0][1])


def _read_graph(data: bytes, start: int, end: int) -> OnnxTrees:
    widths: dict[bytes, int | None] = {}
    nodes = list[_Node]()
    for part in read_fields(data, start, end, "the graph"):
        if part.number in _UNKNOWN_IN_GRAPH:
            raise UncheckableFileError(f"has {_UNKNOWN_IN_GRAPH[part.number]}, not read here", where="the graph")
        if part.number == 1:
            node = _read_node(data, part.start, part.end, f"node {len(nodes)}")
            if node.domain not in _DOMAINS or node.operator not in (*_PASSED_ON, *_ENSEMBLES):
                raise UncheckableFileError(f"has the operator {node.operator[:60]!r}", where=f"node {len(nodes)}")
            _add(nodes, node, "the graph")
        elif part.number == 11:
            name, width = _read_input(data, part.start, part.end)
            if name in widths:
                raise NativeFileError("has an input twice", where="the graph's input")
            if len(widths) == _MOST_PARTS:
                raise NativeFileError(f"has more than {_MOST_PARTS} inputs", where="the graph's input")
            widths[name] = width
    ensembles = [node for node in nodes if node.operator in _ENSEMBLES]
    if len(ensembles) != 1:
        raise UncheckableFileError(f"has {len(ensembles)} tree ensembles", where="the graph")
    # In a sound graph, a node comes behind those that make its inputs.
    for node in nodes:
        if node.operator in ("Cast", "Identity") and len(node.inputs) == 1 and len(node.outputs) == 1:
            widths.setdefault(node.outputs[0], widths.get(node.inputs[0]))
        if node is ensembles[0]:
            break
    columns = widths.get(node.inputs[0]) if len(node.inputs) == 1 else None
    if columns is None or not 1 <= columns <= _MOST_COLUMNS:
        raise UncheckableFileError("does not say how many columns its trees are given", where="the graph's input")
    trees = read_tree_ensemble(ensembles[0].operator, ensembles[0].attributes, columns)
    for node in nodes:
        if node.operator == "ZipMap":
            _check_labels(node, trees.outputs)
    return trees


def _add(parts: list[Part], part: Part, where: str) -> None:
    if len(parts) == _MOST_PARTS:
        raise NativeFileError(f"has more than {_MOST_PARTS} of what converters write a few", where=where)
    parts.append(part)


def _check_labels(node: _Node, outputs: int) -> None:
    found = [node.attributes[name] for name in ("classlabels_int64s", "classlabels_strings") if name in node.attributes]
    counts = [sum(map(len, each.ints)) + len(each.lengths) for each in found]
    if counts != [max(outputs, 2)]:
        raise NativeFileError(f"has no labels for {outputs} outputs", where="ZipMap")


def _read_input(data: bytes, start: int, end: int) -> tuple[bytes, int | None]:
    """Name and number of columns of ``[N, columns]``; None where it is something else."""
    names, shapes = list[bytes](), list[list[int | None]]()
    for part in read_fields(data, start, end, "input"):
        if part.number == 1 and part.wire == BYTES:
            _add(names, data[part.start : part.end], "the graph's input")
        elif part.number == 2 and part.wire == BYTES:
            _add(shapes, _read_shape(data, part.start, part.end), "the graph's input")
    if len(names) != 1 or len(shapes) != 1:
        raise NativeFileError("has an input without one name and one type", where="the graph's input")
    return names[0], shapes[0][1] if len(shapes[0]) == 2 else None


def _read_shape(data: bytes, start: int, end: int) -> list[int | None]:
    """The dimensions of a TypeProto; None where one is open."""
    for number in (1, 2):  # tensor type, then its shape
        inner = list[Field]()
        for part in read_fields(data, start, end, "type"):
            if part.number == number:
                _add(inner, part, "type")
        if len(inner) != 1 or inner[0].wire != BYTES:
            return []
        start, end = inner[0].start, inner[0].end
    dimensions = list[int | None]()
    for part in read_fields(data, start, end, "shape"):
        if part.number == 1 and part.wire == BYTES:
            values = list[int]()
            for each in read_fields(data, part.start, part.end, "shape"):
                if each.number == 1:
                    _add(values, each.value, "shape")
            _add(dimensions, values[0] if len(values) == 1 else None, "shape")
    return dimensions


def _read_node(data: bytes, start: int, end: int, where: str) -> _Node:
    node = _Node()
    for part in read_fields(data, start, end, where):
        if part.wire != BYTES:
            raise NativeFileError("has a number where a text belongs", where=where)
        if part.number == 1:
            _add(node.inputs, data[part.start : part.end], where)
        elif part.number == 2:
            _add(node.outputs, data[part.start : part.end], where)
        elif part.number == 4:
            node.operator = data[part.start : part.end].decode("ascii", "replace")
        elif part.number == 7:
            node.domain = data[part.start : part.end]
        elif part.number == 5:
            name, attribute = _read_attribute(data, part.start, part.end, where)
            if name in node.attributes:
                raise NativeFileError(f"has {name[:40]!r} twice", where=where)
            node.attributes[name] = attribute
            if len(node.attributes) > _MOST_PARTS:
                raise NativeFileError(f"has more than {_MOST_PARTS} attributes", where=where)
    return node


def _read_attribute(data: bytes, start: int, end: int, where: str) -> tuple[str, Attribute]:
    name, attribute = "", Attribute()
    at = start
    while at < end:
        part = next(read_fields(data, at, end, where))
        if part.number in _UNKNOWN_IN_ATTRIBUTE:
            raise UncheckableFileError(f"has {_UNKNOWN_IN_ATTRIBUTE[part.number]} in {name[:40]!r}", where=where)
        at = part.end
        if part.number == 1 and part.wire == BYTES:
            name = data[part.start : part.end].decode("ascii", "replace")
        elif part.number == 3 and part.wire == VARINT:
            attribute.integer = part.value
        elif part.number == 4 and part.wire == BYTES:
            attribute.text = data[part.start : part.end]
        elif part.number == 7:
            at = _read_floats(data, part.start, end, part.wire, part.end, attribute, where)
        elif part.number == 8:
            at = _read_ints(data, part.start, end, part.wire, part.end, attribute, where)
        elif part.number == 9 and part.wire == BYTES:
            attribute.strings += data[part.start : part.end]
            attribute.lengths.append(part.end - part.start)
    return name, attribute


def _read_floats(data: bytes, start: int, end: int, wire: int, after: int, to: Attribute, where: str) -> int:
    """Where the run of floats ends."""
    if wire == BYTES:
        if (after - start) % 4:
            raise NativeFileError("has a part of a number", where=where)
        _add(to.floats, np.frombuffer(data, "<f4", (after - start) // 4, start), where)
        return after
    if wire != FIXED32:
        raise NativeFileError("has something else among its numbers", where=where)
    first = start - 1
    raw = np.frombuffer(data, np.uint8, (end - first) // 5 * 5, first).reshape(-1, 5)
    other = np.flatnonzero(raw[:, 0] != data[first])
    count = int(other[0]) if len(other) else len(raw)
    _add(to.floats, np.ascontiguousarray(raw[:count, 1:]).view("<f4").ravel(), where)
    return first + 5 * count


def _read_ints(data: bytes, start: int, end: int, wire: int, after: int, to: Attribute, where: str) -> int:
    """Where the run of whole numbers ends."""
    if wire == BYTES:
        _add(to.ints, _shorten(unpack_varints(data, start, after, where)), where)
        return after
    if wire != VARINT:
        raise NativeFileError("has something else among its numbers", where=where)
    first = at = start - 1
    pieces = list[Ints]()
    while at < end:
        numbers, size, goes_on = _read_window(data, at, min(at + _WINDOW, end), data[first], where)
        at += size
        pieces.append(numbers)
        if not goes_on:
            break
    if at == first:
        raise NativeFileError("has something else among its numbers", where=where)
    _add(to.ints, _shorten(np.concatenate(pieces)), where)
    return at


def _shorten(numbers: Ints) -> WholeNumbers:
    """In four bytes each, where they fit: the file has two or three for most."""
    fits = not len(numbers) or (numbers.min() >= -(2**31) and numbers.max() < 2**31)
    return numbers.astype(np.int32) if fits else numbers


def _read_window(data: bytes, start: int, end: int, tag: int, where: str) -> tuple[Ints, int, bool]:
    """The whole numbers at the beginning of ``data[start:end]``, each with its tag before it; how many bytes these are,
    and whether the run may go on behind them.
    """
    raw = np.frombuffer(data, np.uint8, end - start, start)
    stops = np.flatnonzero(raw < 128)
    # Every other one of what ends here is the tag, one byte long.
    begins = np.concatenate([[0], stops[:-1] + 1])
    pairs = len(stops) // 2
    tags = (raw[begins[: 2 * pairs : 2]] == tag) & (stops[: 2 * pairs : 2] == begins[: 2 * pairs : 2])
    other = np.flatnonzero(~tags)
    count = int(other[0]) if len(other) else pairs
    if not count:
        return np.zeros(0, np.int64), 0, False
    stop = int(stops[2 * count - 1]) + 1
    keep = np.ones(stop, np.bool_)
    keep[begins[: 2 * count : 2]] = False
    numbers = raw[:stop][keep].tobytes()
    return unpack_varints(numbers, 0, len(numbers), where), stop, not len(other)
