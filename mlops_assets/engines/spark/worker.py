"""What runs on a Spark worker: the same work as here, on chunks that come as bytes and go as bytes."""

import gc
import hashlib
import importlib
import io
import os
import pickle
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlops_assets.engines.engine import Run
from mlops_assets.engines.error_pickles import pickle_error
from mlops_assets.engines.tasks import pickle_for_process, run_packed
from mlops_assets.engines.work import DISTRIBUTIONS, ChunkFunction, open_work
from mlops_assets.engines.worker import deserialize_batch, serialize_batch
from mlops_assets.errors import ConfigurationError, WorkerError
from mlops_assets.models.model_source import ModelLoader, ModelSource
from mlops_assets.models.registry import Registry
from mlops_assets.models.trust import TrustPolicy

CHUNKS = pa.schema([("chunk", pa.int64()), ("rows", pa.binary())])
TASKS = pa.schema([("task", pa.int64()), ("packed", pa.binary())])
ANSWERS = pa.schema([("chunk", pa.int64()), ("failed", pa.bool_()), ("result", pa.binary()), ("worker", pa.string())])
ANSWERS_IN_SPARK = "chunk bigint, failed boolean, result binary, worker string"
PROBE_IN_SPARK = "worker string"

# What a model computes with: another version may give other numbers.
_LIBRARIES = ("numpy", "pandas", "scipy", "pyarrow", "sklearn", "xgboost", "lightgbm", "catboost", "shap")


@dataclass(frozen=True)
class ChunkTask:
    """The function for `mapInArrow`: rows of `CHUNKS` in, rows of `ANSWERS` out.

    What the work raises travels in the answer, so that Spark does not repeat what cannot succeed.

    Attributes
    ----------
    work
        Of `pickle_for_worker`.
    code
        `package_digest` of the process that wants the work done.
    libraries
        Versions there, of `library_versions`.
    """

    work: bytes
    code: str
    libraries: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, run: Run) -> "ChunkTask":
        """The task of a run.

        Raises
        ------
        ConfigurationError
            The work cannot be pickled.
        """
        return cls(pickle_for_worker(run.work), package_digest(), library_versions())

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for chunk, rows in zip(batch.column("chunk").to_pylist(), batch.column("rows"), strict=True):
                yield self._answer(chunk, rows.as_buffer())

    def _answer(self, chunk: int, rows: pa.Buffer) -> pa.RecordBatch:
        return _answer(chunk, lambda: serialize_batch(_open(self)(deserialize_batch(rows))).to_pybytes())


@dataclass(frozen=True)
class TaskRunner:
    """The function for `mapInArrow` that runs tasks: rows of `TASKS` in, rows of `ANSWERS` out.

    Attributes
    ----------
    code, libraries
        As those of `ChunkTask`.
    """

    code: str
    libraries: tuple[tuple[str, str], ...]

    @classmethod
    def here(cls) -> "TaskRunner":
        """For tasks of this process."""
        return cls(package_digest(), library_versions())

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number, packed in zip(batch.column("task").to_pylist(), batch.column("packed"), strict=True):
                yield _answer(number, partial(self._run, packed.as_buffer()))

    def _run(self, packed: pa.Buffer) -> bytes:
        _check_environment(self.code, self.libraries)
        return run_packed(packed, _unpickle)


def _answer(number: int, compute: Callable[[], bytes]) -> pa.RecordBatch:
    try:
        failed, result = False, compute()
    except Exception as error:  # noqa: BLE001 - the driver raises it
        failed, result = True, pickle_error(error)
    spare_collections(len(sys.modules))
    columns = ([number], [failed], [result], [_worker_name()])
    return pa.RecordBatch.from_arrays(
        [pa.array(column, kind) for column, kind in zip(columns, ANSWERS.types, strict=True)], schema=ANSWERS
    )


@lru_cache(maxsize=1)
def spare_collections(_modules: int) -> None:
    """Take what this process has imported and loaded so far out of the collector's view, once per number of modules.

    Spark's daemon collects garbage after each task: looking through a million objects of libraries and the model took
    a third of a second, four times the work of a part. What was taken out before is not looked through again either.
    """
    gc.collect()
    gc.freeze()


