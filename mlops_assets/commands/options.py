"""Arguments that several commands have."""

import argparse


def add_model(parser: argparse.ArgumentParser) -> None:
    """``MODEL``: a registered model of the code location."""
    parser.add_argument("model", help="name of the registered model")


def add_module(parser: argparse.ArgumentParser) -> None:
    """``--module``: the code location."""
    parser.add_argument(
        "--module", default="mlops_assets.definitions", help="module of the code location (default: %(default)s)"
    )
