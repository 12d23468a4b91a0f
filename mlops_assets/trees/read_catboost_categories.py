"""Read CatBoost models whose splits of categories are each of one column."""

from dataclasses import replace
from typing import Any

from mlops_assets.trees.builder import name_boosted_outputs, unreadable
from mlops_assets.trees.catboost_codes import CatboostCodes
from mlops_assets.trees.ensemble import TreeEnsemble
from mlops_assets.trees.files.catboost_cbm import read_catboost_cbm
from mlops_assets.trees.files.errors import NativeFileError
from mlops_assets.trees.read_catboost import catboost_space, read_catboost
from mlops_assets.trees.read_catboost_file import to_margin


def read_catboost_model(model: Any) -> TreeEnsemble | None:
    """A CatBoost model; None where it has texts, embeddings, or statistics of several columns together.

    Columns of categories are expected as the codes of `read_catboost_codes`.
    """
    codes = read_catboost_codes(model)
    if codes is None:
        return read_catboost(model)
    if not len(codes.model.leaf_weights):
        raise unreadable(model, "its leaves have no weights", "Save it with CatBoost's own save_model (cbm)")
    margin = to_margin(codes.model, codes.splits())
    labels = list(model.classes_) if len(model.classes_) else None
    outputs = name_boosted_outputs(labels, codes.model.outputs)
    return replace(margin, outputs=tuple(map(str, outputs)), space=catboost_space(model))


def read_catboost_codes(model: Any) -> CatboostCodes | None:
    """The codes of a fitted model's categories; None where it has none, or splits that ask for several columns."""
    if not model.is_fitted() or not model.get_cat_feature_indices():
        return None
    if model.get_text_feature_indices() or model.get_embedding_feature_indices():
        return None
    try:
        file = read_catboost_cbm(model._serialize_model())  # noqa: SLF001 - what its pickle holds
    except NativeFileError:
        return None
    codes = CatboostCodes(file, len(model.feature_names_))
    return codes if codes.applies else None
