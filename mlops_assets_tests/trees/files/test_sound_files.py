"""What the libraries write is accepted, and the checked arrays predict what the library predicts."""

import numpy as np
import pytest

from mlops_assets.trees.files.check import UncheckableFileError, check_native_bytes
from mlops_assets_tests.fuzz.native_answers import answer_catboost, answer_lightgbm, answer_onnx, answer_xgboost
from mlops_assets_tests.fuzz.native_seeds import (
    catboost_seeds,
    lightgbm_seeds,
    onnx_seeds,
    rows_to_ask,
    xgboost_seeds,
)
from mlops_assets_tests.fuzz.native_worker import ask_catboost, ask_lightgbm, ask_xgboost

ROWS = rows_to_ask()


@pytest.mark.parametrize("number", range(6))
def test_lightgbm(number):
    data = lightgbm_seeds()[number]
    answers, _ = answer_lightgbm(check_native_bytes("lightgbm", data), ROWS)
    np.testing.assert_allclose(answers, ask_lightgbm(data, ROWS), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "ubj"])
def test_xgboost(form):
    for data in xgboost_seeds(form):
        answers, size = answer_xgboost(check_native_bytes("xgboost", data), ROWS)
        given = ask_xgboost(data, ROWS)
        # The rows hold 1e30, which 32 bits add to little else.
        assert (np.abs(answers - given) <= 3e-6 * size + 1e-9).all()


@pytest.mark.slow
def test_catboost():
    compared = 0
    for data in catboost_seeds():
        known = answer_catboost(check_native_bytes("catboost", data), ROWS)
        if known is not None:
            np.testing.assert_allclose(known[0], ask_catboost(data, ROWS), rtol=1e-12)
            compared += 1
    assert compared == 4


@pytest.mark.slow
def test_onnx_gives_what_the_same_model_gives_as_cbm():
    answers, _ = answer_onnx(check_native_bytes("onnx", onnx_seeds()[0]), ROWS)
    assert answers.shape == (len(ROWS), 1)
    model = check_native_bytes("onnx", onnx_seeds()[2])
    assert (model.columns, model.outputs, model.transform) == (4, 3, b"SOFTMAX")
    assert set(model.output.tolist()) == {0, 1, 2}


def test_a_lightgbm_file_without_sizes_of_trees_or_with_one_leaf_is_read():
    """As older versions wrote them."""
    data = lightgbm_seeds()[0]
    line = next(line for line in data.split(b"\n") if line.startswith(b"tree_sizes"))
    older = check_native_bytes("lightgbm", data.replace(line + b"\n", b"").replace(b"version=v4", b"version=v2"))
    np.testing.assert_array_equal(older.threshold, check_native_bytes("lightgbm", data).threshold)


@pytest.mark.parametrize(
    ("kind", "data", "what"),
    [
        ("xgboost", b"binf\0\0\0\0", "is neither JSON nor UBJSON"),
        ("xgboost", b"", "is neither JSON nor UBJSON"),
        ("lightgbm", b"", "does not begin as LightGBM's text models do"),
        ("catboost", b'{"oblivious_trees": []}', "does not begin as CatBoost's binary models do"),
        ("onnx", b"\x08\x07", "is no ONNX model with one graph"),
        ("paddle", b"", "is of 'paddle'"),
    ],
)
def test_other_formats_are_named_as_unknown(kind, data, what):
    with pytest.raises(UncheckableFileError, match=what):
        check_native_bytes(kind, data)
