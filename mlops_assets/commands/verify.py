"""``mlops-assets verify``, also called ``explain-receipt``."""

import argparse
from dataclasses import replace

from mlops_assets.commands.command import Command
from mlops_assets.commands.options import add_model, add_module


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("row_key", nargs="+", help="the row key: a value, or column=value for each of its columns")
    parser.add_argument("--partition", help="of a partitioned ledger")
    parser.add_argument("--values", action="store_true", help="print the row's input values as well")
    add_module(parser)


def _run(chosen: argparse.Namespace) -> int:
    from mlops_assets.commands.progress import show_progress

    with show_progress() as show:
        show("loading the definitions")
        from mlops_assets.models.skops_files import import_skops

        import_skops()
        from mlops_assets.code_location.model_resources import open_model
        from mlops_assets.receipts import explain_receipt, parse_key

        with open_model(chosen.module, chosen.model, lambda names: {names.tables, names.champion_store}) as opened:
            key = parse_key(chosen.row_key, opened.resources[opened.names.tables], chosen.partition)
            show("loading the model, and explaining the row")
            receipt, values = explain_receipt(opened.names, opened.resources, key, chosen.partition)
    print(receipt.to_text(values=values if chosen.values else None), end="")
    return 0 if receipt.matches else 1


VERIFY = Command(
    "verify",
    "explain one row again, with the version that the ledger names, and compare with what is stored",
    _add_arguments,
    _run,
)
EXPLAIN_RECEIPT = replace(VERIFY, name="explain-receipt", help="the same as verify")
