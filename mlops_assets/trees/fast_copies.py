"""Copies of fitted models whose trees this package's kernel may add up; the models themselves are not changed.

A copy shares the model's fitted values. Its class is a subclass of the model's, of the same name, which overrides the
one method that asks for the sum of the trees. All else is the library's own: validation, encoding, links, classes.
"""

from types import new_class
from typing import Any, TypeVar

from mlops_assets.trees.tree_sums import TreeSums

_M = TypeVar("_M", bound="FastModel")


class FastModel:
    """A model whose trees may be added up by the kernel; comes before the library's class in the MRO."""

    _tree_sums: TreeSums

    def __reduce__(self) -> tuple[Any, ...]:
        # The class is made at run time: what a pickle or a copy holds is the library's own model.
        plain = copy_with(self, type(self).__bases__[1])
        del vars(plain)["_tree_sums"]
        return _identity, (plain,)


class FastHandle(FastModel):
    """A model whose trees are in its library's memory: the original frees them, and lives as long as its copy."""

    _original: object

    def __del__(self) -> None:
        return

    def __reduce__(self) -> tuple[Any, ...]:
        return _identity, (self._original,)


def copy_with(model: object, kind: type[Any], **changed: object) -> Any:
    """An object of class `kind` with the model's attributes, not copied, and those in `changed`."""
    made: Any = object.__new__(kind)
    vars(made).update(vars(model) | changed)
    return made


def fast_copy(model: object, mixin: type[FastModel], sums: TreeSums, **changed: object) -> Any:
    """A copy of `model` whose methods are first those of `mixin`."""
    kind = type(model)
    # Of the same name: the library's messages name it.
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    made = new_class(kind.__name__, (mixin, kind), exec_body=lambda namespace: namespace.update(names))
    return copy_with(model, made, _tree_sums=sums, **changed)


def is_kind(model: object, module: str, *names: str) -> bool:
    """Whether the model's class is one of these, not a subclass of somebody's."""
    kind = type(model)
    return kind.__name__ in names and kind.__module__ == module


def _identity(model: object) -> object:
    return model
