"""``mlops-assets status``."""

import argparse

from mlops_assets.commands.command import Command
from mlops_assets.commands.options import add_model, add_module


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_module(parser)
    parser.epilog = (
        "Exit code 1: a table is missing, is not the champion's or is of earlier rows, or the last run failed."
    )


def _run(chosen: argparse.Namespace) -> int:
    from mlops_assets.code_location.model_resources import open_model
    from mlops_assets.status import find_status

    with open_model(chosen.module, chosen.model, lambda names: {names.tables}) as opened:
        status = find_status(opened)
    print(status.to_text(), end="")
    return 0 if status.is_current else 1


STATUS = Command("status", "what the champion is, and whether the published tables are its own", _add_arguments, _run)
