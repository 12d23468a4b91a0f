"""Where a Spark cluster is, and whether this machine can get there."""

import os
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from mlops_assets.errors import ConfigurationError, MissingExtraError, WorkerError

_CONNECT_PORT = 15002
_JAVA = 17
_REACH_SECONDS = 10.0


@dataclass(frozen=True)
class SparkAddress:
    """Which cluster, and as what; exactly one of `master` and `remote`.

    Attributes
    ----------
    master, remote
        As Spark writes them: ``spark://host:7077``, ``yarn``, ``k8s://...``, ``local[4]``; ``sc://host:15002``.
    name
        What the cluster calls the application.
    conf
        Spark's own settings.
    """

    master: str | None
    remote: str | None = field(repr=False)
    name: str
    conf: tuple[tuple[str, str], ...] = field(repr=False)

    @property
    def where(self) -> str:
        """For messages; without a token or a user's name, which may follow the host."""
        return self.master or (self.remote or "").split(";")[0].rstrip("/")


def check_installed(address: SparkAddress) -> None:
    """Check that what Spark needs is on this machine.

    Raises
    ------
    MissingExtraError, ConfigurationError
        pyspark is missing; Java is.
    """
    try:
        import pyspark

        if address.remote:
            import pyspark.sql.connect.session  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "SparkEngine needs pyspark"
            + (f" with Spark Connect, and {error.name} is not installed" if address.remote else ""),
            where="engine",
            fix='Run: pip install "mlops-assets[spark]"',
        ) from error
    if address.master:
        missing = find_java_problem()
        if missing:
            raise ConfigurationError(
                f"A Spark master needs Java on this machine: {missing}",
                where=address.where,
                fix=f"Install Java {_JAVA} or newer and set JAVA_HOME, or use `remote`, which needs none",
            )


def find_java_problem() -> str | None:
    """Why Spark cannot be started here, or None."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None or not Path(java).exists():
        return f"no bin/java in JAVA_HOME, {home}" if home else "JAVA_HOME is not set and no java is on the PATH"
    output = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', output)
    if found is None or int(found[1]) < _JAVA:
        return f"{java} is version {found[1] if found else 'unknown'}, and Spark needs {_JAVA}"
    return None


def check_reachable(address: SparkAddress) -> None:
    """Check that a cluster listens there: Spark itself tries for minutes, and then gives no reason.

    Raises
    ------
    WorkerError
        No host of the address does.
    """
    written = address.remote or address.master or ""
    hosts = re.match(r"(?:spark|sc)://([^/;]+)", written)
    if hosts is None:
        return
    refused = []
    for host in hosts[1].split(","):
        name, _, port = host.rpartition(":") if re.search(r":\d+$", host) else (host, "", str(_CONNECT_PORT))
        try:
            with socket.create_connection((name.strip("[]"), int(port)), _REACH_SECONDS):
                return
        except OSError as error:
            refused.append(error.strerror or str(error) or type(error).__name__)
    raise WorkerError(
        f"Nothing answers at Spark's address ({'; '.join(refused)})",
        where=address.where,
        fix="Start the cluster, or correct `master` or `remote` of the engine",
    )
