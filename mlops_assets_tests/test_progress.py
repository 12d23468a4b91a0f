"""Progress of a real run: lines in its log, observations of its assets; costly explanations have the same bytes."""

import time

import dagster as dg
import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.neural_network import MLPRegressor

from mlops_assets.engines import pieces
from mlops_assets.progress import report
from mlops_assets_tests.test_resume import bytes_of

RESULTS = ("predictions", "sample_explanations")


def wide(count: int, columns: int = 8) -> pd.DataFrame:
    rows = pd.DataFrame(np.random.default_rng(3).normal(size=(count, columns))).add_prefix("x")
    return rows.assign(id=range(count))


class Slow(mlflow.pyfunc.PythonModel):
    """A hundredth of a second for each call."""

    def predict(self, context, model_input, params=None):
        time.sleep(0.01)
        return model_input["x0"] + 2 * model_input["x1"]


@pytest.fixture
def slow(registry):
    rows = wide(100).drop(columns="id")
    registry.add_pyfunc(Slow(), signature=infer_signature(rows, rows["x0"]))
    return registry


def lines_of(instance, done):
    return [entry.user_message for entry in instance.all_logs(done.result.run_id) if not entry.is_dagster_event]


@pytest.mark.slow
def test_a_run_says_how_far_it_is_in_its_log_and_on_its_assets(run, slow, instance, monkeypatch):
    monkeypatch.setattr(report, "FIRST_SECONDS", 0.2)
    monkeypatch.setattr(pieces, "_LEAST_ANNOUNCED", 0.5)
    done = run(
        wide(400),
        row_key=["id"],
        trust={"allow_pickle": True},
        predict={"batch_rows": 4},
        explain={"background_rows": 4},
        engine={"KIND": "LocalEngine", "workers": 1},
    )
    assert done.success
    lines = lines_of(instance, done)
    predicting = [line for line in lines if line.startswith("predicting: ")]
    explaining = [line for line in lines if line.startswith("explaining: ")]
    assert "of 400 rows (" in predicting[0]
    assert " left" in predicting[1]
    assert predicting[-1].startswith("predicting: 400 of 400 rows in ")
    assert explaining[-1].startswith("explaining: 400 of 400 rows in ")
    assert 3 <= len(predicting) <= 40
    assert 3 <= len(explaining) <= 40
    (cost,) = (line for line in lines if line.startswith("Explaining takes about "))
    assert "rows x 112 predictions of the model" in cost
    assert lines.index(cost) < lines.index(explaining[-1])
    for asset, stage in (("predictions", predicting), ("sample_explanations", explaining)):
        records = instance.fetch_observations(dg.AssetKey(["m", asset]), limit=100).records
        observations = [record.asset_observation for record in reversed(records)]
        assert 1 <= len(observations) <= len(stage) // 3 + 1
        first = observations[0]
        assert first.description == stage[0] == first.metadata["progress"].value
        assert first.metadata["rows_done"].value < 400
        assert 0 <= first.metadata["percent_done"].value < 100
        # It is heard of while the asset is made.
        (made,) = instance.fetch_materializations(dg.AssetKey(["m", asset]), limit=1).records
        assert records[-1].storage_id < made.storage_id


@pytest.mark.slow
def test_costly_explanations_have_the_same_bytes_however_they_are_cut_and_by_whomever(run, registry, monkeypatch):
    """By a model of matrices, whose answer about a row has other bits beside other rows."""
    rows = wide(60)
    features = rows.drop(columns="id")
    model = MLPRegressor(hidden_layer_sizes=(64,), max_iter=20, random_state=1).fit(features, features.x0 * features.x1)
    registry.add_sklearn(model, features)

    def explained(**settings):
        done = run(
            rows,
            row_key=["id"],
            resume={"enabled": False},
            explain={"background_rows": 5, "KIND": "PermutationExplainer"},
            **settings,
        )
        assert done.success
        return bytes_of(done, *RESULTS), done.metadata("sample_explanations")["work"]

    here = {"engine": {"KIND": "LocalEngine", "workers": 1}}
    whole, work = explained(**here)
    monkeypatch.setattr(pieces, "PIECE_SECONDS", 1e-9)
    # Enough is known at once, so that every row is a piece.
    monkeypatch.setattr("mlops_assets.engines.speed.OBSERVED_SECONDS", 0.0)
    cut, work_of_cut = explained(**here)
    assert work_of_cut["chunks_computed"] > 50 > work["chunks_computed"]
    assert cut == whole
    beside, work = explained(engine={"KIND": "LocalEngine", "workers": 2})
    assert (work["workers"], work["rows_computed"]) == (2, 60)
    assert beside == whole
