"""The command ``mlops-assets``."""

import argparse
import sys
from collections.abc import Sequence

from mlops_assets.errors import MlopsAssetsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors of this package are printed as one message, without a traceback.

    Returns
    -------
    0 on success, 1 on a failure that the message explains, 2 for a wrong command line.
    """
    parser = argparse.ArgumentParser(
        prog="mlops-assets",
        description="Contract-checked predictions and exact explanations for registered MLflow models.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("demo", help="train and register a demo model, run its whole graph, print a summary")
    chosen = parser.parse_args(arguments)
    try:
        return _run(chosen)
    except MlopsAssetsError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


def _run(chosen: argparse.Namespace) -> int:
    if chosen.command == "demo":
        from mlops_assets.demo.run import run_demo

        return run_demo()
    raise AssertionError(f"the command {chosen.command} has no code")
