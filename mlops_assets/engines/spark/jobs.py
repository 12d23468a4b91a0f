"""Jobs on a Spark cluster, each waited for by a thread of this process, and ended together."""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import pyarrow as pa

from mlops_assets.engines.spark.address import SparkAddress
from mlops_assets.engines.spark.session import (
    cancel_jobs,
    close_session,
    spark_exceptions,
    tag_jobs,
    translate_spark_error,
)
from mlops_assets.engines.spark.worker import ANSWERS_IN_SPARK

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Spark starts a job in about a tenth of a second: enough of them are under way to keep the cluster busy meanwhile,
# each with enough to do that this is not felt.
JOBS = 8

Outcome = TypeVar("Outcome")
WorkerFunction = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]


class Answer(NamedTuple):
    """What a worker said about one row of a job's table: a result, or a pickled error."""

    number: int
    is_failed: bool
    result: pa.Buffer
    worker: str


class Jobs(Generic[Outcome]):
    """Up to `JOBS` jobs at once. `close` ends them all, here and on the cluster."""

    def __init__(self, session: "SparkSession", address: SparkAddress) -> None:
        self._session, self._address = session, address
        self._tag = f"mlops_assets-{secrets.token_hex(8)}"
        self._closing = False
        self._threads = ThreadPoolExecutor(JOBS, "spark job")
        self._futures: set[Future[Outcome]] = set()

    def submit(self, compute: Callable[[], Outcome]) -> "Future[Outcome]":
        """`compute()` in a thread; there it may `ask` the cluster."""
        future = self._threads.submit(compute)
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        return future

    def ask(self, table: pa.Table, function: WorkerFunction) -> Iterator[Answer]:
        """Run one job: `function` on each row of `table`, as a task of Spark's own.

        Raises
        ------
        ConfigurationError, WorkerError
            The workers cannot do it, or Spark gave up.
        """
        try:
            tag_jobs(self._session, self._tag)
            # Spark takes any function of iterators; its stubs know those of its own alias only.
            answers = self._session.createDataFrame(table).mapInArrow(function, ANSWERS_IN_SPARK).toArrow()
        except spark_exceptions() as error:
            if not self._closing:
                close_session(self._address)
            raise translate_spark_error(error, self._address) from error
        for batch in answers.to_batches():
            numbers, failed, results, workers = batch.columns
            for place in range(batch.num_rows):
                result = results[place].as_buffer()
                yield Answer(numbers[place].as_py(), failed[place].as_py(), result, workers[place].as_py())

    def close(self) -> None:
        """Nothing of these jobs goes on, here or on the cluster."""
        self._closing = True
        futures = [future for future in list(self._futures) if not future.cancel()]
        while wait(futures, 0.0).not_done:
            # A thread may have been about to start its job: then it is not yet there to be interrupted.
            cancel_jobs(self._session, self._tag)
            wait(futures, 0.5)
        self._threads.shutdown()
