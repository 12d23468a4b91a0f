"""``mlops-assets explain-receipt``."""

import argparse

from mlops_assets.commands.command import Command
from mlops_assets.commands.options import add_model, add_module


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("row_key", nargs="+", help="the row key: a value, or column=value for each of its columns")
    parser.add_argument("--partition", help="of a partitioned ledger")
    parser.add_argument("--values", action="store_true", help="print the row's input values as well")
    add_module(parser)


def _run(chosen: argparse.Namespace) -> int:
    from mlops_assets.code_location.model_resources import model_resources
    from mlops_assets.naming import ModelNames
    from mlops_assets.receipts import explain_receipt, parse_key

    names = ModelNames(chosen.model)
    with model_resources(chosen.module, names) as resources:
        key = parse_key(chosen.row_key, resources[names.tables], chosen.partition)
        receipt, values = explain_receipt(names, resources, key, chosen.partition)
    print(receipt.to_text(values=values if chosen.values else None), end="")
    return 0 if receipt.matches else 1


EXPLAIN_RECEIPT = Command("explain-receipt", "explain one row again and compare with the ledger", _add_arguments, _run)
