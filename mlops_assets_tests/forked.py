"""Python processes that have the libraries imported when they begin: importing took most of the time of short ones.

Each is a process of its own, with its own folder, environment, arguments and output, and imports this package itself.
What a process imports, and how it starts, cannot be tested with it.
"""

import atexit
import gc
import importlib
import io
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import types
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parent.parent
LIBRARIES = (
    "alembic.command", "dagster", "dagster._cli", "dagster._core.executor.in_process", "dagster._core.instance.factory",
    "dagster._core.definitions.repository_definition.repository_data_builder",
    "dagster._core.storage.local_compute_log_manager", "dagster._core.storage.sqlite_storage",
    "dagster.components.core.snapshot", "dagster.components.list", "dagster_dg_cli.cli",
    *(
        f"dagster_dg_cli.cli.{command}"
        for command in ("ai", "api", "check", "dev", "labs", "launch", "list", "plus", "scaffold", "utils")
    ),
    "dagster_dg_core.component", "fsspec", "jinja2",
    # It compiles forty grammars.
    "jsonschema",
    "mlflow", "mlflow.pyfunc", "mlflow.sklearn", "mlflow.store.model_registry.sqlalchemy_workspace_store",
    "mlflow.store.tracking.sqlalchemy_workspace_store", "numba", "pandas", "pyarrow.csv", "pyarrow.dataset",
    "pyarrow.json", "pyarrow.parquet", "rich.markdown", "rich.traceback", "sklearn.ensemble", "sklearn.linear_model",
    "skops.io", "sqlalchemy.dialects.sqlite", "structlog", "tomlkit",
)  # fmt: skip


def run_forked(
    code: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run([sys.executable, "-c", code, *arguments], ...)` with captured output; it reads no input."""
    order = {"code": code, "arguments": list(arguments), "folder": str(folder), "environment": dict(environment)}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, Path(os.devnull).open() as nothing:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(_server())
            socket.send_fds(line, [b"\n"], [file.fileno() for file in (nothing, out, err)])
            line.sendall(json.dumps(order).encode() + b"\n")
            returncode = int(line.makefile().readline())
        printed = []
        for file in (out, err):
            file.seek(0)
            printed.append(io.TextIOWrapper(file, "utf-8").read())
        return subprocess.CompletedProcess(["-c", *arguments], returncode, *printed)


def run_program(
    name: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """One of `PROGRAMS`, or ``python`` with a script or ``-c``, as `run_forked` runs code."""
    if name == "python" and arguments[0] == "-c":
        return run_forked(arguments[1], arguments[2:], folder, environment)
    run_script = "import runpy, sys; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
    return run_forked(run_script if name == "python" else PROGRAMS[name], arguments, folder, environment)


PROGRAMS = {
    "dg": "import sys; sys.argv[0] = 'dg'; from dagster_dg_cli.cli import main; sys.exit(main())",
    "mlops-assets": "import sys; sys.argv[0] = 'mlops-assets'; from mlops_assets.cli import main; sys.exit(main())",
}
# Python without site packages starts in 20 ms; its answer is the status of the process that was forked.
_PROGRAM = """#!{python} -IS
import json, os, socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect({address!r})
order = {{"code": {code!r}, "arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
socket.send_fds(line, [b"\\n"], [0, 1, 2])
line.sendall(json.dumps(order).encode() + b"\\n")
sys.exit(int(line.makefile().readline() or 1))
"""


def write_programs(folder: Path) -> None:
    """Write `PROGRAMS` into a folder for a shell's PATH: they do as their namesakes, in forked processes.

    Who ends one of them does not end the process that was forked: commands that are to be stopped need the real ones.
    """
    address = _server()
    for name, code in PROGRAMS.items():
        program = folder / name
        program.write_text(_PROGRAM.format(python=sys.executable, address=address, code=code))
        program.chmod(0o755)


@cache
def _server() -> str:
    """The address of a process that forks for whoever connects, one for each of pytest's; it ends with that."""
    # A socket's path has a hundred characters at most.
    folder = tempfile.mkdtemp(prefix="fork")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    address = os.path.join(folder, "s")  # noqa: PTH118 - text
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLFLOW_", "DAGSTER_")) and name != "PYTHONPATH"
    }
    quiet = {"DAGSTER_DISABLE_TELEMETRY": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    # It ends at the end of its input, which nobody else holds open.
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER.format(root=str(ROOT)), address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=kept | quiet,
    )
    _RUNNING.append(server)
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    return address


_RUNNING: "list[subprocess.Popen[str]]" = []
# Behind its first entry, the path is that of any process of this environment.
_SERVER = """
import sys
own = sys.path[1:]
sys.path.insert(0, {root!r})
from mlops_assets_tests.forked import serve
serve(sys.argv[1], own)
"""


def serve(address: str, path: Sequence[str]) -> None:
    """Fork for each connection, and answer with what the child ended with; `path` is where each finds modules."""
    for library in LIBRARIES:
        importlib.import_module(library)
    assert threading.active_count() == 1, f"who forks has one thread: {threading.enumerate()}"
    # No child looks at what was imported when it collects garbage.
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        # Children are waited for by the processes that answer.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            line, _ = listener.accept()
            if not os.fork():
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                break
            line.close()
        else:
            return
    _, files, _, _ = socket.recv_fds(line, 1, 3)
    order = json.loads(line.makefile().readline())
    child = os.fork()
    if child:
        line.sendall(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        os._exit(0)
    line.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    become(order, path)


def become(order: dict[str, object], path: Sequence[str]) -> NoReturn:
    """Be the process that was asked for, up to its end."""
    os.environ.clear()
    os.environ.update(order["environment"])  # type: ignore[call-overload]
    os.chdir(str(order["folder"]))
    added = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = ["", *added, *path]
    sys.argv = ["-c", *order["arguments"]]  # type: ignore[misc]
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    status: object = None
    try:
        exec(compile(str(order["code"]), "<string>", "exec"), vars(main))
    except SystemExit as end:
        status = end.code
    except BaseException:  # noqa: BLE001 - as Python ends where nobody catches it
        traceback.print_exc()
        status = 1
    if isinstance(status, str):
        print(status, file=sys.stderr)
    # Taking half a million objects of imported libraries apart would take seconds.
    threading._shutdown()  # noqa: SLF001 - waits for threads, as Python does at its end
    atexit._run_exitfuncs()  # noqa: SLF001
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))
