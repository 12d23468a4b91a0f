"""``mlops-assets score``."""

import argparse

from mlops_assets.commands.command import Command
from mlops_assets.commands.direct_options import add_direct_arguments, write_result


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_direct_arguments(parser)
    parser.add_argument(
        "--method",
        choices=("predict", "predict_proba"),
        default="predict",
        help="which of the model's methods answers (default: %(default)s)",
    )
    parser.add_argument("--limit", type=int, metavar="ROWS", help="read only the first rows")


def _run(chosen: argparse.Namespace) -> int:
    from mlops_assets.direct.results import open_predictions

    return write_result(
        chosen,
        "scored",
        lambda settings: open_predictions(
            chosen.model, chosen.inputs, settings, method=chosen.method, limit=chosen.limit
        ),
    )


SCORE = Command(
    "score", "predict every row of a table and write the predictions, without Dagster", _add_arguments, _run
)
