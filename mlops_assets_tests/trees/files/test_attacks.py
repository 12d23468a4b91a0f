"""Files that lead out of their own parts are refused, with the place; each of these did harm in a library, or may."""

import json
import re

import pytest

from mlops_assets.trees.files.check import NativeFileError, UncheckableFileError, check_native_bytes
from mlops_assets_tests.fuzz.mutations import resize, write_ubjson
from mlops_assets_tests.fuzz.native_seeds import catboost_seeds, lightgbm_seeds, onnx_seeds, xgboost_seeds

BINARY, CLASSES, CATEGORIES, FRAME, LINEAR = range(5)
DEEP = 200_000


def line(key, value, model=BINARY):
    """The first line of this key becomes another."""
    return model, rf"(?m)^{key}=[^\n]*$", f"{key}={value}"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (line("split_feature", "0 1 0 4"), r"not between 0 and 3 \(tree 0, split_feature\)"),
        (line("split_feature", "0 1 0 -1"), "not between 0 and 3"),
        (line("split_feature", "0 1 0"), "3 numbers where 4 belong"),
        (line("left_child", "0 -1 -3 -2"), "two parents"),
        (line("left_child", "1 -1 -3 -9"), "not between -5 and 3"),
        (line("left_child", "2147483648 -1 -3 -2"), "not between"),
        (line("left_child", "- 1 -3 -2"), "something else among its whole numbers"),
        (line("threshold", "nan 0 0 0"), "no number"),
        (line("num_leaves", "1000000000"), "whole number from 1"),
        (line("num_leaves", "4"), "numbers where"),
        (line("decision_type", "3 2 2 2"), "splits by categories that it does not have"),
        (line("decision_type", "12 2 2 2"), "not between 0 and 11"),
        (line("max_feature_idx", "2147483646"), "4 names for 2147483647 columns"),
        (line("num_class", "2"), "2 classes, 1 trees"),
        (line("num_tree_per_iteration", "0"), "whole number from 1"),
        (line("objective", "multiclass num_class:1000"), "not for 1 classes"),
        (line("objective", ""), "no name with settings"),
        (line("feature_infos", "[1 [0:1] [0:1] [0:1]"), "no range or categories"),
        (line("tree_sizes", "99999999 1 1"), "another total size|not between"),
        (line("version", "v9"), "has the version 'v9'"),
        ((BINARY, r"(?m)^num_cat=0\n", ""), "lacks it"),
        ((BINARY, r"(?m)^num_cat=0\n", "num_cat=0\nnum_cat=0\n"), "'num_cat' twice"),
        ((BINARY, r"(?m)^num_cat=0\n", "num_cat=0\nx=0\n"), "LightGBM does not write there"),
        ((BINARY, r"\[boosting: gbdt\]", "[boosting"), "no parameter"),
        ((BINARY, r"\[boosting: gbdt\]", '[boosting: ", "x": "]'), "no parameter"),
        ((FRAME, r"pandas_categorical:.*", "pandas_categorical:" + "[" * DEEP), "nested more than 2 deep"),
        ((FRAME, r"pandas_categorical:.*", "pandas_categorical:{}"), "no lists"),
        ((BINARY, "Tree=1", "Tree=\0"), "zero byte"),
        (line("objective", "multiclass num_class:4", CLASSES), "not for 3 classes"),
        (line("cat_boundaries", "0 9", CATEGORIES), "numbers where"),
        (line("cat_threshold", "4294967296 0", CATEGORIES), "not between"),
        (line("num_cat", "0", CATEGORIES), "splits by categories that it does not have"),
        (line("num_features", "9 9 9 9 9", LINEAR), "not between 0 and 4"),
        (line("leaf_const", "1e-320 0 0 0 0", LINEAR), "infinite or too small"),
    ],
)
def test_lightgbm(change, what):
    model, pattern, replaced = change
    text = lightgbm_seeds()[model].decode()
    changed, count = re.subn(pattern, lambda _: replaced, text, count=1)
    assert count == 1
    data = changed.encode() if "tree_sizes" in pattern else resize(changed.encode())
    with pytest.raises(NativeFileError, match=what):
        check_native_bytes("lightgbm", data)


