"""What a command is."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command of ``mlops-assets``.

    Attributes
    ----------
    name
        As typed.
    help
        One line for ``mlops-assets --help``.
    add_arguments
        Adds its arguments to its parser.
    run
        Does it, and returns the exit code: 0, or 1 for a verdict that is negative. Failures are raised as errors of
        this package, and printed by `mlops_assets.cli`. Beside its own arguments it is given `commands`: all of them.

    Its module is imported for every command line, also for ``--help``: it imports what it works with in `run`.
    """

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
