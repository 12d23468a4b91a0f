"""Which types and functions this package describes, by the kind of node that may name them."""

import importlib
from functools import cache

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
from mlops_assets.models.trusted_types import TRUSTED_FUNCTIONS, TRUSTED_OBJECTS

TREE = "sklearn.tree._tree.Tree"
_DICTS = {"builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch"}
_ITEMS = {"list": {"builtins.list"}, "set": {"builtins.set"}, "tuple": {"builtins.tuple"}}
NAMED_TUPLES = {"sklearn.impute._iterative._ImputerTriplet": 3}
_NUMBERS = (
    *("bool", "bool_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("longlong", "ulonglong", "intc", "uintc", "float16", "float32", "float64", "longdouble", "float128"),
    *("complex64", "complex128", "str_", "bytes_", "datetime64", "timedelta64"),
)
# Numbers of NumPy as values, and types that are the dtype of an encoder or the type of a dict's keys.
SCALARS = frozenset(f"numpy.{name}" for name in _NUMBERS)
_TYPES = SCALARS | {
    *(
        f"builtins.{name}"
        for name in ("str", "int", "float", "bool", "NoneType", "list", "set", "tuple", "dict", "object")
    ),
    "collections.OrderedDict",
    *(f"numpy.{name}" for name in ("number", "integer", "floating", "object_")),
}
_SPARSE = frozenset(
    f"scipy.sparse._{kind}.{kind}_{form}" for kind in ("csr", "csc", "coo", "dia") for form in ("matrix", "array")
)
# Of NumPy, beside its ufuncs: what models of scikit-learn hold as a parameter.
_FUNCTIONS = TRUSTED_FUNCTIONS | {f"numpy.{name}" for name in ("mean", "median", "nan_to_num", "clip", "abs", "square")}
# What a search was scored with; all compute on arrays, and none calls what it is given.
_SCORES = frozenset(
    {
        f"sklearn.metrics._classification.{name}"
        for name in (
            *("accuracy_score", "balanced_accuracy_score", "brier_score_loss", "d2_brier_score", "d2_log_loss_score"),
            *("f1_score", "jaccard_score", "log_loss", "matthews_corrcoef", "precision_score", "recall_score"),
            *("cohen_kappa_score", "fbeta_score", "hamming_loss", "hinge_loss", "zero_one_loss"),
        )
    }
    | {
        f"sklearn.metrics._ranking.{name}"
        for name in ("average_precision_score", "ndcg_score", "roc_auc_score", "top_k_accuracy_score")
    }
    | {
        f"sklearn.metrics._regression.{name}"
        for name in (
            *("d2_absolute_error_score", "d2_pinball_score", "d2_tweedie_score", "explained_variance_score"),
            *("max_error", "mean_absolute_error", "mean_absolute_percentage_error", "mean_gamma_deviance"),
            *("mean_pinball_loss", "mean_poisson_deviance", "mean_squared_error", "mean_squared_log_error"),
            *("mean_tweedie_deviance", "median_absolute_error", "r2_score", "root_mean_squared_error"),
            "root_mean_squared_log_error",
        )
    }
)
LOSSES = frozenset(
    {
        f"sklearn._loss._loss.Cy{name}"
        for name in (
            *("AbsoluteError", "ExponentialLoss", "HalfBinomialLoss", "HalfGammaLoss", "HalfMultinomialLoss"),
            *("HalfPoissonLoss", "HalfSquaredError", "HalfTweedieLoss", "HalfTweedieLossIdentity", "HuberLoss"),
            "PinballLoss",
        )
    }
    | {
        f"sklearn.linear_model._sgd_fast.{name}"
        for name in (
            *("EpsilonInsensitive", "Hinge", "Huber", "Log", "ModifiedHuber", "SquaredEpsilonInsensitive"),
            *("SquaredHinge", "SquaredLoss"),
        )
    }
)
_PARTS = {
    "masked array": {"numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray"},
    "dtype": {"numpy.dtype"},
    "random state": {"numpy.random.mtrand.RandomState"},
    "random generator": {"numpy.random._generator.Generator"},
}


@cache
def list_objects() -> frozenset[str]:
    """Classes whose objects are described: scikit-learn's estimators, what they are made of, lightgbm's, xgboost's."""
    # Estimators that scikit-learn lists only where somebody has imported this before.
    from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
    from sklearn.utils import all_estimators

    names = {f"{kind.__module__}.{kind.__name__}" for _, kind in all_estimators()}
    return TRUSTED_OBJECTS | {name for name in names if name.startswith("sklearn.")}


@cache
def find_class(name: str) -> type | None:
    """The class of a described name in the installed version; None where it has none."""
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ModuleNotFoundError:
        return None
    return found if isinstance(found, type) else None


@cache
def is_function(name: str) -> bool:
    """Whether a function computes on arrays and does nothing else: one of a list, or a ufunc of NumPy or scipy."""
    if name in _FUNCTIONS or name in _SCORES:
        return True
    module, _, attribute = name.rpartition(".")
    if module not in ("numpy", "numpy._core._multiarray_umath", "numpy.core._multiarray_umath") and not (
        module.startswith("scipy.special.") or module == "scipy.special"
    ):
        return False
    import numpy as np
    import scipy.special

    return isinstance(getattr(np if module.startswith("numpy") else scipy.special, attribute, None), np.ufunc)


def find_unknown(value: Value) -> frozenset[str]:
    """Names in one value that its kind of node may not have, unless a deployment trusts them."""
    name = value.name
    if isinstance(value, Data | Slice):
        return frozenset()
    if isinstance(value, Parts) and value.kind not in _PARTS:
        owner = value.parts.get("obj")
        return frozenset({name, *([f"{owner.name}.{value.text}"] if owner else [])})
    return frozenset() if _is_known(value) else frozenset({name})


def _is_known(value: Value) -> bool:
    name = value.name
    match value:
        case Items():
            return name in _ITEMS[value.kind] or (value.kind == "tuple" and name in NAMED_TUPLES)
        case Entries():
            return name == "collections.defaultdict" if value.default is not None else name in _DICTS
        case Array():
            return name == "numpy.ndarray" or name in SCALARS
        case ObjectArray():
            return name == "numpy.ndarray"
        case Sparse():
            return name in _SPARSE or name in ("scipy.sparse._base.spmatrix", "scipy.sparse._matrix.spmatrix")
        case Bytes():
            return name == ("builtins.bytearray" if value.mutable else "builtins.bytes")
        case Named():
            # A class that is described is known here too, and refused later: to trust it by name would not help.
            return name in list_objects() or (is_function(name) or name in _TYPES)
        case Parts():
            return name in _PARTS[value.kind]
        case Instance():
            known = {"TreeNode": frozenset({TREE}), "LossNode": LOSSES}.get(value.loader, list_objects())
            return name in known or (value.loader == "ConstructorFromReduceNode" and name == "builtins.frozenset")
    return False


def is_made_of_state(name: str) -> bool:
    """Whether objects of this name are restored from a state, and their class is never called."""
    return name == TREE or name in list_objects()


def is_type(name: str) -> bool:
    """Whether a name is that of a type that a value may name."""
    return name in _TYPES
