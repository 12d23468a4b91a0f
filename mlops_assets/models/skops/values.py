"""What a skops file says, as plain values: nothing here is made, imported or called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Scalar: TypeAlias = str | int | float | bool | None


@dataclass(eq=False)
class Value:
    """A node of the file; compared by identity, because nodes are shared."""

    name: str = ""  # module.Class, as skops names it


@dataclass(eq=False)
class Data(Value):
    """Text, a number, a truth value or None."""

    value: Scalar = None


@dataclass(eq=False)
class Items(Value):
    """A list, tuple or set."""

    kind: str = "list"
    items: list[Value] = field(default_factory=list)


@dataclass(eq=False)
class Entries(Value):
    """A dict or what is like one; `key_types` are the names of the types that make its keys of text."""

    entries: dict[str, Value] = field(default_factory=dict)
    key_types: list[str] = field(default_factory=list)
    default: Value | None = None


@dataclass(eq=False)
class Array(Value):
    """An array (or one number) of bytes that are in the file, checked: as long as dtype and shape say, no objects.

    Attributes
    ----------
    scalar
        Where it is one number or text: that, as Python has it. Parameters may be NumPy's numbers as well as Python's.
    """

    dtype: "np.dtype[Any]" = field(default_factory=lambda: np.dtype("f8"))
    shape: tuple[int, ...] = ()
    member: str = ""
    scalar: Scalar = None


@dataclass(eq=False)
class ObjectArray(Value):
    """An array of objects."""

    items: list[Value] = field(default_factory=list)
    shape: tuple[int, ...] = ()


@dataclass(eq=False)
class Sparse(Value):
    """A sparse matrix whose indices are within its shape."""

    shape: tuple[int, int] = (0, 0)


@dataclass(eq=False)
class Bytes(Value):
    """Bytes."""

    content: bytes = b""
    mutable: bool = False


@dataclass(eq=False)
class Slice(Value):
    """A slice of whole numbers."""


@dataclass(eq=False)
class Named(Value):
    """A function or a type, by its name."""

    function: bool = False


@dataclass(eq=False)
class Parts(Value):
    """What is made of other values in a fixed way: masked arrays, dtypes, random states, partials, methods."""

    kind: str = ""
    parts: dict[str, Value] = field(default_factory=dict)
    text: str = ""


@dataclass(eq=False)
class Instance(Value):
    """An object: its class by name, its state, and the arguments of its constructor where the file has some.

    Attributes
    ----------
    loader
        ``ObjectNode``, ``TreeNode``, ``LossNode`` or ``ConstructorFromReduceNode``.
    """

    loader: str = ""
    state: Value | None = None
    arguments: Value | None = None

    @property
    def attributes(self) -> Mapping[str, Value] | None:
        """Its state, where that is a dict."""
        return self.state.entries if isinstance(self.state, Entries) else None


Numbers: TypeAlias = NDArray[Any]
