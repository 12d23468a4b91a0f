"""What the modules of LightGBM's, XGBoost's and CatBoost's cases share."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_assets.trees.arrays import Space
from mlops_assets.trees.read import read_ensemble
from mlops_assets.trees.read_catboost_categories import read_catboost_codes
from mlops_assets_tests.zoo.case import Case, Fitted
from mlops_assets_tests.zoo.data import ROWS, numbers, target
from mlops_assets_tests.zoo.games import Game, ensemble_game

Floats = NDArray[np.float64]

REGRESSION = "boosting: regression, ranking"
BINARY = "boosting: two classes, cross entropy"
MULTICLASS = "boosting: several classes"
ONE_AGAINST_ALL = "boosting: one class against all, several labels"
MARGIN = "boosting whose prediction is no known function of its sum"
LINEAR = "linear boosting (`gblinear`)"
LINEAR_LEAVES = "boosting with linear leaves (`linear_tree`)"
CATEGORIES = "boosting on the categories of a DataFrame"
TEXTS = "boosting on categories and texts"


def case(
    library: str,
    fit: Callable[..., Fitted],
    name: str,
    family: str,
    space: Space,
    model: Callable[..., Any],
    kind: str,
    options: Mapping[str, Any] | None = None,
    *,
    explainer: str = "TreeExplainer",
    quick: bool = False,
    tolerance: float | None = None,
    **more: Any,
) -> Case:
    """A case that is explained exactly; `fit` takes the model, the kind of target, the options and `more`."""
    return Case(
        f"{library} {name}",
        library,
        family,
        partial(fit, model, kind, options or {}, **more),
        explainer=explainer,
        space=space,
        quick=quick,
        tolerance=tolerance,
    )


def categories(*kinds: str, missing: bool = False, seed: int = 0) -> pd.DataFrame:
    """Two columns of doubles, `a` and `b`, and a column of pandas categories of each kind.

    `text`, `whole`, `float`, `bool`, `ordered` (text), `many` (40 texts).
    """
    random = np.random.default_rng(seed)
    known: Mapping[str, Any] = {
        "text": ["Bergen", "Oslo", "Tromso", "nan"],
        "whole": [10, 3, 7],
        "float": [0.5, 2.5, -1.0],
        "bool": [True, False],
        "ordered": ["low", "middle", "high"],
        "many": [f"code {number:02}" for number in range(40)],
    }
    frame = numbers(columns=2, seed=seed)
    for kind in kinds:
        values = known[kind]
        codes = random.integers(0, len(values), ROWS)
        if missing and kind != "bool":
            codes[random.random(ROWS) < 0.1] = -1
        listed = values if kind == "ordered" else sorted(values)
        frame[kind] = pd.Categorical.from_codes(codes, categories=pd.Index(listed), ordered=kind == "ordered")
    return frame


def target_of(rows: pd.DataFrame, kind: str) -> NDArray[Any]:
    """A `target` that the categories move as well."""
    coded = [rows.iloc[:, place].cat.codes * (place - 1.0) for place in range(2, rows.shape[1])]
    numeric = pd.DataFrame({"a": rows.iloc[:, 0], "b": rows.iloc[:, 1], "sum": np.sum(coded, axis=0)})
    return target(numeric, kind)


def codes_of(rows: pd.DataFrame) -> Floats:
    """The codes of the categories beside the numbers; NaN where missing."""
    columns = []
    for name, dtype in rows.dtypes.items():
        column = rows[name]
        if isinstance(dtype, pd.CategoricalDtype):
            columns.append(np.where(column.cat.codes < 0, np.nan, column.cat.codes.astype(float)))
        else:
            columns.append(column.to_numpy(np.float64, na_value=np.nan))
    return np.column_stack(columns)


def game_of(model: Any) -> Callable[[pd.DataFrame], Game]:
    """The path-dependent game of a model's trees, on the codes of categories."""

    def game(rows: pd.DataFrame) -> Game:
        ensemble = read_ensemble(model)
        assert ensemble is not None
        codes = read_catboost_codes(model) if type(model).__module__.startswith("catboost") else None
        coded = codes_of(rows) if codes is None else codes.encode(rows).to_numpy(np.float64)
        return ensemble_game(ensemble.to_log_odds(), coded)

    return game


def game_where_read(model: Any) -> Callable[[pd.DataFrame], Game] | None:
    """`game_of`; None where the model's trees are not read."""
    return None if read_ensemble(model) is None else game_of(model)


def split_contributions(answer: Any, rows: int, columns: int, scale: float = 1.0) -> tuple[Floats, Floats]:
    """(n, columns, outputs) and (n, outputs), from a library's (n, [outputs,] columns + 1)."""
    parts = scale * np.asarray(answer, np.float64).reshape(rows, -1, columns + 1)
    return parts[:, :, :-1].transpose(0, 2, 1), parts[:, :, -1]
