"""``mlops-assets explain``."""

import argparse

from mlops_assets.commands.command import Command
from mlops_assets.commands.direct_options import add_direct_arguments, write_result


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_direct_arguments(parser)
    parser.add_argument(
        "--explainer", metavar="KIND", help="TreeExplainer, ..., or module.Class (default: chosen by the model)"
    )
    parser.add_argument("--limit", type=int, metavar="ROWS", help="explain only the first rows")
    parser.add_argument("--sample", metavar="ROWS", help="explain a seeded sample: a count, or a fraction such as 0.1")
    parser.add_argument("--where", metavar="FILTER", help='explain only rows that pass, for example "age < 30"')
    parser.add_argument(
        "--space",
        choices=("probability", "loss"),
        help="the scale of the attributions, or an error; loss: of each row's --label (default: the explainer's)",
    )
    parser.add_argument("--label", metavar="COLUMN", help="with --space loss: the column with the true answers")
    parser.add_argument(
        "--background",
        metavar="TABLE",
        help="file, folder or URL of the rows to compare with; trees are then explained interventionally (default: a "
        "sample of IN, where the explainer needs one)",
    )
    parser.add_argument("--output", metavar="COLUMN", help="which of several columns of predictions is explained")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn (default: %(default)s)")


def _run(chosen: argparse.Namespace) -> int:
    from mlops_assets.direct.results import open_explanations
    from mlops_assets.direct.wording import name_settings
    from mlops_assets.explain.explainers.explainer import ExplainConfig, default_mode
    from mlops_assets.explain.ledger.selection import Selection

    with name_settings("command"):
        config = ExplainConfig(
            KIND=chosen.explainer,
            seed=chosen.seed,
            mode=default_mode(chosen.background is not None),
            own_background=chosen.background is not None,
            space=chosen.space,
            label=chosen.label,
            output=chosen.output,
        )
        selection = Selection(limit=chosen.limit, sample=_sample(chosen.sample), where=chosen.where, seed=chosen.seed)
    return write_result(
        chosen,
        "explained",
        lambda settings: open_explanations(
            chosen.model, chosen.inputs, settings, config=config, selection=selection, background=chosen.background
        ),
    )


def _sample(text: str | None) -> int | float | None:
    from mlops_assets.errors import ConfigurationError

    try:
        return None if text is None else float(text) if "." in text else int(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{text!r} is no number of rows", where="--sample", fix="Use a count, or a fraction such as 0.1"
        ) from error


EXPLAIN = Command(
    "explain",
    "explain every row of a table and write the ledger of attributions, without Dagster",
    _add_arguments,
    _run,
)
