"""Which process is meant by a number, and whether it has ended: numbers are reused, and belong to one machine each."""

import os
import socket
import sys
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from pathlib import Path

# Seconds by which two readings of the clock may differ: of the start of the machine, and of an event.
CLOCK_TOLERANCE = 60.0


class Trace(Enum):
    """What this process can see of another."""

    ALIVE = auto()
    ENDED = auto()
    RESTARTED = auto()
    """Its machine or container has been started again since, as far as names tell."""
    UNSEEN = auto()


@dataclass(frozen=True)
class ProcessIdentity:
    """One process among all that ever were.

    Attributes
    ----------
    host
        The machine's or container's name, with its machine id where it has one.
    boot, namespace
        The start of the machine, and the process namespace (a container has one of its own); empty where the operating
        system names neither.
    pid, started
        Its number in the namespace, and when it was started, in the operating system's ticks; empty where it cannot
        be read.
    """

    host: str
    boot: str
    namespace: str
    pid: int
    started: str


def own_identity() -> ProcessIdentity:
    """The process that asks."""
    return _identity(os.getpid())


def parent_identity() -> ProcessIdentity:
    """The process that has started this one."""
    return _identity(os.getppid())


def look_for(process: ProcessIdentity) -> Trace:
    """Whether a process still exists, as far as it can be seen from here. A stopped one exists, a zombie has ended."""
    host, boot, namespace = _host(), _boot(), _namespace()
    if process.host != host:
        return Trace.UNSEEN
    if (process.boot, process.namespace) != (boot, namespace):
        return Trace.RESTARTED
    if sys.platform == "win32":
        # os.kill ends it there, whatever the signal.
        return Trace.UNSEEN
    if started := _started(process.pid):
        return Trace.ALIVE if process.started in ("", started) else Trace.ENDED
    try:
        os.kill(process.pid, 0)
    except PermissionError:
        return Trace.ALIVE
    except ProcessLookupError:
        return Trace.ENDED
    # Linux keeps the number of a zombie, until its parent asks for it.
    return Trace.ENDED if sys.platform == "linux" else Trace.ALIVE


def existed_at(pid: int, time: float) -> bool:
    """Whether a process of this number exists here, and may have been there at a time in seconds since 1970.

    Where the operating system does not say when it was started: whether there is one.
    """
    started, lines = _started(pid), _read("/proc/stat").splitlines()
    booted = next((line.split()[1] for line in lines if line.startswith("btime ")), None)
    if started and booted is not None:
        return int(booted) + int(started) / os.sysconf("SC_CLK_TCK") <= time + CLOCK_TOLERANCE
    return look_for(_identity(pid)) is Trace.ALIVE


def _identity(pid: int) -> ProcessIdentity:
    return ProcessIdentity(_host(), _boot(), _namespace(), pid, _started(pid))


@lru_cache
def _host() -> str:
    name, machine = socket.gethostname(), _read("/etc/machine-id")
    return f"{name}/{machine}" if machine else name


@lru_cache
def _boot() -> str:
    return _read("/proc/sys/kernel/random/boot_id")


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process was started; empty for one that has ended, and where this cannot be read."""
    # The name is in parentheses and may hold some itself. After it: state, ..., and as the twentieth the start.
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] not in "ZXx" else ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", errors="replace").strip()
    except OSError:
        return ""
