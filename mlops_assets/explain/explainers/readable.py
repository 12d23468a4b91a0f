"""Trees of an estimator, for explainers: what cannot be read is a method that does not apply."""

from collections.abc import Callable
from typing import TypeVar

from mlops_assets.errors import NotApplicableError
from mlops_assets.trees.errors import UnreadableTreesError

_Trees = TypeVar("_Trees")


def read_if_any(read: Callable[[object], _Trees | None], estimator: object) -> _Trees | None:
    """The estimator's trees; None: it is not made of any.

    Raises
    ------
    NotApplicableError
        They do not add up to its prediction.
    """
    try:
        return read(estimator)
    except UnreadableTreesError as error:
        raise NotApplicableError(error.what) from error


def read_trees(read: Callable[[object], _Trees | None], estimator: object, made_of: str) -> _Trees:
    """The estimator's trees, which messages call `made_of`.

    Raises
    ------
    NotApplicableError
        It is not made of them, or they do not add up to its prediction.
    """
    trees = read_if_any(read, estimator)
    if trees is None:
        raise NotApplicableError(f"{type(estimator).__name__} is not made of {made_of}")
    return trees
