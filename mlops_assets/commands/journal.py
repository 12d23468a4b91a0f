"""``mlops-assets journal``."""

import argparse

from mlops_assets.commands.command import Command
from mlops_assets.commands.options import add_model, add_module


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_module(parser)


def _run(chosen: argparse.Namespace) -> int:
    from mlops_assets.code_location.model_resources import find_journal
    from mlops_assets.journal.text import format_entries

    journal = find_journal(chosen.module, chosen.model)
    entries = journal.entries()
    if not entries:
        print(
            f"The journal of {chosen.model!r} is empty: no run and no sensor has looked at the model yet "
            f"({journal.folder.uri})."
        )
        return 0
    print(format_entries(entries))
    return 0


JOURNAL = Command("journal", "print what a model's aliases pointed at, and when this was seen", _add_arguments, _run)
