"""``mlops-assets demo``."""

import argparse

from mlops_assets.commands.command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def _run(chosen: argparse.Namespace) -> int:
    del chosen
    from mlops_assets.demo.run import run_demo

    return run_demo()


DEMO = Command("demo", "train and register a demo model, run its whole graph, print a summary", _add_arguments, _run)
