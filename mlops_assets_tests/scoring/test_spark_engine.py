"""The graph on a real Spark cluster: the same tables as on this machine, also when a worker is lost."""

import os
import threading
import time
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.ensemble import GradientBoostingRegressor

from mlops_assets_tests.scoring.spark_cluster import APPLICATION, Cluster

# One cluster serves them all: pytest-xdist gives them to one of its processes.
pytestmark = [pytest.mark.xdist_group("spark"), pytest.mark.slow]

TABLES = ("input_samples", "rejected_samples", "predictions", "sample_explanations", "model_explanations")
ROWS = 600


def settings_of(cluster: Cluster, kind: str) -> dict[str, Any]:
    """An engine on the cluster; the workers' cache is their own."""
    if kind == "remote":
        return {"KIND": "SparkEngine", "remote": cluster.remote, "in_flight_mib": 1}
    conf = APPLICATION | {"spark.executorEnv.MLOPS_ASSETS_HOME": str(cluster.folder / "home")}
    return {"KIND": "SparkEngine", "master": cluster.master, "conf": conf, "in_flight_mib": 1}


@pytest.fixture
def frame() -> pd.DataFrame:
    """Rows with a key of their own; five of them break the contract."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(ROWS, 4)), columns=["a", "b", "c", "d"])
    frame.insert(0, "customer", [f"c{number:05}" for number in range(ROWS)])
    frame.loc[[3, 77, 78, 300, 599], "b"] = np.nan
    return frame


@pytest.fixture
def trees(registry, frame):
    good = frame.dropna().drop(columns="customer")
    model = GradientBoostingRegressor(n_estimators=20, random_state=0)
    model.fit(good, good["a"] * good["b"] + good["c"])
    registry.add_sklearn(model, good)


class Slow(mlflow.pyfunc.PythonModel):
    """Leaves a file for each time it is loaded and for each batch, named by the process."""

    def __init__(self, folder: str, seconds: float) -> None:
        self.folder, self.seconds = folder, seconds

    def load_context(self, context) -> None:
        (Path(self.folder) / f"load-{os.getpid()}-{time.monotonic_ns()}").touch()

    def predict(self, context, model_input, params=None):
        time.sleep(self.seconds)
        (Path(self.folder) / f"batch-{os.getpid()}-{time.monotonic_ns()}").touch()
        return model_input["a"].to_numpy() * 2 + model_input["b"].to_numpy()


def slow_model(registry, frame: pd.DataFrame, folder: Path, seconds: float) -> None:
    folder.mkdir()
    inputs = frame.dropna().drop(columns="customer")
    registry.add_pyfunc(
        Slow(str(folder), seconds), signature=infer_signature(inputs, pd.DataFrame({"prediction": inputs["a"]}))
    )


def processes(seen: Path, what: str) -> list[str]:
    """The other processes that loaded the model (once per time), or predicted with it (once per batch)."""
    told = [path.name.split("-")[1] for path in seen.glob(f"{what}-*")]
    return [process for process in told if process != str(os.getpid())]


def files(tables: Path) -> dict[str, bytes]:
    return {name: (tables / f"{name}.parquet").read_bytes() for name in TABLES if (tables / f"{name}.parquet").exists()}


COMMON: dict[str, Any] = {
    "row_key": ["customer"],
    "contract": {"max_rejected": 5},
    "predict": {"batch_rows": 32},
    "explain": {"batch_rows": 32},
    "resume": {"enabled": False},
}


@pytest.mark.parametrize("kind", ["master", "remote"])
def test_every_table_is_the_one_of_the_local_engine_byte_for_byte(cluster, trees, frame, run, kind):
    here = run(frame, **COMMON)
    assert here.success
    expected = files(here.tables)

    there = run(frame, engine=settings_of(cluster, kind), **COMMON)
    assert there.success
    assert set(expected) == set(TABLES)
    assert files(there.tables) == expected
    assert len(there.table("predictions")) == ROWS - 5
    assert len(there.table("rejected_samples")) == 5
    assert there.metadata("predictions")["rows_computed"] == ROWS - 5
    for name in ("predictions", "sample_explanations"):
        assert there.metadata(name)["workers"] == 2


def test_the_model_is_loaded_once_per_worker_process(cluster, registry, frame, run, tmp_path):
    slow_model(registry, frame, tmp_path / "seen", 0.01)
    done = run(frame, job="inference", trust={"allow_pickle": True}, engine=settings_of(cluster, "master"), **COMMON)
    assert done.success
    loaded, batches = processes(tmp_path / "seen", "load"), processes(tmp_path / "seen", "batch")
    assert len(loaded) == len(set(loaded)) == done.metadata("predictions")["workers"] == 2
    assert set(batches) == set(loaded)
    assert len(batches) == done.metadata("predictions")["chunks_computed"] > 2 * len(loaded)


@pytest.mark.parametrize("kind", ["master", "remote"])
def test_a_worker_that_is_killed_changes_nothing(cluster, registry, frame, run, tmp_path, kind):
    seen = tmp_path / "seen"
    slow_model(registry, frame, seen, 0.1)
    settings = {"job": "inference", "trust": {"allow_pickle": True}, **COMMON}
    here = run(frame, **settings)
    assert here.success
    expected = files(here.tables)

    def kill() -> None:
        while len(processes(seen, "batch")) < 5:
            time.sleep(0.02)
        cluster.kill_worker()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        there = run(frame, engine=settings_of(cluster, kind), **settings)
    finally:
        killer.join()
        cluster.start_worker()
        cluster.wait_for_workers()
    assert there.success
    assert files(there.tables) == expected
    # Both had begun.
    assert len(set(processes(seen, "batch"))) > 1
