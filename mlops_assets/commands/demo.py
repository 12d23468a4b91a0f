"""``mlops-assets demo``."""

import argparse

from mlops_assets.commands.command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        nargs="?",
        help="where the demo's project is written (default: the demo's project that you are in, "
        "else mlops_assets_demo in the working directory)",
    )


def _run(chosen: argparse.Namespace) -> int:
    from pathlib import Path

    from mlops_assets.demo.run import run_demo

    return run_demo(Path(chosen.folder) if chosen.folder else None)


DEMO = Command(
    "demo",
    "write a demo project, train and register its model, run its whole graph, print a summary",
    _add_arguments,
    _run,
)