def set_in(*path):
    """A change of the value at a path; the last member of `path` is the value."""
    *keys, last, value = path

    def change(document):
        for key in keys:
            document = document[key]
        document[last] = value

    return change


MODEL = ("learner", "gradient_booster", "model")
TREE = (*MODEL, "trees", 0)
GIVEN = ("learner", "learner_model_param")
XGB_BINARY, XGB_CLASSES, XGB_CATEGORIES, XGB_VECTORS, XGB_DART, XGB_LINEAR, XGB_PRUNED = range(7)


@pytest.mark.slow  # six models are fitted
@pytest.mark.parametrize("form", ["json", "ubj"])
@pytest.mark.parametrize(
    ("model", "change", "what"),
    [
        (XGB_BINARY, set_in(*TREE, "left_children", 1, 99), "a child that is none of its nodes"),
        (XGB_BINARY, set_in(*TREE, "left_children", 1, 0), "two parents"),
        (XGB_BINARY, set_in(*TREE, "left_children", 1, 2), "two parents"),
        (XGB_BINARY, set_in(*TREE, "right_children", 6, 3), "a leaf with a child"),
        (XGB_BINARY, set_in(*TREE, "parents", 1, 5), "names another parent"),
        (XGB_BINARY, set_in(*TREE, "split_indices", 0, 4), "column 4 of 4"),
        (XGB_BINARY, set_in(*TREE, "split_indices", 0, -1), "a column that is none"),
        (XGB_BINARY, set_in(*TREE, "split_conditions", []), "0 numbers where 7 belong"),
        (XGB_BINARY, set_in(*TREE, "tree_param", "num_nodes", "2000000000"), "more nodes than bytes"),
        (XGB_BINARY, set_in(*TREE, "tree_param", "num_deleted", "1"), "not 1 of them are deleted"),
        (XGB_BINARY, set_in(*TREE, "tree_param", "size_leaf_vector", "3"), "numbers where 21 belong"),
        (XGB_BINARY, set_in(*TREE, "id", 1), "another number"),
        (XGB_BINARY, set_in(*TREE, "split_type", 0, 1), "categories of other nodes"),
        (XGB_BINARY, set_in(*TREE, "surprise", 1), "'surprise', which is not known here"),
        (XGB_BINARY, set_in(*MODEL, "tree_info", 0, 1), "other than its 1 outputs"),
        (XGB_BINARY, set_in(*MODEL, "iteration_indptr", [0, 9, 3]), "do not follow one another"),
        (XGB_BINARY, set_in(*MODEL, "gbtree_model_param", "num_trees", "4"), "'num_trees' from 2 to 2"),
        (XGB_BINARY, set_in(*MODEL, "gbtree_model_param", "num_parallel_tree", "0"), "'num_parallel_tree' from 1"),
        (XGB_BINARY, set_in(*GIVEN, "num_feature", "2147483647"), "'num_feature' from 0"),
        (XGB_BINARY, set_in(*GIVEN, "num_class", "2000000000"), "2000000000 outputs|other than its"),
        (XGB_BINARY, set_in(*GIVEN, "base_score", "[1,2]"), "2 base scores for 1 outputs"),
        (XGB_BINARY, set_in("learner", "gradient_booster", "name", "gbforest"), "a booster 'gbforest'"),
        (
            XGB_CLASSES,
            set_in("learner", "objective", "softmax_multiclass_param", "num_class", "0"),
            "not for 3 classes",
        ),
        (
            XGB_CLASSES,
            set_in("learner", "objective", "softmax_multiclass_param", "num_class", "9"),
            "not for 3 classes",
        ),
        (XGB_CATEGORIES, set_in(*TREE, "categories_sizes", 0, 1000), "categories that overlap|more or fewer"),
        (XGB_CATEGORIES, set_in(*TREE, "categories", 0, 2**30), "a category that is none"),
        (XGB_CATEGORIES, set_in(*MODEL, "cats", "sorted_idx", 0, 77), "an order that is none"),
        (XGB_VECTORS, set_in(*TREE, "right_children", 6, 99), "values are not there"),
        (XGB_DART, set_in("learner", "gradient_booster", "weight_drop", [1.5]), "1 weights for 2 trees"),
        (XGB_LINEAR, set_in(*MODEL, "weights", [1.5, 2.5]), "2 weights for 4 columns"),
        (XGB_PRUNED, set_in(*TREE, "parents", -1, 2147483647), "a parent that is none of its nodes"),
    ],
)
def test_xgboost(form, model, change, what):
    document = json.loads(xgboost_seeds("json")[model])
    change(document)
    data = json.dumps(document).encode() if form == "json" else write_ubjson(document)
    with pytest.raises(NativeFileError, match=what):
        check_native_bytes("xgboost", data)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b'{"learner":' + b"[" * DEEP, "nested more than 16 deep"),
        (b'{"a":' * DEEP, "nested more than 16 deep"),
        (b"{L\0\0\0\0\0\0\0\1a" * DEEP, "nested more than 16 deep"),
        (b"{L\0\0\0\0\0\0\0\1a[$d#L\x7f\0\0\0\0\0\0\0}", "more than the bytes behind it"),
        (b"{L\0\0\0\0\0\0\0\1a[#L\0\0\1\0\0\0\0\0}", "more than the bytes behind it"),
        (b"{L\x7f\xff\xff\xff\xff\xff\xff\xffa", "more than the bytes behind it"),
        (b'{"learner":1,"learner":2}', "'learner' twice"),
        (b'{"a":[' + b"{}," * 400_000 + b"{}]}", "more values than its size allows"),
        (b'{"a":[1,2,]}', "something else among its numbers"),
        (b'{"a":[9223372036854775807]}', "more than 62 bits"),
        (b'{"a":"\\x"}', "is not JSON"),
    ],
)
def test_documents(data, what):
    with pytest.raises(NativeFileError, match=what):
        check_native_bytes("xgboost", data)


