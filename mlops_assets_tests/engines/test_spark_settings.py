"""What of SparkEngine needs no cluster: settings, what is missing here, who is not there."""

import gc
import os
import pickle
import sys
from importlib.metadata import version
from typing import Any

import pyarrow as pa
import pytest

from mlops_assets.engines.engine import Engine
from mlops_assets.engines.kinds import ENGINES
from mlops_assets.engines.spark import worker
from mlops_assets.engines.spark.engine import SparkEngine
from mlops_assets.engines.spark.session import open_session
from mlops_assets.engines.spark.worker import CHUNKS, ChunkTask, library_versions, package_digest, pickle_for_worker
from mlops_assets.engines.worker import serialize_batch
from mlops_assets.errors import ConfigurationError, MissingExtraError, WorkerError
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.model_source import ModelSource
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.registry import Registry
from mlops_assets.models.trust import TrustPolicy
from mlops_assets.scoring.predict import PredictWork
from mlops_assets.strategies import build_strategy
from mlops_assets_tests.engines.spark_cluster import free_port
from mlops_assets_tests.forked import run_forked
from mlops_assets_tests.waiting import LONGEST_SECONDS


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "exactly one of `master` and `remote`"),
        ({"master": "local", "remote": "sc://host"}, "exactly one of `master` and `remote`"),
        ({"remote": "spark://host:7077"}, "does not begin with sc://"),
        ({"master": "sc://host"}, "Call it `remote`"),
        ({"master": "local", "start_seconds": 0}, "start_seconds is 0"),
        ({"master": "local", "in_flight_mib": "much"}, "in_flight_mib is 'much'"),
        ({"master": "local", "conf": {"executor.memory": "4g"}}, r"\['executor.memory'\]"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        build_strategy(Engine, ENGINES, {"KIND": "SparkEngine", **settings})


def test_a_secret_is_taken_from_the_environment_and_shown_nowhere(monkeypatch):
    monkeypatch.setenv("SPARK_ADDRESS", f"sc://127.0.0.1:{free_port()}/;token=hush")
    engine = SparkEngine(remote="sc://127.0.0.1:1/;token=hush", conf={"spark.password": "hush"})
    assert "hush" not in repr(engine) + engine.address.where
    with pytest.raises(WorkerError) as raised:
        open_session(engine.address, 10)
    assert "hush" not in str(raised.value)
    build_strategy(Engine, ENGINES, {"KIND": "SparkEngine", "remote": {"env": "SPARK_ADDRESS"}})


@pytest.mark.parametrize("place", ["master", "remote"])
def test_an_address_where_nothing_listens_is_reported_before_spark_is_asked(place, monkeypatch):
    address = f"{'spark' if place == 'master' else 'sc'}://127.0.0.1:{free_port()}"
    monkeypatch.setattr("pyspark.sql.SparkSession.builder", None)
    monkeypatch.setattr("pyspark.sql.connect.session.SparkSession.builder", None)
    with pytest.raises(WorkerError, match="Nothing answers at Spark's address") as raised:
        open_session(SparkEngine(**{place: address}).address, LONGEST_SECONDS)
    assert raised.value.where == address


def test_a_missing_pyspark_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(MissingExtraError, match=r'pip install "mlops-assets\[spark\]"'):
        open_session(SparkEngine(master="local[1]").address, 10)


def test_a_missing_java_is_named_with_its_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"needs Java .*Install Java 17 or newer and set JAVA_HOME"):
        open_session(SparkEngine(master="local[1]").address, 10)


@pytest.fixture(autouse=True)
def collector(monkeypatch):
    """A worker changes what its process collects, after looking through all of it: millions of objects in this one."""
    monkeypatch.setattr(worker, "spare_collections", lambda _modules: None)


