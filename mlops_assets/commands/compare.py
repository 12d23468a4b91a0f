"""``mlops-assets compare``."""

import argparse

from mlops_assets.commands.command import Command
from mlops_assets.commands.options import add_model, add_module


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("old", help="alias, or version number, that is in use")
    parser.add_argument("new", help="alias, or version number, that is to take its place")
    parser.add_argument("--mode", default="FULL", help="NONE, BACKWARD, FORWARD or FULL (default: %(default)s)")
    add_module(parser)


def _run(chosen: argparse.Namespace) -> int:
    from mlops_assets.code_location.model_resources import open_registry
    from mlops_assets.commands.progress import show_progress
    from mlops_assets.models.signature_of_version import compare_versions

    with show_progress() as show, open_registry(chosen.module) as registry:
        show("reading the signatures")
        name, verdict = compare_versions(registry.address(), chosen.model, chosen.old, chosen.new, chosen.mode)
    print(verdict.report(name), end="")
    return 0 if verdict.compatible else 1


COMPARE = Command("compare", "whether a version's signature is compatible with another's", _add_arguments, _run)
