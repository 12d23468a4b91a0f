"""The graph on a real Spark cluster: the same tables as on this machine, also when a worker is lost."""

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from mlflow.models import infer_signature
from sklearn.ensemble import GradientBoostingRegressor

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.engine import InputRows, Run
from mlops_assets.engines.spark.engine import SparkEngine
from mlops_assets.engines.work import Work
from mlops_assets.errors import ConfigurationError, DigestMismatchError, PredictionError, TrustError, WorkerError
from mlops_assets.models.load import load_custom
from mlops_assets.models.model_source import ModelSource
from mlops_assets.models.trust import TrustPolicy
from mlops_assets.scoring.predict import PredictWork
from mlops_assets.tables import part_size
from mlops_assets_tests.engines.engine_suite import WorkersSuite
from mlops_assets_tests.engines.spark_cluster import APPLICATION, Cluster
from mlops_assets_tests.engines.sums import Sums, sums_run
from mlops_assets_tests.waiting import LONGEST_SECONDS, wait_for

# One cluster serves them all: with --dist=loadscope pytest-xdist gives a module to one of its processes.
pytestmark = pytest.mark.slow

TABLES = ("input_samples", "rejected_samples", "predictions", "sample_explanations", "model_explanations")
ROWS = 300


def settings_of(cluster: Cluster, kind: str) -> dict[str, Any]:
    """An engine on the cluster; the workers' cache is their own."""
    settings = {"KIND": "SparkEngine", "in_flight_mib": 1, "start_seconds": LONGEST_SECONDS}
    if kind == "remote":
        return settings | {"remote": cluster.remote}
    conf = APPLICATION | {"spark.executorEnv.MLOPS_ASSETS_HOME": str(cluster.folder / "home")}
    return settings | {"master": cluster.master, "conf": conf}


