"""Bad input ends with one clear message (what, where, what to do), a failed run, and the published tables untouched."""

import shutil
import sys

import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from mlops_assets.component import build_model_definitions


@pytest.fixture
def published(registry, run, tmp_path):
    """A first, good run; the fixture's value checks that nothing of it changed."""
    features, target = load_iris(return_X_y=True, as_frame=True)
    registry.add_sklearn(LogisticRegression(max_iter=500).fit(features, target), features)
    features.insert(0, "flower", [f"flower-{number}" for number in range(len(features))])
    good = tmp_path / "good.parquet"
    features.to_parquet(good, index=False)
    assert run({"path": "good.parquet", "row_key": ["flower"]}, job="inference").success
    before = {path.name: path.read_bytes() for path in (tmp_path / "tables").iterdir()}

    def unchanged(*but: str) -> None:
        now = {path.name: path.read_bytes() for path in (tmp_path / "tables").iterdir()}
        assert {name: now[name] for name in before if name not in but} == {
            name: before[name] for name in before if name not in but
        }

    return features, unchanged


def refused(done, *facts: str) -> None:
    assert not done.success
    message = done.error()
    for fact in facts:
        assert fact in message
    assert len(message.splitlines()) == 1


def test_missing_file(published, run):
    refused(run({"path": "gone.parquet"}, job="inference"), "TableError", "gone.parquet")
    published[1]()


def test_empty_file(published, run, tmp_path):
    (tmp_path / "empty.parquet").touch()
    refused(run({"path": "empty.parquet"}, job="inference"), "TableError", "empty.parquet", "empty")
    published[1]()


def test_wrong_format(published, run, tmp_path):
    (tmp_path / "text.parquet").write_text("flower,petal\n1,2\n")
    refused(run({"path": "text.parquet"}, job="inference"), "TableError", "text.parquet", "is not Parquet")
    published[1]()


def test_unknown_extension(published, run, tmp_path):
    (tmp_path / "data.xyz").write_text("1")
    refused(run({"path": "data.xyz"}, job="inference"), "data.xyz", "parquet, csv, jsonl")
    published[1]()


def test_missing_column(published, run, tmp_path):
    features, unchanged = published
    features.rename(columns={"petal width (cm)": "petal_width (cm)"}).to_parquet(tmp_path / "bad.parquet")
    refused(
        run({"path": "bad.parquet", "row_key": ["flower"]}, job="inference"),
        "ContractError",
        "petal width (cm)",
        "did you mean 'petal_width (cm)'",
    )
    unchanged()


def test_column_of_the_wrong_type(published, run, tmp_path):
    features, unchanged = published
    features.assign(**{"petal width (cm)": "wide"}).to_parquet(tmp_path / "bad.parquet")
    done = run({"path": "bad.parquet", "row_key": ["flower"]}, job="inference")
    refused(done, "ContractError", "petal width (cm)", "string", "double")
    assert "wide" not in done.error().replace("widen", "")
    unchanged()


def test_missing_row_key(published, run):
    refused(run({"path": "good.parquet", "row_key": ["flowers"]}, job="inference"), "flowers", "did you mean 'flower'")
    published[1]()


def test_duplicate_keys(published, run, tmp_path):
    features, unchanged = published
    pd.concat([features, features.head(2)]).to_parquet(tmp_path / "twice.parquet")
    refused(
        run({"path": "twice.parquet", "row_key": ["flower"]}, job="inference"), "TableError", "flower-0", "flower-1"
    )
    unchanged()


def test_rows_that_break_the_contract_are_kept_and_stop_the_run(published, run, tmp_path):
    features, unchanged = published
    broken = features.copy()
    broken.loc[[3, 9], "petal width (cm)"] = None
    broken.to_parquet(tmp_path / "broken.parquet")
    done = run({"path": "broken.parquet", "row_key": ["flower"]}, job="inference")
    refused(done, "ContractError", "2 of 150 rows", "flower-3", "flower-9", "missing_value", "max_rejected")
    unchanged("rejected_samples.parquet")
    rejected = done.table("rejected_samples")
    assert rejected["flower"].tolist() == ["flower-3", "flower-9"]
    assert rejected["reasons"].tolist()[0].tolist() == [{"column": "petal width (cm)", "code": "missing_value"}]


def test_rows_within_the_limit_are_rejected_and_the_rest_is_scored(published, run, tmp_path):
    broken = published[0].copy()
    broken.loc[[3, 9], "petal width (cm)"] = None
    broken.to_parquet(tmp_path / "broken.parquet")
    done = run({"path": "broken.parquet", "row_key": ["flower"]}, job="inference", contract={"max_rejected": 0.02})
    assert done.success
    assert len(done.table("predictions")) == 148
    told = done.metadata("input_samples")
    assert (told["rows_read"], told["rows_accepted"], told["rows_rejected"]) == (150, 148, 2)


