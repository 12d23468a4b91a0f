"""Signers, outside Dagster and through the graph."""

import doctest

import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import mlops_assets.resources.signers
from mlops_assets.errors import ConfigurationError, SignatureError
from mlops_assets.resources.signers import ExampleSigner, InferSigner, ManualSigner, RecordedSigner

pytestmark = pytest.mark.slow


@pytest.fixture
def iris():
    features, target = load_iris(return_X_y=True, as_frame=True)
    features.columns = ["a", "b", "c", "d"]
    return features, LogisticRegression(max_iter=500).fit(features, target)


@pytest.fixture
def saved(iris, tmp_path):
    """Three model folders: signed, unsigned, and unsigned with an input example."""
    features, model = iris
    signature = ModelSignature(
        inputs=Schema([ColSpec("double", name) for name in features]), outputs=Schema([ColSpec("long", "kind")])
    )
    folders = {}
    for name, options in (
        ("signed", {"signature": signature}),
        ("unsigned", {}),
        ("example", {"input_example": features.head(3)}),
    ):
        folders[name] = tmp_path / name
        mlflow.sklearn.save_model(model, folders[name], pip_requirements=["scikit-learn"], **options)
    # MLflow signs whatever has an example; this is the model of somebody who removed that.
    description = mlflow.models.Model.load(str(folders["example"]))
    description.signature = None
    description.save(str(folders["example"] / "MLmodel"))
    return folders, signature


def test_the_docstring_examples_run():
    assert doctest.testmod(mlops_assets.resources.signers).failed == 0


def test_recorded_signer_gives_what_the_model_carries(saved):
    folders, signature = saved
    assert RecordedSigner(folder=str(folders["signed"])).sign(None) == signature
    with pytest.raises(SignatureError, match="no signature"):
        RecordedSigner(folder=str(folders["unsigned"])).sign(None)
    with pytest.raises(ConfigurationError, match="folder"):
        RecordedSigner().sign(None)


def test_example_signer_reads_the_stored_example(saved):
    folders, _ = saved
    signature = ExampleSigner(folder=str(folders["example"])).sign(None, outputs=np.array([0, 1, 2]))
    assert signature.inputs.input_names() == ["a", "b", "c", "d"]
    assert [str(spec.type) for spec in signature.outputs.inputs] == ["DataType.long"]
    with pytest.raises(SignatureError, match="no input example"):
        ExampleSigner(folder=str(folders["unsigned"])).sign(None)


def test_manual_signer_takes_precedence_over_a_recorded_signature(saved, tmp_path):
    folders, _ = saved
    file = tmp_path / "signature.yaml"
    file.write_text("inputs: {a: double, b: {type: double, required: false}}\n")
    signer = ManualSigner(path=str(file))
    assert [spec.required for spec in signer.sign(None).inputs.inputs] == [True, False]
    assert signer.sign_version(folders["signed"], None).signature == signer.sign(None)
    with pytest.raises(ConfigurationError, match="no such file"):
        ManualSigner(path="gone.yaml").sign(None)
    with pytest.raises(ConfigurationError, match="exactly one"):
        ManualSigner().sign(None)


def test_infer_signer_keeps_a_recorded_signature(saved):
    folders, signature = saved
    assert InferSigner().sign_version(folders["signed"], None).signature == signature


@pytest.mark.parametrize(
    ("signer", "origin"),
    [
        ({"KIND": "InferSigner"}, "made by InferSigner from a sample of the inputs"),
        ({"KIND": "ExampleSigner"}, "made by ExampleSigner from the stored input example"),
        (
            {"KIND": "ManualSigner", "signature": {"inputs": dict.fromkeys("abcd", "double")}},
            "written by hand: ManualSigner",
        ),
    ],
)
def test_each_signer_signs_an_unsigned_model_in_the_graph(signer, origin, saved, iris, registry, run):
    registry.add(saved[0]["example"])
    done = run(iris[0], job="inference", signer=signer)
    assert done.success
    assert done.metadata("model_signature")["origin"] == origin
    assert done.table("predictions").iloc[:, 1].tolist() == iris[1].predict(iris[0]).tolist()


def test_recorded_signer_refuses_an_unsigned_model_in_the_graph(saved, iris, registry, run):
    registry.add(saved[0]["unsigned"])
    done = run(iris[0], job="inference", signer={"KIND": "RecordedSigner"})
    assert not done.success
    assert "sign job" in done.error()


def test_nullable_integers_become_optional_longs():
    frame = pd.DataFrame({"n": pd.array([1, None], dtype="Int64")})
    (spec,) = InferSigner().sign(frame).inputs.inputs
    assert (str(spec.type), spec.required) == ("DataType.long", False)
