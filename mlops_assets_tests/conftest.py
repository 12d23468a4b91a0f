"""Shared fixtures: a real MLflow registry in SQLite, real models, and a family of definitions on them."""

import gc
import os
import secrets
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
# Threads of OpenMP that wait for each other keep a core busy meanwhile: with two processes of pytest on two cores,
# fitting small boosters took ten times as long. Read when a library with OpenMP is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# The threads of OpenBLAS wait in the same way, and there is no such setting for them: a small logistic regression took
# twenty times the processor's time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import dagster as dg
import mlflow
import mlflow.pyfunc
import mlflow.sklearn
import pandas as pd
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from mlflow import MlflowClient
from mlflow.models import ModelSignature, infer_signature

from mlops_assets.errors import user_error
from mlops_assets.models.skops_import import import_skops
from mlops_assets.models.trust import TRUSTED_TYPES
from mlops_assets.redaction.text import KNOWN
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.storage.location import Location
from mlops_assets_tests.newcomer.environment import build_wheel
from mlops_assets_tests.object_store import KEY, SECRET, Bucket, make_bucket, s3_server
from mlops_assets_tests.once import freeze_imports, keep_connections, read_migrations_once, read_resources_once
from mlops_assets_tests.order import put_longest_first

# Hypothesis measures how long examples take: on a busy machine that is a verdict on the machine.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# What asks for one of these runs Dagster jobs or asks a server: it is slow, unless it is marked as `fast`.
SLOW_FIXTURES = frozenset({"instance", "s3_endpoint", "server", "cluster", "daemon"})

read_migrations_once()
read_resources_once()
# Test modules import it where all others are imported already.
import_skops()
# What is imported and collected stays, as `freeze_imports` says: until then nothing is looked for.
gc.disable()


def pytest_collection_finish() -> None:
    freeze_imports()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark as slow what asks for a slow fixture, before `-m` selects; the longest modules first under pytest-xdist."""
    if hasattr(config, "workerinput"):
        put_longest_first(items)
    for item in items:
        fixtures = SLOW_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if fixtures and item.get_closest_marker("fast") is None:
            item.add_marker(pytest.mark.slow)


def save_sklearn(
    model: Any, inputs: pd.DataFrame, place: Path, *, signature: ModelSignature | str | None = "infer", **kw: Any
) -> None:
    """Save a fitted scikit-learn model (skops) with a signature inferred from its inputs."""
    if signature == "infer":
        outputs = model.predict(inputs)
        outputs = pd.DataFrame({"prediction": outputs}) if getattr(outputs, "ndim", 1) == 1 else outputs
        signature = infer_signature(inputs, outputs)
    mlflow.sklearn.save_model(
        model,
        place,
        signature=signature,
        pip_requirements=["scikit-learn"],
        **{"serialization_format": "skops", "skops_trusted_types": sorted(TRUSTED_TYPES), **kw},
    )


class LocalRegistry:
    """A registry in a folder of its own, and the ways to fill it."""

    def __init__(self, folder: Path, database: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(database, folder / "mlflow.db")
        self.uri = f"sqlite:///{folder / 'mlflow.db'}"
        self.client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
        self.resource = MlflowRegistry(tracking_uri=self.uri, state=str(folder / "state"))

    def add(self, saved: Path, name: str = "m", alias: str | None = "Champion") -> int:
        """Register the files of a saved model as the next version; returns its number."""
        number = len(list((self.folder / "models").glob("*"))) if (self.folder / "models").exists() else 0
        place = self.folder / "models" / str(number)
        shutil.copytree(saved, place)
        if not self.client.search_registered_models(f"name = '{name}'"):
            self.client.create_registered_model(name)
        version = self.client.create_model_version(name, source=place.as_uri())
        if alias:
            self.client.set_registered_model_alias(name, alias, str(version.version))
        return int(version.version)

    def add_sklearn(
        self,
        model: Any,
        inputs: pd.DataFrame,
        *,
        name: str = "m",
        signature: ModelSignature | str | None = "infer",
        **kw: Any,
    ) -> int:
        """Save a fitted scikit-learn model as `save_sklearn` does, and register it."""
        saved = self.folder / "saved"
        shutil.rmtree(saved, ignore_errors=True)
        save_sklearn(model, inputs, saved, signature=signature, **kw)
        return self.add(saved, name)

    def add_pyfunc(self, model: Any, *, name: str = "m", signature: ModelSignature | None = None, **kw: Any) -> int:
        """Save a custom Python model (cloudpickle) and register it."""
        saved = self.folder / "saved"
        shutil.rmtree(saved, ignore_errors=True)
        mlflow.pyfunc.save_model(saved, python_model=model, signature=signature, pip_requirements=["mlflow"], **kw)
        return self.add(saved, name)


@pytest.fixture(autouse=True)
def no_known_secrets():
    """What one test calls a secret is a word in the messages of another."""
    yield
    KNOWN.clear()


@pytest.fixture(autouse=True)
def mlflow_globals():
    """Each test begins and ends without MLflow's global settings, whatever a fixture of its module has left.

    MLflow keeps them in the environment as well, and does not take them from there when it is told to forget them.
    """
    forget_mlflow_globals()
    yield
    forget_mlflow_globals()


def forget_mlflow_globals() -> None:
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # None is what its own code passes to forget
    mlflow.set_registry_uri(None)  # type: ignore[arg-type]
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        os.environ.pop(name, None)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables, made once: creating them takes seconds, copying the file takes none."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}", registry_uri=f"sqlite:///{path}").search_registered_models()
    return path


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built once for all processes of pytest: pip makes an environment for each build."""
    folder = tmp_path_factory.getbasetemp() / "wheel"
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = tmp_path_factory.getbasetemp().parent / "wheel"
    with FileLock(f"{folder}.lock"), pytest.MonkeyPatch.context() as environment:
        environment.delenv("SOURCE_DATE_EPOCH", raising=False)
        built = next(folder.glob("*.whl"), None)
        return built or build_wheel(folder)


