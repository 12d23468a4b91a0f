"""A real Spark cluster for tests: a standalone master, two workers and a Connect server, each a process of its own.

Everything listens on 127.0.0.1, on free ports. Each process leads a session of its own, so that a worker can be killed
with all that it started (executors, Python workers), and nothing outlives the tests.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from mlops_assets_tests.waiting import wait_for

REPOSITORY = Path(__file__).parents[2]
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
SMALL_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xss1m"
# A worker that is killed closes its connections and is noticed at once. One that says nothing for a while is not lost:
# on a busy machine it waits for its turn.
PATIENCE = {
    "spark.network.timeout": "600s",
    "spark.executor.heartbeatInterval": "10s",
}
# The REST server would listen on a fixed port.
DAEMONS = PATIENCE | {"spark.worker.timeout": "600", "spark.master.rest.enabled": "false"}
APPLICATION = {
    "spark.executor.cores": "1",
    "spark.cores.max": "2",
    "spark.executor.memory": "512m",
    "spark.driver.memory": "512m",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.executor.extraJavaOptions": SMALL_JVM,
    "spark.driver.extraJavaOptions": SMALL_JVM,
    "spark.pyspark.python": sys.executable,
    "spark.executorEnv.PYTHONPATH": str(REPOSITORY),
} | PATIENCE


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Cluster:
    """The master and its workers; `start` and `stop` them, `kill_worker` and `start_worker` in between."""

    def __init__(self, folder: Path) -> None:
        import pyspark

        self.folder = folder
        self.home = Path(pyspark.__file__).parent
        self.port = free_port()
        self.master = f"spark://127.0.0.1:{self.port}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self._started: list[subprocess.Popen[bytes]] = []
        self._names: list[str] = []
        self._remote: str | None = None

    def start(self, workers: int = 2) -> None:
        """Start the master, wait for it, then the workers."""
        arguments = ["--host", "127.0.0.1", "--port", str(self.port), "--webui-port", "0"]
        self._spawn("master", "org.apache.spark.deploy.master.Master", *arguments)
        self._wait_for(self.port)
        for _ in range(workers):
            self.start_worker()
        self.wait_for_workers()

    def start_worker(self) -> None:
        """One more worker; two cores, so that a classic session and the Connect server both find one on each."""
        name = f"worker{len(self._started)}"
        arguments = ["--host", "127.0.0.1", "--port", "0", "--webui-port", "0", "--cores", "2", "--memory", "1200m"]
        arguments += ["--work-dir", str(self.folder / name)]
        self.workers.append(self._spawn(name, "org.apache.spark.deploy.worker.Worker", *arguments, self.master))

    def wait_for_workers(self) -> None:
        """Return when every worker has registered: an application that comes earlier gets all its executors on one."""
        started = sum("worker" in name for name in self._names)
        wait_for(lambda: self.log("master").count("Registering worker") >= started, "the workers", 0.1)

    def kill_worker(self) -> None:
        """SIGKILL the first worker and everything that it started."""
        _kill_session(self.workers.pop(0))

    @property
    def remote(self) -> str:
        """The address of a Spark Connect server on this cluster, started on first use."""
        if self._remote is None:
            port = free_port()
            conf = APPLICATION | {
                "spark.connect.grpc.binding.port": str(port),
                "spark.connect.grpc.binding.address": "127.0.0.1",
            }
            options = [option for item in conf.items() for option in ("--conf", "=".join(item))]
            options += ["--master", self.master, "--name", "connect"]
            server = "org.apache.spark.sql.connect.service.SparkConnectServer"
            self._spawn("connect", "org.apache.spark.deploy.SparkSubmit", *options, "--class", server, "spark-internal")
            self._wait_for(port)
            self._remote = f"sc://127.0.0.1:{port}"
        return self._remote

    def stop(self) -> None:
        """End every process of the cluster."""
        for process in reversed(self._started):
            _kill_session(process)

    def log(self, name: str) -> str:
        """What a process of the cluster has written so far."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _spawn(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True)
        daemons = " ".join(f"-D{key}={value}" for key, value in DAEMONS.items())
        environment = os.environ | {
            "SPARK_HOME": str(self.home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_HOSTNAME": "127.0.0.1",
            "SPARK_LOCAL_DIRS": str(self.folder / "local"),
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_CONF_DIR": str(self.folder),
            "SPARK_DAEMON_MEMORY": "512m",
            "SPARK_DAEMON_JAVA_OPTS": f"{SMALL_JVM} {daemons}",
        }
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [str(self.home / "bin" / "spark-class"), *command],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
                cwd=self.folder,
                start_new_session=True,
                preexec_fn=_die_with_the_tests,
            )
        self._started.append(process)
        self._names.append(name)
        return process

    def _wait_for(self, port: int) -> None:
        process = self._started[-1]

        def listens() -> bool:
            assert process.poll() is None, self.log(self._names[-1])[-4000:]
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_for(listens, f"anybody who listens on port {port}", 0.1)


def _die_with_the_tests() -> None:
    """In the new process: SIGKILL when its parent is gone, however it went. Linux only; elsewhere `stop` must do."""
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _kill_session(leader: subprocess.Popen[bytes]) -> None:
    """SIGKILL every process of the session that `leader` leads: Python's daemons have process groups of their own."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(int(entry.name)) == leader.pid:
                os.kill(int(entry.name), signal.SIGKILL)
    if leader.poll() is None:
        leader.kill()
    leader.wait()
