"""``mlops-assets verify``, also called ``explain-receipt``."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_assets.commands.command import Command
from mlops_assets.commands.options import add_model, add_module
from mlops_assets.commands.row_question import RowQuestion, ask_by_definitions, ask_lightly

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mlops_assets.explain.compare.receipt import Receipt


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("row_key", nargs="+", help="the row key: a value, or column=value for each of its columns")
    parser.add_argument("--partition", help="of a partitioned ledger")
    parser.add_argument("--values", action="store_true", help="print the row's input values as well")
    add_module(parser)


def _run(chosen: argparse.Namespace) -> int:
    from mlops_assets.commands.progress import show_progress

    with show_progress() as show:
        show("reading the row, and explaining it again")
        checked = check_lightly(chosen)
        if checked is None:
            show("loading the definitions")
            checked = check_by_definitions(chosen, show)
    receipt, values = checked
    print(receipt.to_text(values=values if chosen.values else None), end="")
    return 0 if receipt.matches else 1


def check_lightly(chosen: argparse.Namespace) -> "tuple[Receipt, dict[str, Any]] | None":
    """Without Dagster, MLflow and the model's library; None where these are needed."""
    return ask_lightly(chosen, _check)


def check_by_definitions(chosen: argparse.Namespace, show: "Callable[[str], None]") -> "tuple[Receipt, dict[str, Any]]":
    """With the definitions and models of the code location."""
    return ask_by_definitions(chosen, show, "loading the model, and explaining the row", _check)


def _check(asked: RowQuestion) -> "tuple[Receipt, dict[str, Any]]":
    from mlops_assets.receipts import check_row, find_stored_row

    row = find_stored_row(asked.names, asked.tables, asked.key, asked.partition)
    return check_row(row, asked.versions), row.inputs


VERIFY = Command(
    "verify",
    "explain one row again, with the version that the ledger names, and compare with what is stored",
    _add_arguments,
    _run,
)
EXPLAIN_RECEIPT = replace(VERIFY, name="explain-receipt", help="the same as verify")
