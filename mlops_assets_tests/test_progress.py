"""Progress of a real run: lines in its log, observations of its assets; costly explanations have the same bytes."""

import time

import dagster as dg
import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.neural_network import MLPRegressor

import mlops_assets
from mlops_assets.engines import pieces
from mlops_assets.explain.explainers.permutation import PermutationExplainer
from mlops_assets.progress import report
from mlops_assets.scoring import score_table


def wide(count: int, columns: int = 8) -> pd.DataFrame:
    rows = pd.DataFrame(np.random.default_rng(3).normal(size=(count, columns))).add_prefix("x")
    return rows.assign(id=range(count))


class Slow(mlflow.pyfunc.PythonModel):
    """Costly where it is asked about few rows: five thousandths of a second for each; else a hundredth for a call."""

    def predict(self, context, model_input, params=None):
        time.sleep(0.005 * len(model_input) if len(model_input) < 30 else 0.01)
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
    monkeypatch.setattr(pieces, "PIECE_SECONDS", 0.05)
    monkeypatch.setattr(score_table, "PIECE_SECONDS", 0.0001)
    monkeypatch.setattr("mlops_assets.engines.speed.OBSERVED_SECONDS", 0.03)
    # The model waits, for so short a time that what a call costs the processor beside it would be taken for its work.
    monkeypatch.setattr("mlops_assets.engines.speed._WAITING", 1.0)
    done = run(
        wide(400),
        row_key=["id"],
        trust={"allow_pickle": True},
        explain={"background_rows": 4},
        engine={"KIND": "LocalEngine", "workers": 1},
    )
    assert done.success
    lines = lines_of(instance, done)
    predicting = [line for line in lines if line.startswith("predicting: ")]
    # Without that a chunk is all 400 rows.
    assert done.metadata("predictions")["work"]["chunks_computed"] > 40
    rows = wide(400)
    assert done.table("predictions")["x0"].to_numpy() == pytest.approx(rows.x0 + 2 * rows.x1, abs=1e-12)
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
def test_costly_explanations_have_the_same_bytes_however_they_are_cut_and_by_whomever(registry, monkeypatch):
    """By a model of matrices, whose answer about a row has other bits beside other rows."""
    rows = wide(60)
    features = rows.drop(columns="id")
    model = MLPRegressor(hidden_layer_sizes=(64,), max_iter=20, random_state=1).fit(features, features.x0 * features.x1)
    registry.add_sklearn(model, features)

    def explained(workers):
        table = mlops_assets.explain(
            "m",
            rows,
            row_key="id",
            explainer="PermutationExplainer",
            background_rows=5,
            allow_pickle=True,
            tracking_uri=registry.uri,
            workers=workers,
        )
        return b"".join(batch.serialize().to_pybytes() for batch in table.combine_chunks().to_batches())

    whole = explained(1)
    monkeypatch.setattr(pieces, "PIECE_SECONDS", 1e-9)
    # Enough is known at once, so that every row is a piece.
    monkeypatch.setattr("mlops_assets.engines.speed.OBSERVED_SECONDS", 0.0)
    monkeypatch.setattr("mlops_assets.engines.speed._TELLING", 0.0)
    explain, calls = PermutationExplainer.explain, []

    def count(self, inputs):
        calls.append(len(inputs))
        return explain(self, inputs)

    monkeypatch.setattr(PermutationExplainer, "explain", count)
    assert explained(1) == whole
    assert sum(calls) == 60 < len(calls) + 10
    calls.clear()
    assert explained(2) == whole
    assert sum(calls) < 60
