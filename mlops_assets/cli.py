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
    receipt = commands.add_parser("explain-receipt", help="explain one row again and compare with the ledger")
    receipt.add_argument("model", help="name of the registered model")
    receipt.add_argument("row_key", nargs="+", help="the row key: a value, or column=value for each of its columns")
    receipt.add_argument("--partition", help="of a partitioned ledger")
    receipt.add_argument("--values", action="store_true", help="print the row's input values as well")
    compare = commands.add_parser("compare", help="whether a version's signature is compatible with another's")
    compare.add_argument("model", help="name of the registered model")
    compare.add_argument("old", help="alias, or version number, that is in use")
    compare.add_argument("new", help="alias, or version number, that is to take its place")
    compare.add_argument("--mode", default="FULL", help="NONE, BACKWARD, FORWARD or FULL (default: %(default)s)")
    for command in (receipt, compare):
        command.add_argument(
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
        from mlops_assets.code_location.model_resources import find_journal
        from mlops_assets.journal.text import format_entries

        print(format_entries(find_journal(chosen.module, chosen.model).entries()))
        return 0
    if chosen.command == "explain-receipt":
        return _receipt(chosen)
    if chosen.command == "compare":
        return _compare(chosen)
    raise AssertionError(f"the command {chosen.command} has no code")


def _receipt(chosen: argparse.Namespace) -> int:
    from mlops_assets.code_location.model_resources import model_resources
    from mlops_assets.naming import ModelNames
    from mlops_assets.receipts import explain_receipt, parse_key

    names = ModelNames(chosen.model)
    with model_resources(chosen.module, names) as resources:
        key = parse_key(chosen.row_key, resources[names.tables], chosen.partition)
        receipt, values = explain_receipt(names, resources, key, chosen.partition)
    print(receipt.to_text(values=values if chosen.values else None), end="")
    return 0 if receipt.matches else 1


def _compare(chosen: argparse.Namespace) -> int:
    from mlops_assets.code_location.model_resources import find_registry
    from mlops_assets.models.signature_of_version import compare_versions

    registry = find_registry(chosen.module).address()
    name, verdict = compare_versions(registry, chosen.model, chosen.old, chosen.new, chosen.mode)
    print(verdict.report(name), end="")
    return 0 if verdict.compatible else 1
