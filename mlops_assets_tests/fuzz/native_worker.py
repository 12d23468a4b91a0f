"""Loads each file that it is sent with the file's own library, and predicts: in a process that may die of it.

``python -m mlops_assets_tests.fuzz.native_worker FORMAT``: files in, what the library said and how long it took out.
"""

import os
import pickle
import sys
import time
from importlib import import_module
from typing import Any

import numpy as np

from mlops_assets.engines.worker import read_frame, write_frame
from mlops_assets_tests.fuzz.native_seeds import rows_to_ask


def ask_lightgbm(data: bytes, rows: Any) -> Any:
    """Raw scores; contributions and leaves are asked for as well."""
    import lightgbm as lgb

    booster = lgb.Booster(model_str=data.decode())
    rows = rows if booster.num_feature() == rows.shape[1] else np.zeros((2, booster.num_feature()))
    answers = np.asarray(booster.predict(rows, raw_score=True)).reshape(len(rows), -1)
    booster.predict(rows)
    booster.predict(rows, pred_leaf=True)
    if "is_linear=1" not in data.decode():
        booster.predict(rows, pred_contrib=True)
    return answers


def ask_xgboost(data: bytes, rows: Any) -> Any:
    """Margins; predictions, contributions and leaves are asked for as well."""
    import xgboost as xgb

    booster = xgb.Booster({"nthread": 1})
    if b"Config{" in data[:24]:
        booster.__setstate__({"handle": bytearray(data)})
    else:
        booster.load_model(bytearray(data))
    width = booster.num_features()
    given = rows if width == rows.shape[1] else np.zeros((2, min(width, 1000)))
    matrix = xgb.DMatrix(given, nthread=1)
    answers = booster.predict(matrix, output_margin=True, validate_features=False).reshape(len(given), -1)
    booster.predict(matrix, validate_features=False)
    try:
        booster.predict(matrix, pred_leaf=True, validate_features=False)
        booster.predict(matrix, pred_contribs=True, validate_features=False)
    except xgb.core.XGBoostError:
        # Not there for all kinds of models.
        pass
    return answers


def ask_catboost(data: bytes, rows: Any) -> Any:
    """Raw values; contributions are asked for as well."""
    from catboost import CatBoost, Pool

    model = CatBoost()
    model.load_model(blob=data)
    columns: list[Any] = [rows[:, at % rows.shape[1]] for at in range(len(model.feature_names_))]
    categorical = model.get_cat_feature_indices()
    table = [
        [
            str(int(value)) if at in categorical and value == value else str(value) if at in categorical else value
            for at, value in enumerate(row)
        ]
        for row in zip(*columns, strict=True)
    ]
    pool = Pool(table, cat_features=categorical)
    answers = np.asarray(model.predict(pool, prediction_type="RawFormulaVal", thread_count=1)).reshape(len(rows), -1)
    model.get_feature_importance(pool, type="ShapValues", thread_count=1)
    return answers


def ask_onnx(data: bytes, rows: Any) -> Any:
    """The graph's first output: of a regression, what it predicts; of classes, their labels."""
    onnxruntime = import_module("onnxruntime")

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    answers = session.run(None, {session.get_inputs()[0].name: rows.astype(np.float32)})
    return np.asarray(answers[0], np.float64).reshape(len(rows), -1)


ASK = {
    "lightgbm": ask_lightgbm,
    "xgboost-json": ask_xgboost,
    "xgboost-ubjson": ask_xgboost,
    "catboost": ask_catboost,
    "onnx": ask_onnx,
}


def main() -> None:
    """Answer until there is no more."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    ask, rows = ASK[sys.argv[1]], rows_to_ask()
    while (data := read_frame(sys.stdin.buffer)) is not None:
        start = time.process_time()
        try:
            reply: tuple[Any, str] = (ask(data, rows), "")
        except Exception as error:  # noqa: BLE001 - a library that says no is a good library
            reply = (None, f"{type(error).__name__}: {str(error)[:200]}")
        write_frame(replies, pickle.dumps((*reply, time.process_time() - start)))


if __name__ == "__main__":
    main()
