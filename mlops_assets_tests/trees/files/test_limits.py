"""Reading costs little: processor time and memory follow the size of the file."""

import time
import tracemalloc

import numpy as np
import pytest

from mlops_assets.trees.files.check import NativeFileError, check_native_bytes
from mlops_assets.trees.files.onnx import _read_attribute
from mlops_assets_tests.fuzz.native_seeds import lightgbm_seeds


def measure(kind: str, data: bytes) -> tuple[float, float]:
    """Processor seconds, and the most memory as a multiple of the file."""
    start = time.process_time()
    check_native_bytes(kind, data)
    seconds = time.process_time() - start
    tracemalloc.start()
    check_native_bytes(kind, data)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return seconds, most / len(data)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lightgbm", "json", "ubj", "catboost", "onnx"])
def test_a_large_model_is_read_in_little_time_and_memory(kind, tmp_path):
    random = np.random.default_rng(0)
    rows = random.normal(size=(8000, 10))
    target = rows[:, 0] * rows[:, 1] + random.normal(size=8000)
    if kind == "lightgbm":
        import lightgbm as lgb

        model = lgb.LGBMRegressor(n_estimators=300, num_leaves=255, min_child_samples=5, verbose=-1, n_jobs=1)
        data = model.fit(rows, target).booster_.model_to_string().encode()
    elif kind in ("catboost", "onnx"):
        from catboost import CatBoostRegressor

        iterations, form = (300, "cbm") if kind == "catboost" else (60, "onnx")
        model = CatBoostRegressor(iterations=iterations, depth=8, verbose=0, allow_writing_files=False, thread_count=1)
        model.fit(rows, target).save_model(str(tmp_path / "model"), format=form)
        data = (tmp_path / "model").read_bytes()
    else:
        import xgboost as xgb

        model = xgb.XGBRegressor(n_estimators=300, max_depth=8, n_jobs=1).fit(rows, target)
        data = bytes(model.get_booster().save_raw(kind))
    assert len(data) > 1_000_000
    seconds, times = measure("xgboost" if kind in ("json", "ubj") else kind, data)
    # A third of a second on an idle processor of 2020.
    assert seconds < 3
    assert times < 4


def chain(leaves: int) -> bytes:
    """A LightGBM model of one tree, each of whose splits is below the one before."""
    splits = leaves - 1
    tree = {
        "num_leaves": leaves,
        "num_cat": 0,
        "split_feature": " ".join(["0"] * splits),
        "threshold": " ".join(["0"] * splits),
        "decision_type": " ".join(["2"] * splits),
        "left_child": " ".join(str(-1 - at) for at in range(splits)),
        "right_child": " ".join([*(str(at + 1) for at in range(splits - 1)), str(-leaves)]),
        "leaf_value": " ".join(["0"] * leaves),
        "leaf_count": " ".join(["1"] * leaves),
        "internal_count": " ".join(["1"] * splits),
    }
    text = "Tree=0\n" + "".join(f"{key}={value}\n" for key, value in tree.items()) + "\n\n"
    head = lightgbm_seeds()[0].decode().split("\ntree_sizes=")[0]
    return f"{head}\ntree_sizes={len(text)}\n\n{text}end of trees\n".encode()


def test_paths_have_an_end():
    """A library's stack, and memory that grows with the square of the depth, would be spent on them."""
    assert check_native_bytes("lightgbm", chain(1_000)).leaves.tolist() == [1_000]
    with pytest.raises(NativeFileError, match="a path of more than 2048 nodes"):
        check_native_bytes("lightgbm", chain(100_000))


def test_a_file_of_the_shortest_numbers_takes_no_more_than_four_times_its_size():
    data = chain(1_900)
    trees = data.decode()
    body = "Tree=0" + trees.split("Tree=0")[1].split("end of trees")[0]
    many = [body.replace("Tree=0", f"Tree={number}") for number in range(60)]
    head = trees.split("\ntree_sizes=")[0]
    sizes = " ".join(str(len(each)) for each in many)
    _, times = measure("lightgbm", f"{head}\ntree_sizes={sizes}\n\n{''.join(many)}end of trees\n".encode())
    assert times < 4


def field(number: int, wire: int, content: bytes) -> bytes:
    """A field of Protocol Buffers: its tag, and its content behind its length where it has one."""
    return bytes([number << 3 | wire]) + (bytes([len(content)]) if wire == 2 else b"") + content


@pytest.mark.parametrize(
    "repeated",
    [
        field(7, 5, bytes(4)) + field(8, 0, b"\1"),
        field(7, 2, bytes(4)),
        field(8, 2, b"\1"),
    ],
)
def test_numbers_of_onnx_in_many_pieces_are_not_collected(repeated):
    """Each piece was an array of its own, and a look at all of the attribute behind it: a minute for 200 KiB."""
    attribute = field(1, 2, b"nodes_values") + repeated * 10_000
    start = time.process_time()
    with pytest.raises(NativeFileError, match=r"has more than 64 .*node 0"):
        _read_attribute(attribute, 0, len(attribute), "node 0")
    assert time.process_time() - start < 1


def test_parts_of_an_onnx_graph_are_counted():
    node = b"\x0a\x0e" + field(1, 2, b"a") + field(2, 2, b"b") + field(4, 2, b"Cast") + field(1, 2, b"")
    graph = node * 1_000
    with pytest.raises(NativeFileError, match=r"has more than 64 .*the graph"):
        check_native_bytes("onnx", b"\x3a" + _varint(len(graph)) + graph)


def _varint(number: int) -> bytes:
    return bytes([number & 127 | 128]) + _varint(number >> 7) if number > 127 else bytes([number])