def test_flavor_library_not_installed(published, registry, run, monkeypatch, tmp_path):
    xgboost = pytest.importorskip("xgboost")
    import mlflow.xgboost
    from mlflow.models import infer_signature

    features, unchanged = published
    numbers = features.drop(columns="flower")
    # Other objectives of XGBoost's are scored where it is not installed.
    booster = xgboost.train({"objective": "binary:hinge"}, xgboost.DMatrix(numbers, label=[0, 1] * 75), 2)
    saved = tmp_path / "booster"
    signature = infer_signature(numbers, pd.DataFrame({"prediction": booster.predict(xgboost.DMatrix(numbers))}))
    mlflow.xgboost.save_model(booster, saved, signature=signature, pip_requirements=["xgboost==3.1.0"])
    registry.add(saved)
    shutil.rmtree(saved)
    for name in [*sys.modules]:
        if name.partition(".")[0] == "xgboost":
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "mlflow.xgboost")
    done = run({"path": "good.parquet", "row_key": ["flower"]}, job="inference")
    assert not done.success
    assert 'pip install "xgboost==3.1.0"' in done.checks["champion_model", "loads"].description
    unchanged("champion_model.json", "model_signature.json")


def test_registry_that_does_not_answer(published, registry, run, monkeypatch):
    from mlops_assets.resources.registry import MlflowRegistry

    _, unchanged = published
    monkeypatch.setattr("mlops_assets.resources.retries.SECONDS_TO_WAIT", 0)
    registry.resource = MlflowRegistry(tracking_uri="http://127.0.0.1:9", timeout=2, retries=0)
    done = run({"path": "good.parquet", "row_key": ["flower"]}, job="inference")
    assert not done.success
    assert "does not answer" in done.error()
    assert "http://127.0.0.1:9" in done.error()
    assert "MLFLOW_TRACKING_URI" in done.error()
    unchanged()


def test_unknown_model_alias_and_version_are_told_apart(published, run):
    good = {"path": "good.parquet", "row_key": ["flower"]}
    assert "no registered model 'n'" in run(good, model="n", job="inference").error()
    assert "Champion -> 1" in run(good, job="inference", alias_or_version="Champoin").error()
    assert "version 7" in run(good, job="inference", alias_or_version=7).error()
    published[1]()


def test_a_pickled_model_is_refused_with_the_line_that_allows_it(published, registry, run):
    features, unchanged = published
    numbers = features.drop(columns="flower")
    model = LogisticRegression(max_iter=500).fit(numbers, [0, 1] * 75)
    registry.add_sklearn(model, numbers, serialization_format="cloudpickle", skops_trusted_types=None)
    good = {"path": "good.parquet", "row_key": ["flower"]}
    done = run(good, job="inference")
    assert not done.success
    assert "trust: {allow_pickle: true}" in done.checks["champion_model", "loads"].description
    unchanged("champion_model.json", "model_signature.json")
    assert run(good, job="inference", trust={"allow_pickle": True}).success


@pytest.mark.parametrize(
    ("settings", "facts"),
    [
        ({"modell": "m"}, ["modell"]),
        ({"outputs": {"path": "t", "fromat": "csv"}}, ["outputs.fromat"]),
        ({"outputs": {"path": "t", "format": "excel"}}, ["outputs.format", "'parquet', 'csv', 'delta' or 'sql'"]),
        ({"inputs": {}}, ["exactly one of `path`, `asset` and `database`"]),
        ({"inputs": {"path": "a", "limit": "many"}}, ["inputs.limit", "integer"]),
        ({"alias_or_version": "3"}, ["number 3 without quotes"]),
        ({"contract": {"max_rejected": 1.5}}, ["max_rejected"]),
        ({"signer": {"KIND": "InfreSigner"}}, ["InfreSigner", "did you mean 'InferSigner'"]),
        ({"loader": {"KIND": "os.path"}}, ["os.path"]),
        ({"loader": {"KIND": "pathlib.Path"}}, ["not a subclass", "Loader"]),
    ],
)
def test_a_wrong_setting_is_refused_at_load(settings, facts, tmp_path):
    good = {"inputs": {"path": "a.parquet"}, "outputs": {"path": "t"}}
    with pytest.raises(Exception) as caught:  # noqa: PT011 - pydantic's and our own errors, told apart by their facts
        build_model_definitions(model="m", root=tmp_path, **{**good, **settings})
    for fact in facts:
        assert fact in str(caught.value)