def at(data, place, form):
    return data[:place] + form + data[place + len(form) :]


@pytest.mark.slow
def test_catboost_statistics_are_not_verified_by_catboost_itself():
    data = catboost_seeds()[5]
    start = 8 + int.from_bytes(data[4:8], "little")
    with pytest.raises(NativeFileError, match="points behind its end"):
        check_native_bytes("catboost", at(data, start + 8, b"\xf0\xff\xff\x7f"))
    free = b"\xff" * 8 + b"\0" * 4
    taken = b"\1" * 8 + b"\0" * 4
    with pytest.raises(NativeFileError, match="no free bucket"):
        check_native_bytes("catboost", data[:start] + data[start:].replace(free, taken))
    bucket = data.index(free, start) + 8
    hashed = data[: bucket - 8] + b"\1" * 8 + b"\xff\xff\xff\x7f" + data[bucket + 4 :]
    with pytest.raises(NativeFileError, match="a bucket without counts"):
        check_native_bytes("catboost", hashed)


@pytest.mark.slow
def test_catboost_texts_that_are_deep_are_refused():
    data = catboost_seeds()[0]
    name = b'{"detailed_profile'
    assert name in data
    deep = data.replace(name, b"[" * 40 + name[40:], 1)
    start = data.index(name)
    deep = data[:start] + b"[" * 60 + data[start + 60 :]
    with pytest.raises(NativeFileError, match="nested more than 32 deep"):
        check_native_bytes("catboost", deep)


@pytest.mark.slow
def test_onnx_columns_operators_and_branches():
    data = onnx_seeds()[0]
    with pytest.raises(UncheckableFileError, match="has the operator 'TreeEnsembleRegressoX'"):
        check_native_bytes("onnx", data.replace(b"TreeEnsembleRegressor", b"TreeEnsembleRegressoX"))
    with pytest.raises(NativeFileError, match="a kind of node that is unknown"):
        check_native_bytes("onnx", data.replace(b"BRANCH_GT", b"BRANCH_GX", 1))
    place = data.index(b"nodes_truenodeids") + len(b"nodes_truenodeids") + 1
    with pytest.raises(NativeFileError, match=r"names a node that is not there|two parents"):
        check_native_bytes("onnx", at(data, place, b"\x7f"))
    # The standard adds both values, a library takes one: what is checked would not be what is used.
    place = data.index(b"target_nodeids") + len(b"target_nodeids") + 1
    with pytest.raises(NativeFileError, match=r"two values of a leaf for one output"):
        check_native_bytes("onnx", at(data, place + 2, data[place : place + 1]))