def answer(task: ChunkTask) -> Exception:
    rows = serialize_batch(pa.RecordBatch.from_pydict({"n": [1]})).to_pybytes()
    (answered,) = task(iter([pa.RecordBatch.from_arrays([pa.array([0]), pa.array([rows])], schema=CHUNKS)]))
    assert answered.column("failed").to_pylist() == [True]
    return pickle.loads(answered.column("result")[0].as_py())


def test_a_worker_with_another_version_of_the_package_does_nothing():
    error = answer(ChunkTask(b"", "another", ()))
    assert isinstance(error, ConfigurationError)
    assert "another version of mlops_assets" in str(error)


def test_what_a_worker_has_loaded_is_not_looked_through_after_every_task(tmp_path):
    code = f"from {__name__} import count_what_is_spared; count_what_is_spared()"
    done = run_forked(code, [], tmp_path, os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.returncode == 0, done.stderr


def count_what_is_spared() -> None:
    answer(ChunkTask(b"", "another", ()))
    loaded = len(gc.get_objects()) + gc.get_freeze_count()
    # Spark's daemon collects after each task: that took a third of a second, several times the work of a part.
    assert gc.get_freeze_count() > 0.9 * loaded
    sys.modules["imported_by_the_next_task"] = worker
    kept = [[number] for number in range(10_000)]
    before = gc.get_freeze_count()
    answer(ChunkTask(b"", "another", ()))
    assert gc.get_freeze_count() > before + len(kept) / 2


def test_a_worker_with_another_library_does_nothing():
    assert dict(library_versions())["pyarrow"] == pa.__version__
    error = answer(ChunkTask(b"", package_digest(), (("pyarrow", "1.0"), ("no_such_library", "2"))))
    assert isinstance(error, ConfigurationError)
    assert f"pyarrow {pa.__version__}, this process has 1.0" in str(error)


OTHER_LIBRARY = """
import sys
from mlops_assets_tests.engines.test_spark_settings import ChunkTask, answer, package_digest
del sys.modules["sklearn"]
sys.path.insert(0, {first!r})
right = answer(ChunkTask(b"", package_digest(), (("sklearn", {version!r}), ("no_such_library", "2"))))
print("sklearn" in sys.modules, type(right).__name__)
print(answer(ChunkTask(b"", package_digest(), (("sklearn", "0.1"),))))
"""


@pytest.mark.parametrize("place", ["site-packages", "before them"])
def test_a_library_is_imported_to_be_checked_only_where_its_version_is_not_known_otherwise(place, tmp_path):
    if place == "before them":
        (tmp_path / "sklearn.py").write_text("__version__ = '0.0.7'")
    code = OTHER_LIBRARY.format(first=str(tmp_path), version=version("scikit-learn"))
    done = run_forked(code, [], tmp_path, os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.returncode == 0, done.stderr
    imported, error = done.stdout.splitlines()[0].split()
    found = version("scikit-learn") if place == "site-packages" else "0.0.7"
    assert imported == str(place == "before them")
    assert error == ("WorkerError" if place == "site-packages" else "ConfigurationError")
    assert f"has sklearn {found}, this process has 0.1" in done.stdout


def test_a_registry_in_a_file_that_the_worker_does_not_see_is_reported(tmp_path):
    source = ModelSource(Registry("sqlite:////nowhere/mlflow.db"), tmp_path, Nothing(), TrustPolicy())
    task = ChunkTask(pickle_work(source), package_digest(), ())
    error = answer(task)
    assert isinstance(error, ConfigurationError)
    assert "The model registry is a file that a Spark worker does not see" in str(error)


class Nothing:
    """A loader that is never asked."""

    def load(self, folder, reference):
        raise AssertionError("nothing was to be loaded")


def pickle_work(source: ModelSource) -> bytes:
    reference = ModelReference("m", 1, None, "0" * 64, (), None, None, "")
    nothing: Any = None
    model = LoadedModel(reference, pyfunc=nothing, source=source)
    return pickle_for_worker(PredictWork(model, "{}", ("n",)))
