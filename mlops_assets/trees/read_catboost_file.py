"""From the checked arrays of a CatBoost model file to an ensemble whose leaves are as the file has them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Ints, Words
from mlops_assets.trees.builder import TreeBuilder, name_boosted_outputs
from mlops_assets.trees.ensemble import MISSING_LEFT, TreeEnsemble
from mlops_assets.trees.errors import UnreadableTreesError
from mlops_assets.trees.files.catboost_cbm import CatboostModel
from mlops_assets.trees.read_catboost import space_of_loss

_MOST_NODES = 2**23
_AS_LARGEST = 2


@dataclass(frozen=True, eq=False)
class MoreSplits:
    """The splits of a model that are not of numbers.

    Attributes
    ----------
    column, decision, threshold
        (splits,): as in `TreeEnsemble`; the threshold of a categorical split is the place of its set in `sets`.
    n_features
        How many columns there are.
    sets
        Of categories, as bits.
    """

    column: Ints
    decision: Ints
    threshold: Floats
    n_features: int
    sets: tuple[Words, ...] = ()


def to_ensemble(model: CatboostModel, more: MoreSplits | None = None) -> TreeEnsemble:
    """The trees in the order in which CatBoost adds them; neither the scale nor the bias is applied.

    Symmetric trees are written out, a split for each node: CatBoost's first split, the lowest bit of a leaf's number,
    is the bottom level.

    Raises
    ------
    UnreadableTreesError
        The model splits by categories and `more` is None, it has no trees, or too many nodes.
    """
    features = model.features
    if more is None and (features.one_hot or features.statistics):
        raise UnreadableTreesError("It splits by categories", where="CatBoost")
    if not len(model.sizes):
        raise UnreadableTreesError("It has no trees", where="CatBoost")
    symmetric = not len(model.steps)
    if (int((2 ** (model.sizes + 1)).sum()) if symmetric else 2 * len(model.steps)) > _MOST_NODES:
        raise UnreadableTreesError(f"It has more than {_MOST_NODES:,} nodes", where="CatBoost")
    sizes = [len(borders) for borders in features.borders]
    column = np.repeat(features.columns, sizes)
    # CatBoost goes right where x > border, with a missing value taken for the smallest or the largest number.
    decision = np.repeat(np.where(features.missing == _AS_LARGEST, 0, MISSING_LEFT), sizes)
    border = np.concatenate([*features.borders, np.zeros(0, np.float32)]).astype(np.float64)
    columns = int(features.columns.max(initial=-1)) + 1
    if more is not None:
        column = np.concatenate([column, more.column])
        decision = np.concatenate([decision, more.decision])
        border = np.concatenate([border, more.threshold])
        columns = more.n_features
    answers = model.leaf_values.reshape(-1, model.outputs)
    weights = model.leaf_weights if len(model.leaf_weights) else np.zeros(len(answers))
    builder, start, leaf = TreeBuilder(), 0, 0
    for words in more.sets if more is not None else ():
        builder.add_category_set(words)
    for size in model.sizes.tolist():
        splits = model.splits[start : start + size]
        if symmetric:
            left, right, split = _write_out(splits)
            numbers = np.arange(leaf, leaf + 2**size)
            leaf += 2**size
        else:
            at = slice(start, start + size)
            left, right, split, numbers = _join(model.steps[at], splits, model.leaf_of_node[at] // model.outputs)
        start += size
        inner = len(split)
        cover = np.concatenate([np.zeros(inner), weights[numbers]])
        for node in range(inner - 1, -1, -1):
            cover[node] = cover[left[node]] + cover[right[node]]
        none = np.full(len(numbers), -1)
        builder.add_tree(
            left=np.concatenate([left, none]),
            right=np.concatenate([right, none]),
            feature=np.concatenate([column[split], none]),
            threshold=np.concatenate([border[split], none]),
            decision=np.concatenate([decision[split], none]),
            cover=cover,
            value=np.concatenate([np.zeros((inner, model.outputs)), answers[numbers]]),
        )
    return builder.build(
        offset=0.0,
        outputs=range(model.outputs),
        space="identity",
        n_features=columns,
        float32_inputs=True,
    )


def to_margin(model: CatboostModel, more: MoreSplits | None = None) -> TreeEnsemble:
    """The trees as `read_catboost_categories.read_catboost_model` reads them from a fitted model."""
    ensemble = to_ensemble(model, more)
    outputs = name_boosted_outputs(read_classes(model), model.outputs)
    return replace(
        ensemble,
        value=ensemble.value * model.scale,
        offset=model.bias.copy(),
        outputs=tuple(map(str, outputs)),
        space=space_of_loss(read_loss(model)),
    )


def read_loss(model: CatboostModel) -> str:
    """The name of the loss that the model was trained with; empty where the file does not say it."""
    loss = _read_info(model, "params").get("loss_function")
    return str(loss.get("type", "")) if isinstance(loss, dict) else ""


def read_classes(model: CatboostModel) -> Sequence[object] | None:
    """The labels of a classifier's outputs; None of any other."""
    names = _read_info(model, "class_params").get("class_names")
    return names if isinstance(names, list) and names else None


def _read_info(model: CatboostModel, name: str) -> dict[str, object]:
    try:
        found = json.loads(model.info.get(name, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def scale_and_shift(model: CatboostModel, sums: Floats) -> None:
    """From the trees' sums (n, outputs) to CatBoost's raw values, in place."""
    if model.scale != 1.0 or model.bias.any():
        sums *= model.scale
        sums += model.bias


def _write_out(splits: Ints) -> tuple[Ints, Ints, Ints]:
    """A symmetric tree, level by level: node i has children 2 i + 1 and 2 i + 2; behind the splits are the leaves."""
    levels = splits[::-1]
    inner = np.arange(2 ** len(levels) - 1)
    return 2 * inner + 1, 2 * inner + 2, np.repeat(levels, 2 ** np.arange(len(levels)))


def _join(steps: npt.NDArray[np.void], splits: Ints, leaf_of_node: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """A tree of any shape: its splits come first, then a leaf for each side on which a row stays where it is."""
    far = [steps[side].astype(np.int64) for side in ("left", "right")]
    inner = np.flatnonzero((far[0] > 0) | (far[1] > 0))
    place = np.cumsum((far[0] > 0) | (far[1] > 0)) - 1
    leaves: list[int] = []
    children = []
    for side in far:
        below = np.empty(len(inner), np.int64)
        for number, node in enumerate(inner.tolist()):
            child = node + int(side[node])
            if child != node and (far[0][child] or far[1][child]):
                below[number] = place[child]
            else:
                below[number] = len(inner) + len(leaves)
                leaves.append(int(leaf_of_node[child]))
        children.append(below)
    if not len(inner):
        leaves.append(int(leaf_of_node[0]))
    return children[0], children[1], splits[inner], np.array(leaves, np.int64)