@pytest.fixture
def registry(tmp_path: Path, empty_database: Path) -> LocalRegistry:
    return LocalRegistry(tmp_path / "registry", empty_database)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as ephemeral:
        keep_connections(ephemeral)
        yield ephemeral


@pytest.fixture
def run(tmp_path: Path, registry: LocalRegistry, instance: dg.DagsterInstance):
    """Materialize a model's family for real: `run(inputs=..., **settings)` -> result, tables and events."""
    from mlops_assets.component import build_model_definitions
    from mlops_assets.resources.defaults import default_resources

    def execute(
        inputs: Any = None,
        *,
        model: str = "m",
        job: str = "explanations",
        config: dict[str, Any] | None = None,
        extra: dg.Definitions | None = None,
        row_key: list[str] | None = None,
        partition: str | None = None,
        **settings: Any,
    ) -> SimpleNamespace:
        if isinstance(inputs, pd.DataFrame):
            inputs.to_parquet(tmp_path / "inputs.parquet", index=not isinstance(inputs.index, pd.RangeIndex))
            inputs = {"path": "inputs.parquet", **({"row_key": row_key} if row_key else {})}
        settings = {"outputs": {"path": "tables"}, "inputs": inputs, **settings}
        resources = default_resources(tmp_path) | {"mlflow_registry": registry.resource}
        definitions = dg.Definitions.merge(
            build_model_definitions(model, tmp_path, **settings),
            dg.Definitions(resources=resources),
            *([extra] if extra else []),
        )
        result = definitions.resolve_job_def(f"{model}_{job}_job").execute_in_process(
            instance=instance,
            partition_key=partition,
            run_config={"ops": config or {}, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
        return SimpleNamespace(
            result=result,
            success=result.success or print(_root_cause(result)),
            tables=tmp_path / "tables",
            table=lambda name: pd.read_parquet(tmp_path / "tables" / f"{name}.parquet"),
            checks={
                (check.asset_key.path[-1], check.check_name): check for check in result.get_asset_check_evaluations()
            },
            metadata=lambda name: {
                key: value.value
                for event in result.get_asset_materialization_events()
                if event.asset_key.path[-1] == name
                for key, value in event.materialization.metadata.items()
            },
            error=lambda: _root_cause(result),
            definitions=definitions,
        )

    return execute


def _root_cause(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            assert error is not None
            return user_error(error).message.strip()
    raise AssertionError("no step failed")


@pytest.fixture
def memory_root():
    """A fresh folder in fsspec's memory filesystem."""
    import fsspec

    name = f"/{secrets.token_hex(4)}"
    yield Location.parse(f"memory:/{name}")
    filesystem = fsspec.filesystem("memory")
    if filesystem.exists(name):
        filesystem.rm(name, recursive=True)


@pytest.fixture(scope="session")
def s3_endpoint():
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bucket:
    """A fresh bucket; nothing of the machine's own AWS settings is seen."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("TEST_S3_KEY", KEY)
    monkeypatch.setenv("TEST_S3_SECRET", SECRET)
    return make_bucket(s3_endpoint, f"bucket-{secrets.token_hex(6)}")
