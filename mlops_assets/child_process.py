"""Processes of this package's own that may die: what they are started with, and how they ended."""

import os
import signal
import sys


def child_environment() -> dict[str, str]:
    """This process's variables; the modules that it finds are found in the child as well."""
    return dict(os.environ) | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def signal_name(status: int) -> str:
    """The signal that ended a process, of its negative exit status: ``SIGSEGV``.

    Examples
    --------
    >>> signal_name(-9), signal_name(-40)
    ('SIGKILL', 'signal 40')
    """
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
