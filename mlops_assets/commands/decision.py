"""``mlops-assets decision``."""

import argparse
from functools import partial
from typing import TYPE_CHECKING

from mlops_assets.commands.command import Command
from mlops_assets.commands.options import add_model, add_module
from mlops_assets.commands.row_question import RowQuestion, ask_by_definitions, ask_lightly

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_assets.explain.report.decision import Decision


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("row_key", nargs="+", help="the row key: a value, or column=value for each of its columns")
    parser.add_argument("--partition", help="of partitioned tables")
    parser.add_argument("--without-values", action="store_true", help="leave out the row's input values")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument("--html", metavar="FILE", help="write it as a page to this file as well")
    add_module(parser)


def _run(chosen: argparse.Namespace) -> int:
    from mlops_assets.commands.progress import show_progress

    with show_progress() as show:
        show("reading the row, and explaining it again")
        decision = tell_lightly(chosen)
        if decision is None:
            show("loading the definitions")
            decision = tell_by_definitions(chosen, show)
    if chosen.html:
        _write(chosen.html, decision.to_html())
    if chosen.json:
        import json

        print(json.dumps(decision.to_dict(), indent=2, default=str, ensure_ascii=False))
    else:
        print(decision.to_text(), end="")
    return 0 if decision.receipt.matches else 1


def tell_lightly(chosen: argparse.Namespace) -> "Decision | None":
    """Without Dagster, MLflow and the model's library; None where these are needed."""
    return ask_lightly(chosen, partial(_tell, chosen))


def tell_by_definitions(chosen: argparse.Namespace, show: "Callable[[str], None]") -> "Decision":
    """With the definitions and models of the code location."""
    return ask_by_definitions(chosen, show, "loading the models, and explaining the row", partial(_tell, chosen))


def _tell(chosen: argparse.Namespace, asked: RowQuestion) -> "Decision":
    from mlops_assets.decision import tell_decision

    return tell_decision(
        asked.names,
        asked.tables,
        asked.open_journal(),
        asked.versions,
        asked.key,
        asked.partition,
        with_values=not chosen.without_values,
    )


def _write(file: str, text: str) -> None:
    from pathlib import Path

    from mlops_assets.errors import ConfigurationError

    try:
        Path(file).write_text(text, "utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"The page cannot be written ({error.strerror or type(error).__name__})",
            where=file,
            fix="Name a file in a folder that exists and may be written to",
        ) from error


DECISION = Command(
    "decision",
    "one row's whole story: inputs, prediction, reasons, receipt, versions, the champion before, the journal",
    _add_arguments,
    _run,
)
