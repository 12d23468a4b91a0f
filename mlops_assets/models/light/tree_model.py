"""A pinned version made of trees, read from its files alone: what its rows are explained with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlops_assets.errors import TrustError
from mlops_assets.models.column_names import fitted_names, match_names
from mlops_assets.models.flavors import find_code_execution
from mlops_assets.models.light.errors import NotLightError
from mlops_assets.models.light.skops_trees import read_plain_trees
from mlops_assets.models.mlmodel import PYFUNC, ModelDescription
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.skops.refusal import RefusedStateError
from mlops_assets.models.structure import check_structure
from mlops_assets.models.trust import TrustPolicy
from mlops_assets.trees.ensemble import TreeEnsemble
from mlops_assets.trees.errors import UnreadableTreesError
from mlops_assets.trees.read import read_ensemble

_METHODS = ("predict", "predict_proba", "predict_log_proba")
_NUMBERS = ("double", "float", "integer", "long", "boolean")


@dataclass(frozen=True)
class TreeModel:
    """Trees, and the columns and outputs that the model's signature gives names to.

    Attributes
    ----------
    reference
        The pinned version.
    ensemble
        On the scale on which it is explained.
    features
        The signature's input columns, in its order: numbers.
    places
        Which of `features` each column of the ensemble is.
    outputs
        Names of the explained outputs.
    explained
        Which outputs of the ensemble these are.
    """

    reference: ModelReference
    ensemble: TreeEnsemble
    features: tuple[str, ...]
    places: tuple[int, ...]
    outputs: tuple[str, ...]
    explained: slice


def read_tree_model(folder: Path, reference: ModelReference, trust: TrustPolicy) -> TreeModel:
    """The model in a folder whose digest is that of `reference`.

    Parameters
    ----------
    trust
        Judges origin, digest, signature and flavor of the version. Nothing of the files is deserialized.

    Raises
    ------
    NotLightError
        It is another model than scikit-learn's trees in a skops file with columns of numbers, or they lead out of their
        arrays.
    TrustError
        The policy refuses it.
    """
    trust.check_signed(folder, reference.uri)
    description = ModelDescription.read(folder)
    trust.check_readable(description, reference)
    if find_code_execution(description) or description.loader_module != "mlflow.sklearn":
        raise NotLightError("it is no model of scikit-learn's in a skops file")
    if description.predict_fn not in _METHODS:
        raise NotLightError(f"it predicts by its {description.predict_fn}")
    try:
        estimator = read_plain_trees(folder / _skops_file(description))
        check_structure(estimator, reference.uri)
        ensemble = read_ensemble(estimator)
    except (
        RefusedStateError,
        TrustError,
        UnreadableTreesError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        # Trees that lead out of their arrays too: the usual way refuses them by itself.
        raise NotLightError(f"its trees are not read here ({type(error).__name__})") from error
    if ensemble is None:
        raise NotLightError("it is not made of trees")
    features, outputs = _signed_columns(description)
    return _with_names(reference, estimator, ensemble.to_log_odds(), features, outputs)


def _skops_file(description: ModelDescription) -> str:
    file = description.flavors.get(PYFUNC, {}).get("model_path")
    named = description.flavors.get("sklearn", {}).get("pickled_model")
    if not isinstance(file, str) or not file.endswith(".skops") or named not in (None, file):
        raise NotLightError("its flavors name no skops file, or two")
    return file


def _signed_columns(description: ModelDescription) -> tuple[tuple[str, ...], str]:
    """Input columns, all of them numbers, and the name of the one output."""
    signature = description.content.get("signature")
    if not isinstance(signature, Mapping) or signature.get("params"):
        raise NotLightError("it has no signature, or one with parameters")
    inputs, outputs = (_columns(signature.get(side)) for side in ("inputs", "outputs"))
    names = tuple(name for column in inputs if isinstance(name := column.get("name"), str))
    if not names or len(set(names)) < len(inputs):
        raise NotLightError("its columns have no names")
    if not all(column.get("type") in _NUMBERS for column in inputs):
        raise NotLightError("its columns are not all numbers")
    if len(outputs) > 1:
        raise NotLightError("it has several outputs")
    own = outputs[0].get("name") if outputs else None
    return names, own if isinstance(own, str) and own else "prediction"


def _columns(text: object) -> list[Mapping[str, Any]]:
    columns = json.loads(text) if isinstance(text, str) else []
    if not isinstance(columns, list) or not all(isinstance(column, Mapping) for column in columns):
        raise NotLightError("its signature is no list of columns")
    return columns


def _with_names(
    reference: ModelReference, estimator: Any, ensemble: TreeEnsemble, features: tuple[str, ...], output: str
) -> TreeModel:
    fitted = fitted_names(estimator)
    places = list(range(len(features))) if fitted is None else match_names(fitted, features)
    if places is None or sorted(places) != list(range(ensemble.n_features)):
        raise NotLightError("it was fitted on other columns than those of its signature")
    classes = getattr(estimator, "classes_", None)
    width = len(ensemble.outputs)
    if classes is None:
        if width != 1:
            raise NotLightError("it has several outputs")
        return TreeModel(reference, ensemble, features, tuple(places), (output,), slice(0, 1))
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or len(classes) < 2:
        raise NotLightError("it has several outputs, or one class")
    named = tuple(str(label) for label in classes.tolist())
    outputs, explained = (named[1:], slice(width - 1, width)) if len(named) == 2 else (named, slice(0, width))
    if ensemble.outputs[explained] != outputs:
        raise NotLightError("its trees have other outputs than classes")
    return TreeModel(reference, ensemble, features, tuple(places), outputs, explained)
