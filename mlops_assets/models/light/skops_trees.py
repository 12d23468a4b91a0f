"""Fitted trees in a skops file as plain objects: their arrays and numbers, without skops and scikit-learn.

The objects have the names of scikit-learn's classes and attributes, which `mlops_assets.trees.read_sklearn` and
`mlops_assets.models.structure` ask for, and nothing else of theirs. Nothing of the file is imported or called.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from mlops_assets.models.light.errors import NotLightError
from mlops_assets.models.skops.archive import Archive, open_archive
from mlops_assets.models.skops.arrays import read_array
from mlops_assets.models.skops.known import LOSSES, TREE, is_type
from mlops_assets.models.skops.nodes import Schema
from mlops_assets.models.skops.values import Array, Data, Entries, Instance, Items, Named, ObjectArray, Value
from mlops_assets.models.trusted_types import TRUSTED_OBJECTS

_CLASSIC = "sklearn.ensemble._gb.GradientBoosting"
_HISTOGRAM = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoosting"
_TREES: Mapping[str, tuple[str, ...]] = {
    **{f"{_CLASSIC}{kind}": () for kind in ("Classifier", "Regressor")},
    **{f"{_HISTOGRAM}{kind}": () for kind in ("Classifier", "Regressor")},
    **{
        f"sklearn.ensemble._forest.{name}{kind}": (f"sklearn.ensemble._forest.Forest{kind}",)
        for name in ("RandomForest", "ExtraTrees")
        for kind in ("Classifier", "Regressor")
    },
    **{f"sklearn.tree._classes.DecisionTree{kind}": () for kind in ("Classifier", "Regressor")},
    **{
        f"sklearn.tree._classes.ExtraTree{kind}": (f"sklearn.tree._classes.DecisionTree{kind}",)
        for kind in ("Classifier", "Regressor")
    },
}
"""Classes whose trees are read -> those of their bases that say how."""
_OBJECTS = (
    frozenset(_TREES)
    | TRUSTED_OBJECTS
    | LOSSES
    | {TREE, "sklearn.preprocessing._label.LabelEncoder"}
    | {f"sklearn.dummy.Dummy{kind}" for kind in ("Classifier", "Regressor")}
)
"""Classes of the objects that such a model holds."""
_NODES = {"left_child", "right_child", "feature", "threshold", "missing_go_to_left", "weighted_n_node_samples"}


def read_plain_trees(file: Path) -> Any:
    """The estimator in a skops file: an object with its class's name and its attributes, as far as they are read here.

    Raises
    ------
    NotLightError
        It is no ensemble of scikit-learn's trees that can be read so.
    RefusedStateError
        It is no skops file, or one made to harm its reader.
    """
    with open_archive(file) as archive:
        schema = Schema(archive)
        if not isinstance(schema.root, Instance) or schema.root.name not in _TREES:
            raise NotLightError(f"it is a {schema.root.name}")
        others = {value.name for value, _ in schema.values if isinstance(value, Instance | Named)} - _OBJECTS
        if not all(map(is_type, others)):
            # Whether these are trusted is for who can judge what they hold.
            raise NotLightError("it holds objects of other classes")
        estimator = _Reader(archive).read(schema.root)
    if _HISTOGRAM in schema.root.name and estimator.is_categorical_ is not None:
        raise NotLightError("it has columns of categories")
    return estimator


class _Reader:
    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._read: dict[int, Any] = {}

    def read(self, value: Value) -> Any:
        """A value of the file; what is not read here is an object without attributes."""
        if id(value) not in self._read:
            self._read[id(value)] = self._object(value)
        return self._read[id(value)]

    def _object(self, value: Value) -> Any:
        match value:
            case Data():
                return value.value
            case Array():
                return value.scalar if value.shape == () else read_array(self._archive.read(value.member, ""), "")
            case Items():
                items = [self.read(item) for item in value.items]
                return tuple(items) if value.kind == "tuple" else items
            case Entries():
                return {name: self.read(entry) for name, entry in value.entries.items()}
            case ObjectArray():
                array = np.empty(value.shape, object)
                array.ravel()[:] = _flat(self.read, value, len(value.shape))
                return array
            case Instance(name=name) if name == TREE:
                return self._tree(value)
            case Instance():
                made = _plain_class(value.name)()
                vars(made).update({name: self.read(held) for name, held in (value.attributes or {}).items()})
                return made
        return _Unread()

    def _tree(self, value: Instance) -> "Any":
        """A tree's arrays, under the names that scikit-learn's compiled class has for them."""
        state = self.read(value.state) if isinstance(value.state, Entries) else {}
        columns, _, _ = self.read(value.arguments) if isinstance(value.arguments, Items) else (None, None, None)
        nodes = state.get("nodes")
        if not isinstance(nodes, np.ndarray) or not _NODES.issubset(nodes.dtype.names or ()):
            raise NotLightError("its trees have other nodes than those of the installed version")
        tree = _plain_class(TREE)()
        vars(tree).update(
            n_features=columns,
            capacity=len(nodes),
            node_count=state["node_count"],
            max_depth=state["max_depth"],
            nodes=nodes,
            children_left=nodes["left_child"],
            children_right=nodes["right_child"],
            feature=nodes["feature"],
            threshold=nodes["threshold"],
            missing_go_to_left=nodes["missing_go_to_left"],
            weighted_n_node_samples=nodes["weighted_n_node_samples"],
            value=state["values"],
        )
        return tree


class _Unread:
    """In the place of what no tree is made of."""


def _flat(read: Callable[[Value], Any], value: Value, depth: int) -> list[Any]:
    """The elements of nested lists, in order."""
    if not depth:
        return [read(value)]
    items = value.items if isinstance(value, ObjectArray | Items) else []
    return [element for item in items for element in _flat(read, item, depth - 1)]


@cache
def _plain_class(name: str) -> type:
    """A class with a class's name, and no more of it than is asked for."""
    module, _, short = name.rpartition(".")
    methods: dict[str, Any] = {"__module__": module, "__qualname__": short}
    if name == TREE:
        methods["__getstate__"] = _state_of
    elif name.startswith(_CLASSIC):
        methods["_raw_predict_init"] = _start_of_boosting
    elif short == "_BinMapper":
        methods["make_known_categories_bitsets"] = _no_categories
    return type(short, tuple(map(_plain_class, _TREES.get(name, ()))), methods)


def _state_of(tree: Any) -> dict[str, Any]:
    return dict(vars(tree))


def _no_categories(_mapper: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    return np.zeros((0, 8), np.uint32), np.zeros(0, np.uint32)


def _start_of_boosting(model: Any, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(rows, outputs): the constant that GradientBoosting* starts from, as `_init_raw_predictions` of scikit-learn 1.9.

    Raises
    ------
    NotLightError
        Its initial estimator is not the usual one.
    """
    outputs = model.estimators_.shape[1]
    first = model.init_
    if first == "zero":
        return np.zeros((len(rows), outputs))
    if type(first).__name__ == "DummyClassifier" and first.strategy == "prior":
        limit = np.finfo(np.float64).eps
        shares = np.clip(np.asarray(first.class_prior_, np.float64), limit, 1 - limit)
        if outputs > 1:
            start = np.log(shares) - np.log(shares).mean()
        else:
            start = np.log(shares[1:] / (1 - shares[1:])) * (0.5 if model.loss == "exponential" else 1.0)
    elif type(first).__name__ == "DummyRegressor" and outputs == 1:
        start = np.asarray(first.constant_, np.float64).ravel()
    else:
        raise NotLightError("its boosting does not start from the usual constant")
    return np.tile(start, (len(rows), 1))
