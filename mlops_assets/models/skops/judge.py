"""The verdict on a skops file: each object's state is compared with what its class is described to hold."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

from mlops_assets.models.skops.archive import Archive, open_archive
from mlops_assets.models.skops.arrays import read_array
from mlops_assets.models.skops.attributes import is_of_class, list_attributes
from mlops_assets.models.skops.known import (
    NAMED_TUPLES,
    TREE,
    find_class,
    find_unknown,
    is_function,
    is_made_of_state,
    is_type,
)
from mlops_assets.models.skops.nodes import Schema
from mlops_assets.models.skops.parameters import find_fault
from mlops_assets.models.skops.paths import Place
from mlops_assets.models.skops.random_states import check_random_state
from mlops_assets.models.skops.refusal import RefusedStateError, quote
from mlops_assets.models.skops.values import (
    Array,
    Bytes,
    Data,
    Entries,
    Instance,
    Items,
    Named,
    Parts,
    Value,
)

# Bytes of a model of another library within the file: (library, bytes, place).
CheckBooster = Callable[[str, bytes, Place], None]
_BOOSTERS = {
    "lightgbm.basic.Booster": ("lightgbm", ("_handle", "handle")),
    "xgboost.core.Booster": ("xgboost", ("handle",)),
}
_KEYS = {"builtins.str", "builtins.int", "builtins.float", "builtins.bool", "builtins.NoneType"}
_LISTED_STATES = ("sklearn.neighbors._kd_tree.", "sklearn.neighbors._ball_tree.", "sklearn.metrics._dist_metrics.")
_LONGEST_CLASSES = 1 << 20


def find_unknown_types(file: Path) -> frozenset[str]:
    """Types and functions in a skops file that are not described here; none of them is imported.

    Raises
    ------
    RefusedStateError
        It is no skops file, or one made to harm its reader.
    """
    with open_archive(file) as archive:
        return _unknown(Schema(archive))


def judge_file(file: Path, trusted: frozenset[str], check_booster: CheckBooster) -> frozenset[str]:
    """Types and functions that are neither described nor trusted. Where there are none, every state was judged.

    Parameters
    ----------
    trusted
        Names that the deployment trusts: what objects of these types hold is then its own business. The state of
        described ones is not compared with the description, beside what compiled code and methods depend on.
    check_booster
        Judges the bytes of a LightGBM or XGBoost model within the file.

    Raises
    ------
    RefusedStateError
        It is no skops file, one made to harm its reader, or an object in it holds what it should not.
    """
    with open_archive(file) as archive:
        schema = Schema(archive)
        unknown = _unknown(schema) - trusted
        if not unknown:
            judge = _Judge(archive, trusted, check_booster)
            for value, place in schema.values:
                judge.check(value, place)
        return unknown


def _unknown(schema: Schema) -> frozenset[str]:
    return frozenset().union(*(find_unknown(value) for value, _ in schema.values))


class _Judge:
    def __init__(self, archive: Archive, trusted: frozenset[str], check_booster: CheckBooster) -> None:
        self._archive = archive
        self._trusted = trusted
        self._check_booster = check_booster

    def check(self, value: Value, place: Place) -> None:
        if not isinstance(value, Instance | Named) and is_made_of_state(value.name):
            # skops would call the class with what the node holds, which a name that is trusted must not allow.
            raise RefusedStateError(f"is to be made by calling {value.name}, which is only made of its state", place)
        match value:
            case Array() if value.name != "numpy.ndarray":
                # The type is called with the array: numpy.void(10**12) would be as many bytes.
                if value.shape != () or value.dtype.kind == "V":
                    raise RefusedStateError("is a number that is none", place, self._name(value))
            case Entries():
                self._entries(value, place)
            case Items() if value.name in NAMED_TUPLES and len(value.items) != NAMED_TUPLES[value.name]:
                raise RefusedStateError(f"is no {value.name} of {NAMED_TUPLES[value.name]} parts", place)
            case Named():
                self._named(value, place)
            case Parts():
                self._parts(value, place)
            case Instance():
                self._instance(value, place)

    def _name(self, value: Value) -> str | None:
        return None if value.name in self._trusted else value.name

    def _entries(self, value: Entries, place: Place) -> None:
        for kind, key in zip(value.key_types, value.entries, strict=True):
            if kind not in _KEYS and not (is_type(kind) and kind.startswith("numpy.") and kind[6:] not in _NO_KEYS):
                raise RefusedStateError(f"has a key that {quote(kind)} is to make", place)
            if len(key) > _LONGEST_KEY and kind != "builtins.str" and kind != "numpy.str_":
                raise RefusedStateError("has a key that is too long for a number", place)

    def _named(self, value: Named, place: Place) -> None:
        allowed = is_function(value.name) or is_type(value.name)
        if not allowed and value.name not in self._trusted:
            raise RefusedStateError(f"names {value.name}, which may be made and not called", place)
        if not allowed and value.name in _BOOSTERS:
            raise RefusedStateError(f"names {value.name}, which reads files when it is called", place)

    def _parts(self, value: Parts, place: Place) -> None:
        parts = value.parts
        if value.kind == "masked array":
            shapes = {getattr(part, "shape", None) for part in parts.values()}
            if len(shapes) != 1 or None in shapes:
                raise RefusedStateError("has a mask of another shape than its values", place)
        elif value.kind == "dtype":
            if not hasattr(parts["content"], "shape"):
                raise RefusedStateError("has a dtype of what is no array", place)
        elif value.kind in ("random state", "random generator"):
            check_random_state(value, place)

    def _instance(self, value: Instance, place: Place) -> None:
        if value.loader == "LossNode":
            self._loss(value, place)
        elif value.loader == "ConstructorFromReduceNode":
            self._constructor(value, place)
        elif value.loader == "TreeNode":
            self._tree(value, place)
        elif value.name == TREE:
            raise RefusedStateError("is a tree without its parts", place)
        elif find_unknown(value):
            return  # trusted by name
        elif value.name.startswith(_LISTED_STATES):
            if not isinstance(value.state, Items) or value.state.name != "builtins.tuple":
                raise RefusedStateError("has no state of its kind", place)
        elif value.name in _BOOSTERS:
            self._attributes(value, place)
            self._booster(value, place)
        else:
            self._attributes(value, place)

    def _attributes(self, value: Instance, place: Place) -> None:
        kind = find_class(value.name)
        if kind is None:
            raise RefusedStateError(
                f"is a {value.name}, which the installed version of its package does not have", place
            )
        empty = value.state is None or (isinstance(value.state, Data) and value.state.value is None)
        attributes = value.attributes
        if attributes is None:
            if not empty:
                raise RefusedStateError("has a state that is no dict", place)
            return
        if not isinstance(value.state, Entries) or set(value.state.key_types) - {"builtins.str"}:
            raise RefusedStateError("has an attribute whose name is not text", place)
        known = list_attributes(kind)
        further = _further(attributes) if kind.__module__.startswith(("lightgbm.", "xgboost.")) else frozenset()
        for name, held in attributes.items():
            at = place.attribute(name)
            if is_of_class(kind, name):
                raise RefusedStateError(f"replaces the method or property {name!r} of {value.name}", at)
            if value.name in self._trusted:
                continue
            if name not in known and name not in further:
                raise RefusedStateError(
                    f"is an attribute {quote(name)} that {value.name} does not have in the installed version",
                    at,
                    value.name,
                )
            fault = find_fault(kind, name, held)
            if fault:
                raise RefusedStateError(fault, at, value.name)

    def _booster(self, value: Instance, place: Place) -> None:
        library, names = _BOOSTERS[value.name]
        attributes = value.attributes or {}
        for name in names:
            held = attributes.get(name)
            if library == "xgboost" and isinstance(held, Bytes) and held.mutable:
                self._check_booster(library, held.content, place.attribute(name))
                return
            text = held.value if library == "lightgbm" and isinstance(held, Data) else None
            if isinstance(text, str) and "\0" not in text:
                self._check_booster(library, text.encode("utf-8", "surrogatepass"), place.attribute(name))
                return
        raise RefusedStateError("is a booster without a model of its own", place)

    def _loss(self, value: Instance, place: Place) -> None:
        arguments = value.arguments
        numbers = isinstance(arguments, Items) and all(
            isinstance(each, Data) and isinstance(each.value, int | float) for each in arguments.items
        )
        state = value.state
        held = state.items if isinstance(state, Items) else state.entries if isinstance(state, Entries) else [state]
        if find_unknown(value) or not numbers or held:
            raise RefusedStateError("is a loss of other arguments than numbers", place)

    def _constructor(self, value: Instance, place: Place) -> None:
        if value.name == "builtins.frozenset":
            arguments = value.arguments
            if isinstance(arguments, Items) and len(arguments.items) == 1 and isinstance(arguments.items[0], Items):
                return
            raise RefusedStateError("is a frozenset of what is no list", place)
        if is_made_of_state(value.name):
            raise RefusedStateError(
                f"is to be made by calling {value.name} with arguments of the file's, and {value.name} is only made "
                "of its state",
                place,
            )

    def _tree(self, value: Instance, place: Place) -> None:
        """What the constructor of a tree allocates and reads without a look at its sizes."""
        arguments = value.arguments.items if isinstance(value.arguments, Items) else []
        columns, classes, outputs = [*arguments, *(Value(),) * 3][:3]
        state = value.attributes or {}
        nodes, values = state.get("nodes"), state.get("values")
        if (
            value.name != TREE
            or len(arguments) != 3
            or not isinstance(classes, Array)
            or not _is_count(columns)
            or not _is_count(outputs)
            or not isinstance(nodes, Array)
            or not isinstance(values, Array)
            or not all(_is_count(state.get(name)) for name in ("max_depth", "node_count"))
        ):
            raise RefusedStateError("is a tree without its parts", place)
        numbers = read_array(self._archive.read(classes.member, place), place)
        outputs_count = outputs.value if isinstance(outputs, Data) else 0
        if numbers.dtype.kind not in "iu" or numbers.shape != (outputs_count,) or not numbers.size:
            raise RefusedStateError("is a tree that does not have as many outputs as it says", place)
        if not ((numbers > 0) & (numbers <= _LONGEST_CLASSES)).all():
            raise RefusedStateError("is a tree of an impossible number of classes", place)
        shape = (math.prod(nodes.shape), outputs_count, int(numbers.max()))
        if len(nodes.shape) != 1 or values.shape != shape or values.dtype.str not in ("<f8", "=f8", "|f8", ">f8"):
            raise RefusedStateError("is a tree whose values do not belong to its nodes", place)


_NO_KEYS = {"object_", "number", "integer", "floating", "datetime64", "timedelta64"}
_LONGEST_KEY = 400


def _is_count(value: object) -> bool:
    return isinstance(value, Data) and type(value.value) is int and 0 <= value.value < 2**31


def _further(attributes: Mapping[str, Value]) -> frozenset[str]:
    """Names of further parameters of LightGBM's and XGBoost's estimators, which are attributes too."""
    names: set[str] = set()
    for name in ("_other_params", "kwargs"):
        held = attributes.get(name)
        if isinstance(held, Entries):
            names.update(held.entries)
    return frozenset(names)
