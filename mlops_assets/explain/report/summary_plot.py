"""The picture of an asset page: the most important features of a ledger, as one SVG file that needs nothing else."""

import numpy as np
import pyarrow as pa

from mlops_assets.explain.columns import shap_column
from mlops_assets.explain.ledger.summary import LedgerSummary
from mlops_assets.explain.report.charts import DESK, beeswarm, stacked_bars
from mlops_assets.explain.report.formatting import number
from mlops_assets.explain.report.marks import Chart
from mlops_assets.explain.report.points import value_ranks
from mlops_assets.explain.report.rendering import render
from mlops_assets.explain.spaces import SPACES
from mlops_assets.trees.arrays import Space


def summary_plot_svg(
    summary: LedgerSummary,
    *,
    inputs: pa.Table | None = None,
    space: Space = "identity",
    title: str = "",
    top: int = 12,
) -> bytes:
    """The most important features as a picture of at most 80 KB, 700 pixels wide, on a ground of its own.

    One output: a beeswarm, one point per sampled row. Several: bars of the mean absolute attribution, stacked by
    output. The same summary gives the same bytes. It is read as an image: no style sheet of a page reaches it, and it
    holds no script and no reference.

    Parameters
    ----------
    summary
        Of a ledger.
    inputs
        The input rows of ``summary.sample(output)``, in its order (see `match_input_rows`), for the points' colours
        from low to high; texts stay grey, and so does everything when None.
    space
        The unit of the attributions: `Explainer.space`.
    title
        One line above.
    top
        How many features are shown.

    Returns
    -------
    An SVG document, UTF-8.
    """
    return render("picture.svg.jinja", chart=_chart(summary, inputs, space, title, top)).encode()


def _chart(summary: LedgerSummary, inputs: pa.Table | None, space: Space, title: str, top: int) -> Chart:
    features, outputs = summary.features, summary.outputs
    sizes = np.column_stack([summary.mean_abs(output) for output in outputs] or [np.zeros(len(features))])
    order = np.argsort(-sizes.sum(axis=1), kind="stable")[:top]
    names = [features[place] for place in order]
    sample = summary.sample(outputs[0]) if len(outputs) == 1 else None
    unit, noun = SPACES[space].axis, SPACES[space].noun
    if sample is None or sample.num_rows == 0:
        axis = f"mean absolute effect on the {noun} ({unit})"
        return stacked_bars(names, sizes[order], outputs, f"{title}: {axis}", axis, title=title)
    axis = f"effect on the {noun} ({unit}); below each name its mean absolute effect"
    return beeswarm(
        names,
        np.column_stack([sample.column(shap_column(name)).to_numpy() for name in names]),
        [None if inputs is None else value_ranks(inputs.column(name)) for name in names],
        f"{title}: {axis}",
        axis,
        layout=DESK,
        title=title,
        sizes=[number(float(sizes[place, 0]), 3) for place in order],
        legend=inputs is not None,
    )
