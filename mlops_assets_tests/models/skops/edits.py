"""skops files as an attacker writes them: the schema of a valid one, changed."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from skops.io import dumps

from mlops_assets.models.skops_files import check_state

Node = dict[str, Any]
NUMBERS = iter(range(10**12, 10**13))


def judge(
    content: bytes, folder: Path, trusted: frozenset[str] = frozenset(), *, native_libraries: bool = False
) -> frozenset[str]:
    """The verdict on a file of these bytes: what nobody trusts by name, or a TrustError."""
    file = folder / "model.skops"
    file.write_bytes(content)
    return check_state(file, "model.skops", trusted, "models:/m/1", native_libraries=native_libraries)


def unpack(model: object) -> tuple[Node, dict[str, bytes]]:
    """The schema of a model, and the other members of its archive."""
    with zipfile.ZipFile(io.BytesIO(dumps(model))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(members.pop("schema.json")), members


def pack(schema: Node | str, members: Mapping[str, bytes] | None = None) -> bytes:
    """The archive of a schema."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in (members or {}).items():
            archive.writestr(name, content)
        archive.writestr("schema.json", schema if isinstance(schema, str) else json.dumps(schema))
    return written.getvalue()


def change(model: object, edit: Callable[[Node], object], members: Mapping[str, bytes] | None = None) -> bytes:
    """The file of a model whose schema was edited in place."""
    schema, held = unpack(model)
    edit(schema)
    return pack(schema, held | dict(members or {}))


def nodes(schema: object) -> Iterator[Node]:
    """Every node of a schema."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "__loader__" in part:
                yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def find(schema: Node, name: str) -> Node:
    """The first object of a class."""
    return next(node for node in nodes(schema) if node["__class__"] == name and node["__loader__"] != "TypeNode")


def data(value: object) -> Node:
    """Text, a number, a truth value or None."""
    return {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(value)}


def container(kind: str, *items: Node) -> Node:
    """A list, tuple or set."""
    loader = {"list": "ListNode", "tuple": "TupleNode", "set": "SetNode"}[kind]
    return {"__class__": kind, "__module__": "builtins", "__loader__": loader, "content": list(items)}


def named(name: str, loader: str = "FunctionNode") -> Node:
    """A function or type."""
    module, _, attribute = name.rpartition(".")
    return {"__class__": attribute, "__module__": module, "__loader__": loader}


def mapping(**entries: Node) -> Node:
    """A dict with keys of text."""
    types = container("list", *(named("builtins.str", "TypeNode") for _ in entries))
    return {**named("builtins.dict", "DictNode"), "content": entries, "key_types": types}


def put(owner: Node, attribute: str, value: Node) -> None:
    """Give an object an attribute."""
    state = owner["content"]
    if attribute not in state["content"]:
        state["key_types"]["content"].append(named("builtins.str", "TypeNode"))
    # Its own number, or the node would be the one that had it before.
    state["content"][attribute] = {**value, "__id__": next(NUMBERS)}


def array(values: object) -> bytes:
    """A ``.npy`` file."""
    written = io.BytesIO()
    np.save(written, np.asarray(values), allow_pickle=False)
    return written.getvalue()


def wrap(node: Node) -> bytes:
    """The archive of one node."""
    return pack({**node, "protocol": 2})
