"""A session on a Spark cluster, opened in bounded time, kept for the next asset of the same process."""

import os
import re
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_assets.engines.spark.address import SparkAddress, check_installed, check_reachable
from mlops_assets.engines.spark.worker import PROBE_IN_SPARK, probe
from mlops_assets.errors import ConfigurationError, MlopsAssetsError, WorkerError
from mlops_assets.models.process_cache import ProcessCache

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

Result = TypeVar("Result")

_LONGEST_CAUSE = 300
# A chunk is a row, and each is a task of its own. Tasks carry their rows; at a lower log level Spark warns of each.
_OF_THE_SESSION = {
    "spark.sql.execution.arrow.maxRecordsPerBatch": "1",
    "spark.sql.leafNodeDefaultParallelism": "1024",
}
_OF_THE_APPLICATION = {"spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}


def open_session(address: SparkAddress, seconds: float) -> "SparkSession":
    """A session in which a worker has answered; the one of before where the address is the same.

    Raises
    ------
    MissingExtraError
        pyspark (for `remote`: with what Connect needs) is not installed.
    ConfigurationError
        There is no Java (only `master` needs it), the workers have no mlops_assets, a setting is not taken, or this
        process already has a SparkContext that something else started.
    WorkerError
        Nothing listens at the address; no worker answers within `seconds`.
    """

    def start() -> "SparkSession":
        for other in SESSIONS.keys_by_use():
            if address.master and other.master and other != address:
                SESSIONS.remove(other)
        check_installed(address)
        check_reachable(address)
        return _within(seconds, lambda: _start(address), address)

    # A process has one SparkContext.
    with _one_context if address.master else nullcontext():
        session = SESSIONS.get(address, start)
        if not _is_alive(session, address):
            SESSIONS.remove(address, session, close=False)
            session = SESSIONS.get(address, start)
        return session


def _is_alive(session: "SparkSession", address: SparkAddress) -> bool:
    """A Connect server ends a session that was idle for long; a driver stops when it loses the cluster."""
    try:
        if address.master:
            return _is_running(session.sparkContext)
        session.conf.get("spark.sql.leafNodeDefaultParallelism")
    except spark_exceptions():
        return False
    return True


def close_session(address: SparkAddress) -> None:
    """Stop the session at `address`; the next one is new. Nothing happens where there is none."""
    SESSIONS.remove(address)


def _stop(session: "SparkSession") -> None:
    # It may be gone already.
    with suppress(*spark_exceptions()):
        session.stop()


SESSIONS: ProcessCache[SparkAddress, "SparkSession"] = ProcessCache(close=_stop)
_one_context = threading.Lock()


def tag_jobs(session: "SparkSession", tag: str) -> None:
    """Jobs that this thread starts from now on are those that `cancel_jobs` ends."""
    if _is_classic(session):
        # The session's own tags do not reach the thread of the driver's in which `toArrow` runs the job.
        session.sparkContext.addJobTag(tag)
    else:
        session.addTag(tag)


def cancel_jobs(session: "SparkSession", tag: str) -> None:
    """End what runs under this tag, on the cluster as well. A job that is about to start is not ended.

    Nothing happens where the cluster is gone.
    """
    with suppress(*spark_exceptions()):
        if _is_classic(session):
            if _is_running(session.sparkContext):
                session.sparkContext.cancelJobsWithTag(tag)
        else:
            session.interruptTag(tag)


def _is_running(context: "SparkContext") -> bool:
    java = context._jsc  # noqa: SLF001 - pyspark 4.3 has no public way to ask; None in a context that was stopped
    return java is not None and not java.sc().isStopped()


def _active_context() -> "SparkContext | None":
    from pyspark import SparkContext

    return SparkContext._active_spark_context  # noqa: SLF001 - pyspark's public `getOrCreate` would start one


def _is_classic(session: "SparkSession") -> bool:
    return ".connect." not in type(session).__module__


def translate_spark_error(error: Exception, address: SparkAddress) -> MlopsAssetsError:
    """This package's error for one of Spark's."""
    text = str(error)
    missing = re.search(r"ModuleNotFoundError: No module named '([^']+)'", text)
    if missing and missing[1].partition(".")[0] in ("mlops_assets", "pyarrow"):
        return ConfigurationError(
            f"The Python of the Spark workers has no {missing[1].partition('.')[0]}",
            where=address.where,
            fix="Install mlops-assets for it, or name a Python that has it: conf: {spark.pyspark.python: ...} with a "
            "master, PYSPARK_PYTHON of the server with a remote",
        )
    if "PYTHON_VERSION_MISMATCH" in text:
        return ConfigurationError(
            "The Spark workers have another version of Python than this process, which has "
            f"{sys.version_info.major}.{sys.version_info.minor}",
            where=address.where,
            fix="Name a Python of the same version: conf: {spark.pyspark.python: ...}",
        )
    gave_up = WorkerError(
        f"Spark gave up ({_cause(text)})",
        where=address.where,
        fix="See the logs of the driver and the executors; what was done is kept, run again",
    )
    gave_up.add_note(text)
    return gave_up


def worker_python(conf: Mapping[str, str]) -> str:
    """The Python that workers start: as configured, else the one at this process's own path."""
    return conf.get("spark.pyspark.python") or os.environ.get("PYSPARK_PYTHON") or sys.executable


def _start(address: SparkAddress) -> "SparkSession":
    session = _connect(address) if address.remote else _classic(address)
    # More than one such task may be needed to find a worker: Spark itself tries again.
    session.range(0, 1, 1, 1).mapInArrow(probe, PROBE_IN_SPARK).toArrow()
    return session


def _classic(address: SparkAddress) -> "SparkSession":
    from pyspark.sql import SparkSession

    if _active_context() is not None:
        raise ConfigurationError(
            "This process has a SparkContext already, and can have only one",
            where=address.where,
            fix="Stop it first, or use `remote`",
        )
    assert address.master is not None
    conf = dict(address.conf)
    builder = SparkSession.builder.master(address.master).appName(address.name)
    if address.master.startswith("local"):
        builder = builder.config("spark.executorEnv.PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    for name, value in (_OF_THE_APPLICATION | conf).items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    # Spark reads it from the environment alone when a session is made in Python.
    session.sparkContext.pythonExec = worker_python(conf)
    for name, value in _OF_THE_SESSION.items():
        session.conf.set(name, value)
    return session


def _connect(address: SparkAddress) -> Any:
    from pyspark.sql.connect.session import SparkSession

    session = SparkSession.builder.remote(address.remote or "").create()
    for name, value in (_OF_THE_SESSION | dict(address.conf)).items():
        session.conf.set(name, value)
    return session


def _within(seconds: float, open_: Callable[[], Result], address: SparkAddress) -> Result:
    """`open_()` in a thread of its own, because Spark waits for workers without end."""
    returned: list[Result] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            returned.append(open_())
        except BaseException as error:  # noqa: BLE001 - raised below
            failed.append(error)

    thread = threading.Thread(target=run, name="spark session", daemon=True)
    thread.start()
    thread.join(seconds)
    if returned:
        return returned[0]
    late = thread.is_alive()
    if not address.remote:
        # This ends the thread as well.
        _stop_classic()
    if late:
        raise WorkerError(
            f"No worker of the Spark cluster answered within {seconds:g} seconds",
            where=address.where,
            fix="Look at the cluster: are workers there, with the cores and memory that `conf` asks for, can they "
            "reach this machine (spark.driver.host)? Where starting takes longer, raise `start_seconds`",
        )
    error = failed[0]
    if isinstance(error, MlopsAssetsError) or not isinstance(error, spark_exceptions()):
        raise error
    assert isinstance(error, Exception)
    raise translate_spark_error(error, address) from error


def _stop_classic() -> None:
    context = _active_context()
    if context is not None:
        context.stop()


def spark_exceptions() -> tuple[type[Exception], ...]:
    """What Spark raises in this process: its own errors, those of its bridge to Java, those of gRPC."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        from grpc import RpcError
    except ImportError:
        return PySparkException, Py4JError
    return PySparkException, Py4JError, RpcError


def _cause(text: str) -> str:
    """The most informative line: the last of a worker's Python, else why Spark gave its job up, else the first."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    python = [line for line in lines if re.match(r"(?!org\.|java\.|io\.)[\w.]*(Error|Exception): ", line)]
    job = re.findall(r"Job aborted due to stage failure: (.*)", text)
    cause = python[-1] if python else job[-1] if job else lines[0] if lines else "no reason given"
    return cause.rpartition("most recent failure: ")[2][:_LONGEST_CAUSE]