@pytest.fixture
def frame() -> pd.DataFrame:
    """Rows with a key of their own; five of them break the contract."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(ROWS, 4)), columns=["a", "b", "c", "d"])
    frame.insert(0, "customer", [f"c{number:05}" for number in range(ROWS)])
    frame.loc[[3, 77, 78, 150, 299], "b"] = np.nan
    return frame


@pytest.fixture
def trees(registry, frame):
    good = frame.dropna().drop(columns="customer")
    model = GradientBoostingRegressor(n_estimators=20, random_state=0)
    model.fit(good, good["a"] * good["b"] + good["c"])
    registry.add_sklearn(model, good)


class Watched(mlflow.pyfunc.PythonModel):
    """Leaves a file for each time it is loaded and for each batch, named by the process.

    While there is a file ``hold``, batches of more than `held_above` rows wait until it is gone, except in the process
    that the file names.
    """

    def __init__(self, folder: str, held_above: int) -> None:
        self.folder, self.held_above = folder, held_above

    def load_context(self, context) -> None:
        self._note("load")

    def predict(self, context, model_input, params=None):
        if len(model_input) > self.held_above and self._is_held():
            self._note("held")
            wait_for(lambda: not self._is_held(), "the end of the hold")
        self._note("batch")
        return model_input["a"].to_numpy() * 2 + model_input["b"].to_numpy()

    def _is_held(self) -> bool:
        try:
            return (Path(self.folder) / "hold").read_text() != str(os.getpid())
        except FileNotFoundError:
            return False

    def _note(self, what: str) -> None:
        (Path(self.folder) / f"{what}-{os.getpid()}-{time.monotonic_ns()}").touch()


def watched_model(registry, frame: pd.DataFrame, folder: Path, held_above: int = 0) -> None:
    folder.mkdir()
    inputs = frame.dropna().drop(columns="customer")
    registry.add_pyfunc(
        Watched(str(folder), held_above), signature=infer_signature(inputs, pd.DataFrame({"prediction": inputs["a"]}))
    )


def processes(seen: Path, what: str) -> list[str]:
    """The other processes that loaded the model, were held, or predicted: one for each time."""
    pids = [path.name.split("-")[1] for path in seen.glob(f"{what}-*")]
    return [process for process in pids if process != str(os.getpid())]


@contextmanager
def killed_at_work(cluster: Cluster, seen: Path) -> Iterator[list[int]]:
    """Kill a worker while two processes are held in the middle of a batch, then let the batches go on.

    The list gets the number of batches that were done by then.
    """
    done: list[int] = []
    ended = threading.Event()
    # The process of the run predicts as well: a few rows, to see what the model gives.
    (seen / "hold").write_text(str(os.getpid()))

    def kill() -> None:
        wait_for(lambda: len(set(processes(seen, "held"))) >= 2 or ended.is_set(), "two processes at work")
        if not ended.is_set():
            done.append(len(processes(seen, "batch")))
            cluster.kill_worker()
        (seen / "hold").unlink()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield done
    finally:
        ended.set()
        killer.join()
        cluster.start_worker()
        cluster.wait_for_workers()


def files(tables: Path) -> dict[str, bytes]:
    return {name: (tables / f"{name}.parquet").read_bytes() for name in TABLES if (tables / f"{name}.parquet").exists()}


COMMON: dict[str, Any] = {
    "row_key": ["customer"],
    "contract": {"max_rejected": 5},
    "predict": {"batch_rows": 32},
    "explain": {"batch_rows": 32},
    "resume": {"enabled": False},
}


def test_every_table_is_the_one_of_the_local_engine_byte_for_byte(cluster, trees, frame, run):
    here = run(frame, **COMMON)
    assert here.success
    expected = files(here.tables)
    assert set(expected) == set(TABLES)
    assert len(here.table("predictions")) == len(here.table("sample_explanations")) == ROWS - 5
    assert len(here.table("rejected_samples")) == 5

    for kind in ("master", "remote"):
        there = run(frame, engine=settings_of(cluster, kind), **COMMON)
        assert there.success, kind
        assert files(there.tables) == expected, kind
        for name in ("predictions", "sample_explanations"):
            assert there.metadata(name)["work"]["rows_computed"] == ROWS - 5, kind
            assert there.metadata(name)["work"]["workers"] in (1, 2), kind


def test_tables_of_parts_are_read_and_written_by_the_workers(
    cluster, trees, registry, frame, run, tmp_path, monkeypatch
):
    folder, most = tmp_path / "parts", ROWS // 4
    folder.mkdir()
    for number in range(4):
        frame.iloc[number * most : (number + 1) * most].to_parquet(folder / f"{number}.parquet", index=False)
    monkeypatch.setattr(part_size, "PART_ROWS", most)
    inputs = {"path": str(folder), "format": "parquet", "row_key": ["customer"]}
    settings = {name: value for name, value in COMMON.items() if name != "row_key"}
    # The tables that people ask for are made of the parts of these.
    good = frame.dropna().drop(columns="customer")
    registry.add_sklearn(GradientBoostingRegressor(n_estimators=5, random_state=0).fit(good, good["a"]), good)
    settings |= {"explain": settings["explain"] | {"reasons": {}, "changes": {"against": 1}}, "monitor": {}}

    def published(done):
        tables = ("input_samples", "predictions", "sample_explanations", "reasons", "changes")
        return {
            f"{name}/{path.name}": path.read_bytes()
            for name in tables
            for path in sorted((done.tables / f"{name}.parquet").iterdir())
        }

    here = run(inputs, **settings)
    assert here.success is True
    expected = published(here)
    assert len(expected) == 5 * (4 + 1)
    whole = {name: (here.tables / f"{name}.parquet").read_bytes() for name in ("change_summary", "profile", "drift")}
    shutil.rmtree(here.tables)
    there = run(inputs, engine=settings_of(cluster, "master"), **settings)
    assert there.success is True
    assert published(there) == expected
    for name, content in whole.items():
        assert (there.tables / f"{name}.parquet").read_bytes() == content


def test_the_model_is_loaded_once_per_worker_process(cluster, registry, frame, run, tmp_path):
    watched_model(registry, frame, tmp_path / "seen")
    done = run(frame, job="inference", trust={"allow_pickle": True}, engine=settings_of(cluster, "master"), **COMMON)
    assert done.success
    loaded, batches = processes(tmp_path / "seen", "load"), processes(tmp_path / "seen", "batch")
    assert len(loaded) == len(set(loaded)) == done.metadata("predictions")["work"]["workers"]
    assert set(batches) == set(loaded)
    assert len(batches) == done.metadata("predictions")["work"]["chunks_computed"] > 2 * len(loaded)


def test_a_worker_that_is_killed_changes_nothing(cluster, registry, frame, run, tmp_path):
    seen = tmp_path / "seen"
    watched_model(registry, frame, seen)
    settings = COMMON | {"trust": {"allow_pickle": True}, "predict": {"batch_rows": 12}}
    with killed_at_work(cluster, seen) as done_before:
        done = run(frame, job="inference", engine=settings_of(cluster, "master"), **settings)
    assert done.success
    accepted = frame.dropna()
    predictions = done.table("predictions")
    assert predictions["customer"].tolist() == accepted["customer"].tolist()
    assert predictions["prediction"].tolist() == (accepted["a"] * 2 + accepted["b"]).tolist()
    # Both workers were at it when one was killed, and most was still to do.
    assert done_before[0] < done.metadata("predictions")["work"]["chunks_computed"] / 2


def test_a_worker_that_is_killed_while_it_explains_changes_nothing(cluster, registry, frame, run, tmp_path):
    seen = tmp_path / "seen"
    # What is explained are batches with some columns exchanged, many rows for each one.
    watched_model(registry, frame, seen, held_above=COMMON["predict"]["batch_rows"])
    settings = COMMON | {"trust": {"allow_pickle": True}}
    here = run(frame, **settings)
    assert here.success
    expected = files(here.tables)
    shutil.rmtree(here.tables)
    with killed_at_work(cluster, seen) as done_before:
        there = run(frame, engine=settings_of(cluster, "master"), **settings)
    assert there.success
    assert files(there.tables) == expected
    # Both workers explained when one was killed, and somebody went on.
    assert len(done_before) == 1
    assert there.metadata("sample_explanations")["work"]["rows_computed"] == ROWS - 5


def sums(engine: SparkEngine, work: Work, store: ChunkStore | None = None) -> tuple[pa.Table, Run]:
    run = sums_run(work, store)
    return pa.Table.from_batches(engine.results(run)), run


def engine_on(cluster: Cluster, kind: str) -> SparkEngine:
    settings = settings_of(cluster, kind)
    settings.pop("KIND")
    return SparkEngine(**settings)


@pytest.fixture
def engine(cluster) -> SparkEngine:
    return engine_on(cluster, "master")


def test_results_come_in_the_order_of_the_rows_and_are_found_again(engine, tmp_path):
    store = ChunkStore(tmp_path / "chunks")
    made, first = sums(engine, Sums(), store)
    assert made["n"].to_pylist() == list(range(500))
    assert made["double"].to_pylist() == [6 * n for n in range(500)]
    again, second = sums(engine, Sums(), store)
    assert again.equals(made)
    assert (first.tally.rows_computed, first.tally.rows_reused) == (500, 0)
    assert (second.tally.rows_computed, second.tally.rows_reused) == (0, 500)


def test_an_error_of_this_package_comes_back_as_itself_and_what_was_done_is_kept(engine, tmp_path):
    store = ChunkStore(tmp_path / "chunks")
    with pytest.raises(PredictionError, match="Row refused") as raised:
        sums(engine, Sums(at=250, fault="own"), store)
    assert (raised.value.where, raised.value.fix) == ("column a", "Mend it")
    assert len(list(store.root.glob("??/*"))) > 10


def test_any_other_error_comes_with_its_traceback(engine):
    with pytest.raises(WorkerError, match="ZeroDivisionError: by nought") as raised:
        sums(engine, Sums(at=0, fault="foreign"))
    assert "in doubled" in raised.value.__notes__[0]


# No subclass: with --dist=loadscope it might be given to another process than this module's cluster.
@pytest.mark.parametrize(
    "guarantee",
    [
        "test_every_task_ends_once_with_its_report",
        "test_every_task_twice_leaves_the_same",
        "test_ends_come_when_they_are_there",
        "test_an_error_of_this_package_comes_back_as_itself",
        "test_a_lost_worker_costs_nothing_but_time",
        "test_an_error_ends_the_tasks_that_are_under_way",
        "test_closing_the_ends_stops_the_work",
        "test_places_on_the_disk_are_reached_and_left_as_they_are",
        "test_a_place_that_workers_do_not_see_is_named_with_what_to_do",
    ],
)
def test_tasks_have_the_guarantees_of_every_engine(engine, guarantee, tmp_path):
    getattr(WorkersSuite(), guarantee)(engine, tmp_path)


@pytest.mark.parametrize("kind", ["master", "remote"])
def test_closing_the_results_ends_the_work_on_the_cluster(cluster, kind, tmp_path):
    engine = engine_on(cluster, kind)
    # A job per chunk: the first is done while a later one hangs for ever.
    results = replace(engine, in_flight_mib=0.004).results(sums_run(Sums(100, "hangs", str(tmp_path))))
    assert next(results).num_rows
    (hanging,) = wait_for(lambda: list(tmp_path.iterdir()), "the process that hangs")
    results.close()
    assert sums(engine, Sums())[0].num_rows == 500
    wait_for(lambda: not Path("/proc", hanging.name).exists(), "the end of the process that hangs")


def test_the_trust_policy_holds_on_the_worker(engine, registry, frame, tmp_path):
    watched_model(registry, frame, tmp_path / "seen")
    work = predict_work(registry, TrustPolicy(allow_pickle=True))
    strict = replace(work.model.source, trust=TrustPolicy())
    distrusted = replace(work, model=replace(work.model, source=strict))
    with pytest.raises(TrustError, match="allow_pickle"):
        list(engine.results(Run(distrusted, conformed(frame))))
    assert processes(tmp_path / "seen", "load") == []


def test_a_worker_that_is_served_other_files_loads_nothing(engine, registry, frame, tmp_path):
    watched_model(registry, frame, tmp_path / "seen")
    work = predict_work(registry, TrustPolicy(allow_pickle=True))
    (registry.folder / "models" / "0" / "requirements.txt").write_text("mlflow\n# changed")
    with pytest.raises(DigestMismatchError):
        list(engine.results(Run(work, conformed(frame))))
    assert processes(tmp_path / "seen", "load") == []


def predict_work(registry, trust: TrustPolicy) -> PredictWork:
    """Predictions of the registered model, loaded here."""
    reference = registry.resource.pin("m", "Champion", trust)
    source = ModelSource(registry.resource.address(), registry.resource.cache.root, Custom(), trust)
    model = source.load(reference)
    return PredictWork(model, json.dumps(model.signature.to_dict()), ("customer",))


class Custom:
    """A loader that needs no Dagster."""

    def load(self, folder, reference):
        return load_custom(folder, reference)


def conformed(frame: pd.DataFrame) -> InputRows:
    table = pa.Table.from_pandas(frame.dropna(), preserve_index=False)
    table = table.replace_schema_metadata(Provenance(row_key=("customer",)).to_metadata())
    return InputRows(ds.dataset(table), chunk_rows=100)


# Those that leave no session come last.


def test_a_python_process_that_always_dies_is_given_up(engine):
    with pytest.raises(WorkerError, match="Spark gave up"):
        sums(engine, Sums(at=100, fault="exit"))


def test_a_cluster_without_room_is_reported_in_bounded_time(cluster):
    conf = APPLICATION | {"spark.executor.memory": "500g"}
    with pytest.raises(WorkerError, match=r"No worker of the Spark cluster answered within 8 seconds") as raised:
        sums(SparkEngine(master=cluster.master, conf=conf, start_seconds=8), Sums())
    assert "cores and memory" in raised.value.fix


def test_workers_without_the_package_are_reported(cluster, tmp_path):
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    conf = {"spark.pyspark.python": str(bare), "spark.executorEnv.PYTHONPATH": ""}
    with pytest.raises(ConfigurationError, match=r"The Python of the Spark workers has no (pyarrow|mlops_assets)"):
        sums(SparkEngine(master="local[1]", conf=conf, start_seconds=LONGEST_SECONDS), Sums())
