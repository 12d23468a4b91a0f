"""Work on an Apache Spark cluster: chunks go out as rows of a table of tasks, results come back in their order."""

import pickle
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, as_completed
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Literal, cast

import pyarrow as pa

from mlops_assets.engines.engine import Engine, Run
from mlops_assets.engines.pieces import Cutter, Piece
from mlops_assets.engines.reach import find_unreachable
from mlops_assets.engines.spark.address import SparkAddress
from mlops_assets.engines.spark.jobs import JOBS, Answer, Jobs
from mlops_assets.engines.spark.session import open_session
from mlops_assets.engines.spark.worker import CHUNKS, TASKS, ChunkTask, TaskRunner, pickle_for_worker
from mlops_assets.engines.tasks import Report, Task, TaskEnd
from mlops_assets.engines.work import open_work
from mlops_assets.engines.worker import deserialize_batch, serialize_batch
from mlops_assets.errors import ConfigurationError
from mlops_assets.storage.location import Location

MOST_CHUNKS_OF_A_JOB = 128
# Pieces of chunks take about ten seconds each.
MOST_PIECES_OF_A_JOB = 16
MOST_TASKS_OF_A_JOB = 128


@dataclass(frozen=True)
class SparkEngine(Engine):
    """A Spark cluster, classic (`master`) or through Spark Connect (`remote`).

    Rows travel with the tasks and results with the answers: workers need no folder in common with this machine. They
    need this package in the same version, and the model registry: each Python process of a worker fetches the model,
    verifies its digest, asks the trust policy and loads it, once. A lost worker's chunks are done by another one.

    Attributes
    ----------
    master
        ``spark://host:7077``, ``yarn``, ``k8s://...`` or ``local[4]``. This process is the driver and needs Java.
    remote
        ``sc://host:15002``: a Spark Connect server. Needs no Java here.
    name
        What the cluster calls the application.
    conf
        Spark's own settings: ``{spark.executor.memory: 4g}``. With `remote`, those that a session may change.
    start_seconds
        How long to wait for the first worker.
    in_flight_mib
        About so many MiB of rows are under way at once; they are in the driver's memory (``spark.driver.memory``).
    """

    KIND: ClassVar[Literal["SparkEngine"]] = "SparkEngine"

    master: str | None = field(
        default=None,
        metadata={
            "description": "Address of a classic Spark cluster: spark://host:7077, yarn, k8s://... or local[4]. "
            "This process is the driver and needs Java. Set master or remote.",
            "examples": ["spark://host:7077", "local[4]"],
        },
    )
    remote: str | None = field(
        default=None,
        repr=False,
        metadata={
            "description": "Address of a Spark Connect server; needs no Java here. Set master or remote.",
            "examples": ["sc://host:15002"],
        },
    )
    name: str = field(
        default="mlops_assets",
        metadata={"description": "Name of the application on the cluster.", "examples": ["churn_scoring"]},
    )
    conf: Mapping[str, Any] = field(
        default_factory=dict,
        repr=False,
        hash=False,
        metadata={
            "description": "Settings of Spark, whose names begin with spark.; with remote, those that a session "
            "may change.",
            "examples": [{"spark.executor.memory": "4g"}],
        },
    )
    start_seconds: float = field(
        default=120.0,
        metadata={"description": "Seconds to wait for the first worker; above 0.", "examples": [300.0]},
    )
    in_flight_mib: float = field(
        default=128.0,
        metadata={
            "description": "Approximate MiB of rows that are processed at once; they are held in the driver's "
            "memory (spark.driver.memory). Above 0.",
            "examples": [512.0],
        },
    )

    def __post_init__(self) -> None:
        if (self.master is None) == (self.remote is None):
            raise ConfigurationError(
                "SparkEngine needs exactly one of `master` and `remote`",
                where="engine",
                fix="Use master: spark://host:7077 (or yarn, k8s://..., local[4]), or remote: sc://host:15002",
            )
        # Before a run starts, a secret is still {env: NAME}.
        if isinstance(self.remote, str) and not self.remote.startswith("sc://"):
            raise ConfigurationError("`remote` does not begin with sc://", where="engine", fix="Use sc://host:15002")
        if isinstance(self.master, str) and self.master.startswith("sc://"):
            raise ConfigurationError("`master` is an address of Spark Connect", where="engine", fix="Call it `remote`")
        for name, value in (("start_seconds", self.start_seconds), ("in_flight_mib", self.in_flight_mib)):
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                raise ConfigurationError(f"{name} is {value!r}", where="engine", fix="Use a number above 0")
        wrong = sorted(name for name in self.conf if not str(name).startswith("spark."))
        if wrong:
            raise ConfigurationError(f"`conf` holds {wrong}", where="engine", fix="Spark's settings begin with spark.")

    @property
    def address(self) -> SparkAddress:
        """Which cluster, and as what."""
        conf = tuple(sorted((str(name), _text(value)) for name, value in self.conf.items()))
        return SparkAddress(self.master, self.remote, self.name, conf)

    def results(self, run: Run) -> Iterator[pa.RecordBatch]:
        task = ChunkTask.of(run)
        session = open_session(self.address, self.start_seconds)
        cutter = Cutter(run)
        run.log(f"Work on the Spark cluster at {self.address.where}")
        bytes_of_a_job = self.in_flight_mib * 2**20 / JOBS
        # A generator, whose type does not say that it can be closed.
        with (
            closing(cast(Any, run.rows.chunks())) as chunks,
            closing(Jobs[dict[int, pa.RecordBatch]](session, self.address)) as running,
        ):
            jobs, job = _ChunkJobs(running, cutter, task), _Job()
            for piece in cutter.pieces(chunks):
                if piece.mark is not None and piece.result is None and not cutter.speed.is_known:
                    # The few rows that show how to cut the rest are done here.
                    result = cutter.speed.measure(open_work(run.work), piece.rows)
                    cutter.store(piece, result)
                    cutter.announce(1)
                    job.add(replace(piece, result=result))
                    continue
                job.add(piece)
                most = MOST_PIECES_OF_A_JOB if piece.mark is not None else MOST_CHUNKS_OF_A_JOB
                if job.bytes >= bytes_of_a_job or len(job.rows) >= most:
                    jobs.start(job)
                    job = _Job()
                while len(jobs.waiting) > JOBS:
                    yield from jobs.take_first()
            jobs.start(job)
            while jobs.waiting:
                yield from jobs.take_first()

    def run_tasks(
        self, tasks: Sequence[Task[Report]], log: Callable[[str], None] = lambda _line: None
    ) -> Iterator[TaskEnd[Report]]:
        """Each task is one of Spark's; no rows travel. Ends come job by job: of eight jobs, or more.

        Workers need what a task names: the inputs, and the folder or bucket that is written to, at the same address
        (`reaches`); and this package, the libraries and the registry as `results` does.
        """
        if tasks:
            log(f"The Spark cluster at {self.address.where} does {len(tasks)} parts")
            yield from self._run(tasks, min(MOST_TASKS_OF_A_JOB, -(-len(tasks) // JOBS)))

    def reaches(
        self, read: Sequence[Location], write: Sequence[Location], log: Callable[[str], None] = lambda _line: None
    ) -> bool:
        # One job: its tasks go to all executors at once.
        problem = find_unreachable(lambda probes: self._run(probes, len(probes)), read, write)
        return self._say_what_is_unreachable(problem, log)

    def _run(self, tasks: Sequence[Task[Report]], size: int) -> Iterator[TaskEnd[Report]]:
        """Run tasks in jobs of `size`."""
        packed = [pickle_for_worker(task) for task in tasks]
        session = open_session(self.address, self.start_seconds)
        runner = TaskRunner.here()

        def ask(first: int) -> list[Answer]:
            numbers = range(first, min(first + size, len(tasks)))
            table = pa.table([pa.array(numbers, pa.int64()), pa.array(packed[first : first + size])], schema=TASKS)
            return list(jobs.ask(table, runner))

        with closing(Jobs[list[Answer]](session, self.address)) as jobs:
            for job in as_completed([jobs.submit(partial(ask, first)) for first in range(0, len(tasks), size)]):
                # Those that failed last: what is done is reported first.
                for answer in sorted(job.result(), key=lambda answer: answer.is_failed):
                    if answer.is_failed:
                        raise cast(Exception, pickle.loads(answer.result))
                    yield TaskEnd(answer.number, cast(Report, pickle.loads(answer.result)))


@dataclass
class _Job:
    """Consecutive pieces: those to do, and the results of those that were done before."""

    pieces: list[Piece] = field(default_factory=list)
    kept: dict[int, pa.RecordBatch] = field(default_factory=dict)
    rows: dict[int, pa.Buffer] = field(default_factory=dict)
    bytes: int = 0

    def add(self, piece: Piece) -> None:
        number = len(self.pieces)
        self.pieces.append(replace(piece, result=None))
        if piece.result is None:
            self.rows[number] = serialize_batch(piece.rows)
            self.bytes += self.rows[number].size
        else:
            self.kept[number] = piece.result
            self.bytes += piece.result.nbytes

    def table(self) -> pa.Table:
        """One row per chunk to do."""
        data = [rows.to_pybytes() for rows in self.rows.values()]
        return pa.table([pa.array(self.rows, pa.int64()), pa.array(data, pa.binary())], schema=CHUNKS)


class _ChunkJobs:
    """Jobs on chunks under way, their results in order."""

    def __init__(self, jobs: "Jobs[dict[int, pa.RecordBatch]]", cutter: Cutter, task: ChunkTask) -> None:
        self._jobs, self._cutter, self._task = jobs, cutter, task
        self._workers: set[str] = set()
        self.waiting: deque[tuple[_Job, Future[dict[int, pa.RecordBatch]]]] = deque()

    def start(self, job: _Job) -> None:
        if job.pieces:
            self.waiting.append((job, self._jobs.submit(partial(self._compute, job))))

    def take_first(self) -> Iterator[pa.RecordBatch]:
        """The results of the job that was started first, when it is done."""
        job, future = self.waiting[0]
        results = future.result()
        self.waiting.popleft()
        self._cutter.tally.workers = len(self._workers)
        for number in range(len(job.pieces)):
            yield results[number]

    def _compute(self, job: _Job) -> dict[int, pa.RecordBatch]:
        """Results by number. All that succeeded are kept before the first that failed is raised."""
        results, failed = dict(job.kept), {}
        for answer in self._answers(job):
            self._workers.add(answer.worker)
            if answer.is_failed:
                failed[answer.number] = answer.result
                continue
            results[answer.number] = deserialize_batch(answer.result)
            self._cutter.store(job.pieces[answer.number], results[answer.number])
        if failed:
            raise cast(Exception, pickle.loads(failed[min(failed)]))
        return results

    def _answers(self, job: _Job) -> Iterator[Answer]:
        if job.rows:
            table = job.table()
            job.rows.clear()
            yield from self._jobs.ask(table, self._task)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
