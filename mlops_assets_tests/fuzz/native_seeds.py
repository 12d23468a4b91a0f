"""Small models whose files are mutated: each kind of part that a format has is in one of them."""

import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

ROWS, COLUMNS = 200, 4


def _numbers() -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.float64]]]:
    random = np.random.default_rng(0)
    rows = random.normal(size=(ROWS, COLUMNS))
    rows[:, 3] = random.integers(0, 6, ROWS)
    target = rows[:, 0] - rows[:, 1] ** 2 + np.isin(rows[:, 3], (1, 4)) * 2
    rows[:, :3][random.random((ROWS, 3)) < 0.05] = np.nan
    return rows, target


@cache
def rows_to_ask() -> np.ndarray[Any, np.dtype[np.float64]]:
    """Rows that go both ways at most splits, missing and odd values among them."""
    random = np.random.default_rng(1)
    rows = random.normal(scale=2, size=(12, COLUMNS))
    rows[:, 3] = [0, 1, 2, 3, 4, 5, 6, -1, np.nan, 40, 1.5, 0]
    rows[8:10, :3] = np.nan
    rows[10, :3] = 0
    rows[11, :3] = [1e30, -1e30, 1e-36]
    rows.flags.writeable = False
    return rows


@cache
def lightgbm_seeds() -> tuple[bytes, ...]:
    """Text models: binary, multiclass, categories, linear leaves, random forest, pandas' categories."""
    import lightgbm as lgb

    rows, target = _numbers()
    few: dict[str, Any] = {
        **{"n_estimators": 2, "num_leaves": 5, "min_child_samples": 5, "verbose": -1, "n_jobs": 1, "cat_smooth": 1},
        **{"min_data_per_group": 5, "max_cat_to_onehot": 1},
    }
    frame = pd.DataFrame(rows, columns=list("abcd")).assign(d=lambda given: given["d"].astype("category"))
    models = [
        lgb.LGBMClassifier(**few).fit(rows, target > 0),
        lgb.LGBMClassifier(**{**few, "n_estimators": 1}).fit(rows, np.digitize(target, [-1, 0.5])),
        lgb.LGBMRegressor(**few).fit(rows, target, categorical_feature=[3]),
        lgb.LGBMRegressor(**few).fit(frame, target),
        lgb.LGBMRegressor(**few, linear_tree=True).fit(np.nan_to_num(rows), target),
        lgb.LGBMRegressor(**few, boosting_type="rf", subsample=0.7, subsample_freq=1, zero_as_missing=True).fit(
            rows, target
        ),
    ]
    return tuple(model.booster_.model_to_string().encode() for model in models)


def _xgboost_models() -> list[Any]:
    import xgboost as xgb

    rows, target = _numbers()
    few: dict[str, Any] = {"n_estimators": 2, "max_depth": 2, "n_jobs": 1}
    several = np.stack([target, -target], axis=1)
    frame = pd.DataFrame(rows, columns=list("abcd")).assign(d=lambda given: given["d"].astype(int).astype("category"))
    return [
        xgb.XGBClassifier(**few).fit(rows, target > 0),
        xgb.XGBClassifier(**{**few, "n_estimators": 1}).fit(rows, np.digitize(target, [-1, 0.5])),
        xgb.XGBRegressor(**few, enable_categorical=True, max_cat_to_onehot=1).fit(frame, target),
        xgb.XGBRegressor(**few, multi_strategy="multi_output_tree").fit(rows, several),
        xgb.XGBRegressor(**few, booster="dart", rate_drop=0.5).fit(rows, target),
        xgb.XGBRegressor(**few, booster="gblinear").fit(np.nan_to_num(rows), target),
        xgb.XGBRegressor(**few, tree_method="exact", gamma=60).fit(rows, target),
    ]


@cache
def xgboost_seeds(extension: str) -> tuple[bytes, ...]:
    """The same models as ``json`` or ``ubj``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = _xgboost_models()
    files = tuple(bytes(model.get_booster().save_raw(extension)) for model in models)
    # What a pickled Booster holds: its configuration, and the model.
    states = [bytes(model.get_booster().__getstate__()["handle"]) for model in models[:3]] if extension == "ubj" else []
    return (*files, *states)


@cache
def catboost_seeds() -> tuple[bytes, ...]:
    """cbm: symmetric and other trees, several outputs, categories with and without statistics."""
    from catboost import CatBoostClassifier, CatBoostRegressor

    rows, target = _numbers()
    frame = pd.DataFrame(rows, columns=list("abcd")).assign(d=lambda given: given["d"].astype(int).astype(str))
    few: dict[str, Any] = {
        **{"iterations": 2, "depth": 2, "verbose": 0, "allow_writing_files": False, "thread_count": 1},
        "random_seed": 0,
    }
    models: list[Any] = [
        CatBoostClassifier(**few).fit(rows, target > 0),
        CatBoostClassifier(**few).fit(rows, np.digitize(target, [-1, 0.5])),
        CatBoostRegressor(**few, grow_policy="Lossguide", max_leaves=4).fit(rows, target),
        CatBoostRegressor(**few, grow_policy="Depthwise").fit(rows, target),
        CatBoostRegressor(**few, one_hot_max_size=10).fit(frame, target, cat_features=["d"]),
        CatBoostRegressor(**few, one_hot_max_size=1).fit(frame, target, cat_features=["d"]),
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.cbm"
        seeds = []
        for model in models:
            model.save_model(str(path))
            seeds.append(path.read_bytes())
    return tuple(seeds)


@cache
def onnx_seeds() -> tuple[bytes, ...]:
    """ONNX tree ensembles as CatBoost writes them: a regression, classes."""
    from catboost import CatBoostClassifier, CatBoostRegressor

    rows, target = _numbers()
    few: dict[str, Any] = {"iterations": 2, "depth": 2, "verbose": 0, "allow_writing_files": False, "thread_count": 1}
    models: list[Any] = [
        CatBoostRegressor(**few).fit(rows, target),
        CatBoostClassifier(**few).fit(rows, (target > 0).astype(int)),
        CatBoostClassifier(**few).fit(rows, np.digitize(target, [-1, 0.5])),
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        seeds = []
        for model in models:
            model.save_model(str(path), format="onnx")
            seeds.append(path.read_bytes())
    return tuple(seeds)


SEEDS: dict[str, Callable[[], tuple[bytes, ...]]] = {
    "lightgbm": lightgbm_seeds,
    "xgboost-json": lambda: xgboost_seeds("json"),
    "xgboost-ubjson": lambda: xgboost_seeds("ubj"),
    "catboost": catboost_seeds,
    "onnx": onnx_seeds,
}
"""Format -> its models."""