def probe(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The function for `mapInArrow` that shows whether a worker works at all: which one it is, once per batch."""
    for _ in batches:
        yield pa.RecordBatch.from_pydict({"worker": [_worker_name()]})


def pickle_for_worker(value: object) -> bytes:
    """Work or a task, pickled for another machine: there the model's files go into that machine's own cache.

    Raises
    ------
    ConfigurationError
        It holds something of this process alone.
    """
    return pickle_for_process(value, _pack)


def _pack(value: object) -> bytes:
    data = io.BytesIO()
    _Packer(data).dump(value)
    return data.getvalue()


class _Packer(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if type(value) is ModelSource:
            return _source_on_worker, (value.registry, value.loader, value.trust)
        return NotImplemented


def _source_on_worker(registry: Registry, loader: ModelLoader, trust: TrustPolicy) -> ModelSource:
    """The same source for a worker, whose machine does not have the folders of the one that sent the work.

    Raises
    ------
    ConfigurationError
        The registry is a database in such a folder.
    """
    for uri in (registry.registry_uri, registry.tracking_uri):
        # MLflow would make a new, empty database.
        if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).is_file():
            raise ConfigurationError(
                "The model registry is a file that a Spark worker does not see",
                where=f"{registry.where}, {_worker_name()}",
                fix="Use a tracking server (MLFLOW_TRACKING_URI=http://...), or a database that both reach",
            )
    home = os.environ.get("MLOPS_ASSETS_HOME")
    state = Path(home) if home else Path(tempfile.gettempdir()) / f"mlops_assets-{_user()}"
    return ModelSource(registry, state.absolute() / "cache" / "models", loader, trust)


def _user() -> str:
    return str(os.geteuid()) if hasattr(os, "geteuid") else os.environ.get("USERNAME", "user")


@cache
def package_digest() -> str:
    """SHA-256 over this package's own modules: driver and workers exchange pickled objects, so their code is the same.

    Results are kept under the driver's identity, whichever process computes them.
    """
    root = Path(__file__).parents[2]
    sha = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        sha.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return sha.hexdigest()


def library_versions() -> tuple[tuple[str, str], ...]:
    """Versions of the libraries that this process computes with, by the name of their module."""
    loaded = ((name, getattr(sys.modules.get(name), "__version__", None)) for name in _LIBRARIES)
    return tuple((name, version) for name, version in loaded if version)


@lru_cache(maxsize=4)
def _open(task: ChunkTask) -> ChunkFunction:
    """Once per Python process: Spark gives one process many tasks."""
    _check_environment(task.code, task.libraries)
    return open_work(_unpickle(task.work))


@lru_cache(maxsize=4)
def _check_environment(code: str, libraries: tuple[tuple[str, str], ...]) -> None:
    """Check, once per Python process, that results are those of the driver's own process."""
    if package_digest() != code:
        raise ConfigurationError(
            "A Spark worker runs another version of mlops_assets than this process",
            where=_worker_name(),
            fix="Install the same version of the package for the workers' Python",
        )
    for name, version in libraries:
        if _is_installed(name, version):
            continue
        try:
            here = getattr(importlib.import_module(name), "__version__", None)
        except ImportError:
            # Not every library that is loaded there is needed here; if it is, the loader says so.
            continue
        if here != version:
            raise ConfigurationError(
                f"A Spark worker has {name} {here}, this process has {version}: predictions may differ",
                where=_worker_name(),
                fix=f"Install {name} {version} for the workers' Python",
            )


def _is_installed(name: str, version: str) -> bool:
    """Whether importing a module would give this version, as far as that is known without importing it: importing what
    the work does not need takes a worker seconds.
    """
    spec = None if name in sys.modules else find_spec(name)
    if spec is None:
        return False
    for distribution in DISTRIBUTIONS.get(name, (name,)):
        with suppress(metadata.PackageNotFoundError):
            installed = metadata.distribution(distribution)
            # What is found first may be something else of this name.
            if spec.origin == str(installed.locate_file(f"{name}/__init__.py")):
                return installed.version == version
    return False


def _unpickle(data: bytes | pa.Buffer) -> Any:
    try:
        return pickle.loads(data)
    except ImportError as error:
        raise WorkerError(
            f"A Spark worker cannot import the module {error.name!r}",
            where=_worker_name(),
            fix="Install it for the workers' Python, or send it along: conf: {spark.submit.pyFiles: ...}",
        ) from error


def _worker_name() -> str:
    return f"{socket.gethostname()}, process {os.getpid()}"
