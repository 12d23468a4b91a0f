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
    journal = commands.add_parser("journal", help="print what a model's aliases pointed at, and when this was seen")
    journal.add_argument("model", help="name of the registered model")
    journal.add_argument(
        "--module", default="mlops_assets.definitions", help="module of the code location (default: %(default)s)"
    )
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
    if chosen.command == "journal":
        from mlops_assets.journal.text import as_text
        from mlops_assets.resources.journal import find_journal

        print(as_text(find_journal(chosen.module, chosen.model).entries()))
        return 0
    raise AssertionError(f"the command {chosen.command} has no code")
