"""Every kind of signature goes through the whole graph: from a reader to predictions."""

import json

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import Array, Map, Object, Property
from sklearn.datasets import load_digits

ALLOWED = {"allow_pickle": True}


class Brightness(mlflow.pyfunc.PythonModel):
    """Mean of each image's upper half minus its lower half: wrong as soon as an axis is mixed up."""

    def predict(self, context, model_input, params=None):
        return model_input[:, :4, :].mean(axis=(1, 2)) - model_input[:, 4:, :].mean(axis=(1, 2))


class TwoTensors(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["image"].sum(axis=(1, 2)) * model_input["weight"]


class CountWords(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return pd.DataFrame(
            {
                "words": [sum(len(m["content"].split()) for m in row) for row in model_input["messages"]],
                "last_role": [row[-1]["role"] for row in model_input["messages"]],
            }
        )


class Scaled(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["x"] * params["factor"] + sum(params["offsets"])


class Columns(mlflow.pyfunc.PythonModel):
    """Says which Python and numpy types arrive: the contract promises them."""

    def predict(self, context, model_input, params=None):
        return [
            json.dumps(
                {
                    name: str(model_input[name].dtype) if name in model_input else "absent"
                    for name in ("flag", "small", "count", "ratio", "name", "raw", "when", "tags", "extra")
                }
            )
        ] * len(model_input)


@pytest.fixture(scope="module")
def digits():
    return load_digits().images[:60]


def tensor(dtype: str, shape: tuple[int, ...], name: str | None = None) -> Schema:
    return Schema([TensorSpec(np.dtype(dtype), shape, name)])


def expected_brightness(images):
    return images[:, :4, :].mean(axis=(1, 2)) - images[:, 4:, :].mean(axis=(1, 2))


@pytest.mark.parametrize("form", ["fixed shape", "list of lists", "scalar columns"])
def test_unnamed_tensor(form, digits, registry, run, tmp_path):
    flat = form == "scalar columns"
    signature = ModelSignature(inputs=tensor("float64", (-1, 64) if flat else (-1, 8, 8)))
    model = Flat() if flat else Brightness()
    registry.add_pyfunc(model, signature=signature)
    key = pa.array([f"d{n}" for n in range(60)])
    if form == "fixed shape":
        images = pa.FixedShapeTensorArray.from_numpy_ndarray(digits)
        table = pa.table({"digit": key, "image": images})
    elif form == "list of lists":
        table = pa.table({"digit": key, "image": pa.array(digits.tolist())})
    else:
        table = pa.table({"digit": key, **{f"p{n}": digits.reshape(60, 64)[:, n] for n in range(64)}})
    pq.write_table(table, tmp_path / "in.parquet")
    done = run({"path": "in.parquet", "row_key": ["digit"]}, job="inference", trust=ALLOWED)
    assert done.success
    predictions = done.table("predictions")
    assert predictions["digit"].tolist() == key.to_pylist()
    np.testing.assert_allclose(predictions["prediction"], expected_brightness(digits), rtol=1e-12)


class Flat(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        values = np.asarray(model_input).reshape(-1, 8, 8)
        return values[:, :4, :].mean(axis=(1, 2)) - values[:, 4:, :].mean(axis=(1, 2))


def test_named_tensors(digits, registry, run, tmp_path):
    inputs = Schema(
        [TensorSpec(np.dtype("float64"), (-1, 8, 8), "image"), TensorSpec(np.dtype("float64"), (-1,), "weight")]
    )
    registry.add_pyfunc(TwoTensors(), signature=ModelSignature(inputs=inputs))
    weights = np.linspace(0, 1, 60)
    # The columns stand in another order than the signature's: names count.
    table = pa.table({"weight": weights, "image": pa.array(digits.tolist()), "digit": list(range(60))})
    pq.write_table(table, tmp_path / "in.parquet")
    done = run({"path": "in.parquet", "row_key": ["digit"]}, job="inference", trust=ALLOWED)
    assert done.success
    np.testing.assert_allclose(done.table("predictions")["prediction"], digits.sum(axis=(1, 2)) * weights)


def test_an_image_of_the_wrong_shape_is_rejected_alone(digits, registry, run, tmp_path):
    registry.add_pyfunc(Brightness(), signature=ModelSignature(inputs=tensor("float64", (-1, 8, 8))))
    images = [*digits[:3].tolist(), digits[3][:7].tolist()]
    pq.write_table(pa.table({"digit": [0, 1, 2, 3], "image": images}), tmp_path / "in.parquet")
    done = run(
        {"path": "in.parquet", "row_key": ["digit"]}, job="inference", trust=ALLOWED, contract={"max_rejected": 1}
    )
    assert done.success
    assert done.table("predictions")["digit"].tolist() == [0, 1, 2]
    rejected = done.table("rejected_samples")
    assert rejected["digit"].tolist() == [3]
    assert [reason["code"] for reason in rejected["reasons"][0]] == ["shape_mismatch"]


def test_json_objects_from_json_lines(registry, run, tmp_path):
    message = Object([Property("role", "string"), Property("content", "string")])
    signature = ModelSignature(
        inputs=Schema([ColSpec(Array(message), "messages")]),
        outputs=Schema([ColSpec("long", "words"), ColSpec("string", "last_role")]),
    )
    registry.add_pyfunc(CountWords(), signature=signature)
    chats = [
        {"chat": "a", "messages": [{"role": "user", "content": "how are you"}]},
        {"chat": "b", "messages": [{"role": "user", "content": "hi"}, {"role": "bot", "content": "hello there"}]},
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(chat) + "\n" for chat in chats))
    done = run({"path": "in.jsonl", "row_key": ["chat"]}, job="inference", trust=ALLOWED)
    assert done.success
    predictions = done.table("predictions")
    assert predictions[["chat", "words", "last_role"]].values.tolist() == [["a", 3, "user"], ["b", 3, "bot"]]
    assert done.checks["predictions", "within_output_signature"].passed


def test_params_from_run_config(registry, run):
    params = ParamSchema([ParamSpec("factor", "double", 1.0), ParamSpec("offsets", "long", [0], shape=(-1,))])
    signature = ModelSignature(inputs=Schema([ColSpec("double", "x")]), params=params)
    registry.add_pyfunc(Scaled(), signature=signature)
    frame = pd.DataFrame({"x": [1.0, 2.0]})

    def predicted(chosen):
        config = {"m__predictions": {"config": {"params": chosen}}}
        return run(frame, job="inference", trust=ALLOWED, config=config)

    assert predicted({}).table("predictions")["prediction"].tolist() == [1.0, 2.0]
    done = predicted({"factor": 10, "offsets": [1, 2]})
    assert done.table("predictions")["prediction"].tolist() == [13.0, 23.0]
    wrong = predicted({"fcator": 10})
    assert "did you mean 'factor'" in wrong.error()
    assert "factor: double, offsets: list of long" in wrong.error()
    assert "The value of param 'factor' is a str and not a double" in predicted({"factor": "ten"}).error()


def test_every_column_type(registry, run, tmp_path):
    inputs = Schema(
        [
            ColSpec("boolean", "flag"),
            ColSpec("integer", "small"),
            ColSpec("long", "count"),
            ColSpec("double", "ratio"),
            ColSpec("string", "name"),
            ColSpec("binary", "raw"),
            ColSpec("datetime", "when"),
            ColSpec(Array("double"), "tags"),
            ColSpec(Map("string"), "attributes"),
            ColSpec("double", "extra", required=False),
        ]
    )
    registry.add_pyfunc(Columns(), signature=ModelSignature(inputs=inputs))
    table = pa.table(
        {
            "id": [1, 2],
            "flag": [True, False],
            "small": pa.array([1, 2], pa.int16()),
            "count": pa.array([1, 2], pa.uint32()),
            "ratio": pa.array([1, 2], pa.int64()),
            "name": pa.array(["a", "b"]).dictionary_encode(),
            "raw": pa.array([b"a", b"b"]),
            "when": pa.array([0, 1], pa.timestamp("ms", "Europe/Oslo")),
            "tags": pa.array([[1.0], []], pa.list_(pa.float32())),
            "attributes": pa.array([[("k", "v")], []], pa.map_(pa.string(), pa.string())),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    done = run({"path": "in.parquet", "row_key": ["id"]}, job="inference", trust=ALLOWED)
    assert done.success
    seen = json.loads(done.table("predictions")["prediction"][0])
    assert seen == {
        "flag": "bool",
        "small": "int32",
        "count": "int64",
        "ratio": "float64",
        "name": "object",
        "raw": "object",
        "when": "datetime64[ns]",
        "tags": "object",
        "extra": "float64",
    }
