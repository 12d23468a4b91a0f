"""The schema of a skops file, read into values: each node once, in the order in which skops reads them.

A node that has the ``__id__`` of an earlier one is that one, whatever else it says: so skops reads it, and so do we.
Described after skops 0.16, protocols 0 to 2.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from mlops_assets.models.skops.archive import Archive
from mlops_assets.models.skops.arrays import check_sparse, read_header, read_scalar
from mlops_assets.models.skops.paths import Place
from mlops_assets.models.skops.refusal import RefusedStateError, quote
from mlops_assets.models.skops.values import (
    Array,
    Bytes,
    Data,
    Entries,
    Instance,
    Items,
    Named,
    ObjectArray,
    Parts,
    Slice,
    Sparse,
    Value,
)

_NEWEST_PROTOCOL = 2
# skops reads with four calls for each level, and Python allows a thousand.
_MOST_DEPTH = 120
# skops visits a shared node once for each way that leads to it. Its own files have as many ways as nodes.
_MOST_VISITS = 100_000
_MOST_SHARING = 10
_LONGEST_NAME = 400


class Schema:
    """All values of one skops file.

    Attributes
    ----------
    root
        The outermost value.
    values
        Every value, each once, with its place.
    """

    def __init__(self, archive: Archive) -> None:
        schema = archive.read_schema()
        self._protocol = schema.get("protocol")
        if type(self._protocol) is not int or not 0 <= self._protocol <= _NEWEST_PROTOCOL:
            raise RefusedStateError(f"has the protocol {quote(self._protocol)}, which is not known here")
        self._archive = archive
        self._known: dict[int, Value] = {}
        self._open: set[int] = set()
        # How many visits one value costs whoever does not remember that it was there.
        self._visits: dict[int, int] = {}
        self._nodes = 0
        self.values: list[tuple[Value, Place]] = []
        self.root = self._read(schema, Place(), 0)
        if self._visits[id(self.root)] > max(_MOST_VISITS, _MOST_SHARING * self._nodes):
            raise RefusedStateError("shares its parts so often that to visit them all would not end")

    def _read(self, state: object, place: Place, depth: int) -> Value:
        self._nodes += 1
        if not isinstance(state, dict):
            raise RefusedStateError("has a node that is no object", place)
        number, loader = state.get("__id__"), state.get("__loader__")
        if number is not None and (type(number) is not int or number <= 0):
            raise RefusedStateError(f"has a node of the number {quote(number)}", place)
        if number in self._known:
            if number in self._open:
                raise RefusedStateError("holds itself", place)
            self._nodes += self._count(state)
            return self._known[number]
        reader = _READERS.get(loader) if isinstance(loader, str) else None
        if reader is None:
            raise RefusedStateError(f"has a node of the kind {quote(loader)}, which is not known here", place)
        if depth > _MOST_DEPTH:
            raise RefusedStateError("is nested deeper than any model", str(place)[:80])
        value, children = reader(self, state, place)
        value.name = _name(state, place)
        self.values.append((value, place))
        if number is not None:
            self._known[number] = value
            self._open.add(number)
        visits = 1
        for attach, child, step in children:
            read = self._read(child, step, depth + 1)
            visits += self._visits[id(read)]
            attach(read)
        self._visits[id(value)] = visits
        self._open.discard(number or 0)
        return value

    @staticmethod
    def _count(state: Mapping[str, Any]) -> int:
        """Nodes below one that is skipped, as skops wrote it in full again."""
        count, waiting = 0, list(state.values())
        while waiting:
            part = waiting.pop()
            if isinstance(part, dict):
                count += "__loader__" in part
                waiting.extend(part.values())
            elif isinstance(part, list):
                waiting.extend(part)
        return count

    # Each reader returns its value, and what is still to be read: where it goes, the node, its place.

    def data(self, state: dict[str, Any], place: Place) -> "_Read":
        content = state.get("content")
        try:
            parsed = json.loads(content) if isinstance(content, str) else self
        except (ValueError, RecursionError):
            parsed = self
        if not isinstance(parsed, str | int | float | None):
            raise RefusedStateError("has text or a number that cannot be read", place)
        return Data(value=parsed), []

    def items(self, state: dict[str, Any], place: Place) -> "_Read":
        kind = {"ListNode": "list", "TupleNode": "tuple", "SetNode": "set"}[state["__loader__"]]
        value = Items(kind=kind)
        listed = _list(state.get("content"), place)
        return value, [(value.items.append, item, place.item(number)) for number, item in enumerate(listed)]

    def entries(self, state: dict[str, Any], place: Place) -> "_Read":
        value = Entries()

        def name_keys(types: Value) -> None:
            named = types.items if isinstance(types, Items) else [types]
            if not all(isinstance(each, Named) for each in named) or len(named) != len(content):
                raise RefusedStateError("has a dict whose keys have other types than its keys", place)
            value.key_types = [each.name for each in named]

        content = _dict(state.get("content"), place)
        reads: _Children = [(name_keys, state.get("key_types"), place.attribute("keys()"))]
        reads += [(_put(value.entries, key), item, place.item(key)) for key, item in content.items()]
        return value, reads

    def default_dict(self, state: dict[str, Any], place: Place) -> "_Read":
        value = Entries()

        def take(main: Value) -> None:
            if not isinstance(main, Entries):
                raise RefusedStateError("has a defaultdict of what is no dict", place)
            value.entries, value.key_types = main.entries, main.key_types

        def default(factory: Value) -> None:
            value.default = factory

        content = _dict(state.get("content"), place)
        return value, [
            (take, content.get("main"), place),
            (default, content.get("default_factory"), place.attribute("default_factory")),
        ]

    def bytes(self, state: dict[str, Any], place: Place) -> "_Read":
        content = self._archive.read(state.get("file"), place)
        return Bytes(content=content, mutable=state["__loader__"] == "BytearrayNode"), []

    def slice(self, state: dict[str, Any], place: Place) -> "_Read":
        content = _dict(state.get("content"), place)
        if set(content) != {"start", "stop", "step"} or not all(
            each is None or type(each) is int for each in content.values()
        ):
            raise RefusedStateError("has a slice of what are no whole numbers", place)
        return Slice(), []

    def array(self, state: dict[str, Any], place: Place) -> "_Read":
        if state.get("type") == "numpy":
            content = self._archive.read(state.get("file"), place)
            dtype, shape, _ = read_header(content, place)
            scalar = read_scalar(content, place) if shape == () else None
            return Array(dtype=dtype, shape=shape, member=state["file"], scalar=scalar), []
        if state.get("type") != "json":
            raise RefusedStateError("has an array of an unknown kind", place)
        value = ObjectArray()
        listed = _list(state.get("content"), place)
        reads: _Children = [(value.items.append, item, place.item(number)) for number, item in enumerate(listed)]

        def shape_of(sides: Value) -> None:
            numbers = [side.value for side in sides.items if isinstance(side, Data)] if isinstance(sides, Items) else []
            value.shape = tuple(side for side in numbers if type(side) is int)
            if not _has_shape(value, value.shape, set()):
                raise RefusedStateError("has an array of objects that has another shape than it says", place)

        return value, [*reads, (shape_of, state.get("shape"), place.attribute("shape"))]

    def sparse(self, state: dict[str, Any], place: Place) -> "_Read":
        if state.get("type") != "scipy":
            raise RefusedStateError("has a sparse matrix of an unknown kind", place)
        return Sparse(shape=check_sparse(self._archive.read(state.get("file"), place), place)), []

    def named(self, state: dict[str, Any], place: Place) -> "_Read":
        if state["__loader__"] == "FunctionNode" and (self._protocol == 0 or "content" in state):
            # Protocol 0 names the function elsewhere.
            content = _dict(state.get("content"), place)
            if (content.get("module_path"), content.get("function")) != (state["__module__"], state["__class__"]):
                raise RefusedStateError("has a function of two names", place)
        return Named(function=state["__loader__"] == "FunctionNode"), []

    def parts(self, state: dict[str, Any], place: Place) -> "_Read":
        loader = state["__loader__"]
        kind, names = _PARTS[loader]
        if loader == "RandomGeneratorNode" and self._protocol != _NEWEST_PROTOCOL:
            raise RefusedStateError("has a random generator of an old version of skops", place)
        value = Parts(kind=kind)
        content = state if loader in ("OperatorFuncNode", "DTypeNode", "RandomStateNode") else state.get("content")
        held = _dict(content, place)
        if loader == "MethodNode":
            value.text = str(held.get("func"))[:_LONGEST_NAME]
        return value, [(_put(value.parts, name), held.get(name), place.attribute(name)) for name in names]

    def instance(self, state: dict[str, Any], place: Place) -> "_Read":
        value = Instance(loader=state["__loader__"])

        def set_state(read: Value) -> None:
            value.state = read

        def set_arguments(read: Value) -> None:
            value.arguments = read

        if value.loader == "ConstructorFromReduceNode":
            return value, [(set_arguments, state.get("content"), place)]
        reads: _Children = []
        if value.loader != "ObjectNode" or state.get("content") is not None:
            reads = [(set_state, state.get("content"), place.state())]
        if value.loader != "ObjectNode":
            reduce = _dict(state.get("__reduce__"), place)
            reads.append((set_arguments, reduce.get("args"), place.attribute("__init__")))
        return value, reads


_Children = list[tuple[Callable[[Value], Any], Any, Place]]
_Read = tuple[Value, _Children]
_PARTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "MaskedArrayNode": ("masked array", ("data", "mask")),
    "DTypeNode": ("dtype", ("content",)),
    "RandomStateNode": ("random state", ("content",)),
    "RandomGeneratorNode": ("random generator", ("bit_generator", "seed_seq")),
    "PartialNode": ("partial", ("func", "args", "kwds", "namespace")),
    "MethodNode": ("method", ("obj",)),
    "OperatorFuncNode": ("operator", ("attrs",)),
}
_READERS: dict[str, Callable[[Schema, dict[str, Any], Place], _Read]] = {
    "JsonNode": Schema.data,
    **dict.fromkeys(("ListNode", "TupleNode", "SetNode"), Schema.items),
    "DictNode": Schema.entries,
    "DefaultDictNode": Schema.default_dict,
    **dict.fromkeys(("BytesNode", "BytearrayNode"), Schema.bytes),
    "SliceNode": Schema.slice,
    "NdArrayNode": Schema.array,
    "SparseMatrixNode": Schema.sparse,
    **dict.fromkeys(("FunctionNode", "TypeNode"), Schema.named),
    **dict.fromkeys(_PARTS, Schema.parts),
    **dict.fromkeys(("ObjectNode", "TreeNode", "LossNode", "ConstructorFromReduceNode"), Schema.instance),
}


def _name(state: Mapping[str, Any], place: Place) -> str:
    module, name = state.get("__module__"), state.get("__class__")
    if not isinstance(module, str) or not isinstance(name, str) or len(module) + len(name) > _LONGEST_NAME:
        raise RefusedStateError("has a node that names no type", place)
    return f"{module}.{name}"


def _put(into: dict[str, Value], key: str) -> Callable[[Value], None]:
    return lambda value: into.__setitem__(key, value)


def _dict(content: object, place: Place) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise RefusedStateError("has a node without its content", place)
    return content


def _list(content: object, place: Place) -> list[Any]:
    if not isinstance(content, list):
        raise RefusedStateError("has a node without its content", place)
    return content


def _has_shape(value: Value, shape: tuple[int, ...], seen: set[tuple[int, int]]) -> bool:
    """Whether nested lists are as regular as the shape says; NumPy makes the array of them alone."""
    if (id(value), len(shape)) in seen:
        return True
    items = value.items if isinstance(value, ObjectArray | Items) else None
    if not shape or items is None or len(items) != shape[0]:
        return False
    seen.add((id(value), len(shape)))
    return len(shape) == 1 or all(_has_shape(item, shape[1:], seen) for item in items)
