"""``mlops-assets journal``."""

import argparse
from typing import TYPE_CHECKING

from mlops_assets.commands.command import Command
from mlops_assets.commands.options import add_model, add_module

if TYPE_CHECKING:
    from mlops_assets.journal.journal import Journal


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_module(parser)


def _run(chosen: argparse.Namespace) -> int:
    from mlops_assets.journal.text import format_entries

    journal = find_journal_lightly(chosen.module, chosen.model) or find_journal(chosen.module, chosen.model)
    entries = journal.entries()
    if not entries:
        print(
            f"The journal of {chosen.model!r} is empty: no run and no sensor has looked at the model yet "
            f"({journal.folder.uri})."
        )
        return 0
    print(format_entries(entries))
    return 0


def find_journal_lightly(module: str | None, model: str) -> "Journal | None":
    """Without Dagster; None where it is needed."""
    from mlops_assets.code_location.light_model import find_light_model
    from mlops_assets.code_location.open_location import open_code_location
    from mlops_assets.models.light.errors import NotLightError

    try:
        with open_code_location(module) as location:
            return find_light_model(location, model).journal
    except NotLightError:
        return None


def find_journal(module: str | None, model: str) -> "Journal":
    """By the definitions of the code location."""
    from mlops_assets.code_location import model_resources

    return model_resources.find_journal(module, model)


JOURNAL = Command("journal", "print what a model's aliases pointed at, and when this was seen", _add_arguments, _run)
