"""Arguments that several commands have."""

import argparse


def add_model(parser: argparse.ArgumentParser) -> None:
    """``MODEL``: a registered model of the code location."""
    parser.add_argument("model", help="name of the registered model")


def add_module(parser: argparse.ArgumentParser) -> None:
    """``--module``: the code location."""
    parser.add_argument(
        "--module",
        help="module or file that holds the definitions, or the name of a workspace's location (default: those of the "
        "project that the working directory is in)",
    )
