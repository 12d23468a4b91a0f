"""Which attributes an object of a class has: those that the installed version's code ever sets, read from the code."""

import dataclasses
import dis
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from types import CodeType
from typing import Any

# Set by functions of scikit-learn on the estimator that they are given, or by name.
_SET_ELSEWHERE = frozenset(
    {"n_features_in_", "feature_names_in_", "_sklearn_version", "_sklearn_output_config", "_n_features_out", "classes_"}
)
# Whose attributes are set by name, from the list of this name in their module.
_SET_BY_NAME = {"sklearn.utils._metadata_requests.MetadataRequest": "SIMPLE_METHODS"}


@cache
def list_attributes(kind: type) -> frozenset[str]:
    """Names that the constructor takes, and names that any method of the class or its bases sets on an object."""
    names = set(_SET_ELSEWHERE) | set(list_parameters(kind))
    for base in kind.__mro__:
        for member in vars(base).values():
            for code in _codes(member):
                names.update(_stored(code))
    listed = _SET_BY_NAME.get(f"{kind.__module__}.{kind.__qualname__}")
    if listed is not None:
        names.update(getattr(sys.modules[kind.__module__], listed, ()))
    if dataclasses.is_dataclass(kind):
        names.update(field.name for field in dataclasses.fields(kind))
    return frozenset(names)


@cache
def list_parameters(kind: type) -> tuple[str, ...]:
    """What the constructors of the class and its bases take by name."""
    names: dict[str, None] = {}
    for base in kind.__mro__:
        constructor = vars(base).get("__init__")
        if inspect.isfunction(constructor):
            for name, parameter in inspect.signature(constructor).parameters.items():
                if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) and name != "self":
                    names[name] = None
    return tuple(names)


def is_of_class(kind: type, name: str) -> bool:
    """Whether the class has an attribute of this name that does something: an object's own would take its place."""
    if name.startswith("__") and name.endswith("__"):
        return True
    for base in kind.__mro__:
        if name in vars(base):
            member = vars(base)[name]
            return callable(member) or hasattr(member, "__get__") or name not in list_attributes(kind)
    return False


def _codes(member: Any) -> Iterator[CodeType]:
    waiting, seen = [member], set[int]()
    while waiting:
        part = waiting.pop()
        if part is None or id(part) in seen:
            continue
        seen.add(id(part))
        code = getattr(part, "__code__", None)
        if isinstance(code, CodeType):
            yield code
        # property, staticmethod and classmethod, functools.wraps, scikit-learn's available_if
        waiting += [getattr(part, name, None) for name in ("fget", "fset", "__func__", "__wrapped__", "fn")]


def _stored(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname == "STORE_ATTR":
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _stored(constant)
