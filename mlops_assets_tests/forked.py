"""Python processes that have the libraries imported when they begin: importing took most of the time of short ones.

Each is a process of its own, with its own folder, environment, arguments and output, and imports this package itself.
What a process imports, and how it starts, cannot be tested with it.
"""

import atexit
import gc
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
    "dagster", "dagster._cli", "dagster_dg_cli.cli", "mlflow", "mlflow.pyfunc", "mlflow.sklearn",
    "mlflow.store.tracking.sqlalchemy_store",
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
    return _start_server()


def _start_server(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "mlops_assets_tests.forked", *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DAGSTER_"))}
    quiet = {"DAGSTER_DISABLE_TELEMETRY": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=kept | quiet, cwd=ROOT
    )


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
socket.send_fds(line, [json.dumps(order).encode() + b"\\n"], [0, 1, 2])
sys.exit(int(line.makefile().readline() or 1))
"""


def write_programs(folder: Path) -> None:
    """Write `PROGRAMS` into a folder for a shell's PATH: they do as their namesakes, in forked processes.

    Who ends one of them does not end the process that was forked: commands that are to be stopped need the real ones.
    """
    address = _socket_server()
    for name, code in PROGRAMS.items():
        program = folder / name
        program.write_text(_PROGRAM.format(python=sys.executable, address=address, code=code))
        program.chmod(0o755)


@cache
def _socket_server() -> str:
    """The address of a process that forks for whoever connects; it ends with this one."""
    # A socket's path has a hundred characters at most.
    folder = tempfile.mkdtemp(prefix="fork")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    address = os.path.join(folder, "s")  # noqa: PTH118 - text
    server = _start_server(address)
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    return address


def serve_socket(address: str) -> None:
    """Fork for each connection, and answer with what the child ended with."""
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
    data, files, _, _ = socket.recv_fds(line, 1 << 16, 3)
    while not data.endswith(b"\n"):
        data += line.recv(1 << 16)
    child = os.fork()
    if child:
        line.sendall(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        os._exit(0)
    line.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    become(json.loads(data))


def serve() -> None:
    """Fork for each line of the input, and print what the child ended with."""
    while line := sys.stdin.readline():
        order = json.loads(line)
        child = os.fork()
        if not child:
            for number, place, flags in ((0, os.devnull, os.O_RDONLY), (1, order["out"], os.O_WRONLY | os.O_CREAT),
                                         (2, order["err"], os.O_WRONLY | os.O_CREAT)):  # fmt: skip
                file = os.open(str(place), flags, 0o600)
                os.dup2(file, number)
                os.close(file)
            become(order)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def become(order: dict[str, object]) -> NoReturn:
    """Be the process that was asked for, up to its end."""
    os.environ.clear()
    os.environ.update(order["environment"])  # type: ignore[call-overload]
    os.chdir(str(order["folder"]))
    added = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = ["", *added, *(path for path in sys.path if path not in ("", str(ROOT)))]
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


if __name__ == "__main__":
    for library in LIBRARIES:
        __import__(library)
    assert threading.active_count() == 1, f"who forks has one thread: {threading.enumerate()}"
    # No child looks at what was imported when it collects garbage.
    gc.freeze()
    if sys.argv[1:]:
        serve_socket(sys.argv[1])
    else:
        serve()
