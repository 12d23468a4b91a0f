"""Python processes that have the libraries imported when they begin: importing took most of the time of short ones.

Each is a process of its own, with its own folder, environment, arguments and output, and imports this package itself.
What a process imports, and how it starts, cannot be tested with it.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import types
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIBRARIES = (
    "dagster", "dagster._cli", "mlflow", "mlflow.pyfunc", "mlflow.sklearn", "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store", "numba", "pandas", "pyarrow.dataset", "pyarrow.parquet",
    "sklearn.ensemble", "sklearn.linear_model", "skops.io",
)  # fmt: skip


def run_forked(
    code: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run([sys.executable, "-c", code, *arguments], ...)` with captured output; it reads no input."""
    with tempfile.TemporaryDirectory() as name:
        out, err = Path(name) / "out", Path(name) / "err"
        order = {"code": code, "arguments": list(arguments), "folder": str(folder), "environment": dict(environment)}
        server = _server()
        # PIPE was asked for, so both are there.
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(order | {"out": str(out), "err": str(err)}) + "\n")
        server.stdin.flush()
        returncode = int(server.stdout.readline())
        return subprocess.CompletedProcess(["-c", *arguments], returncode, out.read_text(), err.read_text())


@cache
def _server() -> "subprocess.Popen[str]":
    """The process that forks, one for each of pytest's; it ends with that, at the end of its input."""
    command = [sys.executable, "-m", "mlops_assets_tests.forked"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DAGSTER_"))}
    quiet = {"DAGSTER_DISABLE_TELEMETRY": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=kept | quiet, cwd=ROOT
    )


def serve() -> None:
    """Fork for each line of the input, and print what the child ended with; a child returns from here."""
    for library in LIBRARIES:
        __import__(library)
    assert threading.active_count() == 1, f"who forks has one thread: {threading.enumerate()}"
    while line := sys.stdin.readline():
        order = json.loads(line)
        child = os.fork()
        if not child:
            become(order)
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def become(order: dict[str, object]) -> None:
    """Be the process that was asked for, up to its end."""
    for number, place, flags in ((0, os.devnull, os.O_RDONLY), (1, order["out"], os.O_WRONLY | os.O_CREAT),
                                 (2, order["err"], os.O_WRONLY | os.O_CREAT)):  # fmt: skip
        file = os.open(str(place), flags, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(order["environment"])  # type: ignore[call-overload]
    os.chdir(str(order["folder"]))
    added = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = ["", *added, *(path for path in sys.path if path not in ("", str(ROOT)))]
    sys.argv = ["-c", *order["arguments"]]  # type: ignore[misc]
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    exec(compile(str(order["code"]), "<string>", "exec"), vars(main))


if __name__ == "__main__":
    serve()
