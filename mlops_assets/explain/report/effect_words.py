"""What columns do to predictions, in plain sentences with numbers."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from mlops_assets.explain.columns import shap_column
from mlops_assets.explain.ledger.summary import LedgerSummary
from mlops_assets.explain.report.formatting import cell_text, number, of_output, percent, shorten
from mlops_assets.explain.report.points import value_ranks
from mlops_assets.explain.spaces import SPACES
from mlops_assets.trees.arrays import Floats, Space

_NAME, _VALUE = 60, 40
_CLEAR, _MOSTLY = 0.7, 0.35  # of a rank correlation
_MOST_SHIFT = 50.0  # beyond it a factor says nothing


def size_in_words(size: float, space: Space) -> str:
    """How large an effect is, with what it means on the scale that people know."""
    shown = number(size, 3)
    factor = number(float(np.exp(size)), 3) if size <= _MOST_SHIFT else ""
    if space == "log-odds":
        return f"{shown} log-odds" + (f" (odds times or divided by {factor})" if factor else "")
    if space == "softmax margin":
        return f"{shown}" + (f" (its odds against each other output times or divided by {factor})" if factor else "")
    if space == "log":
        return f"a factor of {factor}" if factor else f"{shown} on the scale of its logarithm"
    if space == "probability":
        return f"{number(100 * size, 3)} percentage points"
    if space == "margin":
        return f"{shown} points of the model's score"
    if space == "log loss":
        return f"{shown} nats"
    if space == "squared error":
        return f"{shown} (in the label's unit, squared)"
    return f"{shown} (in the prediction's unit)"


def describe_strongest(
    summary: LedgerSummary, inputs: Mapping[str, pa.Table], space: Space, count: int = 3
) -> list[tuple[str, str]]:
    """The columns that matter most, the strongest first: their names, and a sentence or two on each.

    Parameters
    ----------
    inputs
        As of `ReportContents`: without them the sentences do not say for which values an effect is high.
    """
    if not summary.outputs or summary.rows == 0:
        return []
    sizes = np.array([summary.mean_abs(output) for output in summary.outputs])
    totals = sizes.sum(axis=0)
    order = [place for place in np.argsort(-totals, kind="stable")[:count].tolist() if totals[place] > 0]
    return [
        (
            shorten(summary.features[place], _NAME),
            _sentence(summary, inputs, space, place, sizes[:, place], totals[place] / totals.sum()),
        )
        for place in order
    ]


def _sentence(
    summary: LedgerSummary, inputs: Mapping[str, pa.Table], space: Space, place: int, sizes: Floats, share: float
) -> str:
    foremost = int(sizes.argmax())
    output, name = summary.outputs[foremost], summary.features[place]
    most = " most" if len(sizes) > 1 else ""
    noun, size = SPACES[space].noun, size_in_words(float(sizes[foremost]), space)
    sentence = (
        f"moves the {noun}{of_output(output)}{most}: by {size} on "
        f"average, up or down; {percent(float(share))} of all effects."
    )
    sample, rows = summary.sample(output), inputs.get(output)
    if sample is None or rows is None or sample.num_rows == 0:
        return sentence
    effects = sample.column(shap_column(name)).to_numpy()
    return f"{sentence} {describe_direction(rows.column(name), effects)}".rstrip()


def describe_direction(column: pa.ChunkedArray, effects: Floats) -> str:
    """For which values of a column the prediction is higher; empty where that cannot be said.

    Parameters
    ----------
    column
        (rows,): input values.
    effects
        (rows,): the column's attributions.
    """
    ranks = value_ranks(column)
    if ranks is None:
        return _of_texts(column, effects)
    known = np.isfinite(ranks) & np.isfinite(effects)
    agreement = _rank_correlation(ranks[known], effects[known])
    if agreement is None:
        return ""
    way = "Higher values raise it" if agreement > 0 else "Higher values lower it"
    if abs(agreement) >= _CLEAR:
        return f"{way}."
    if abs(agreement) >= _MOSTLY:
        return f"{way} for the most part."
    return "Neither high nor low values raise it throughout: the picture of its values shows where it turns."


def _of_texts(column: pa.ChunkedArray, effects: Floats) -> str:
    texts = np.array([shorten(cell_text(value), _VALUE) for value in column.to_pylist()], dtype=object)
    distinct, places = np.unique(texts.astype(str), return_inverse=True)
    if len(distinct) < 2:
        return ""
    finite = np.where(np.isfinite(effects), effects, 0.0)
    means = np.bincount(places, finite) / np.bincount(places)
    high, low = int(means.argmax()), int(means.argmin())
    if means[high] <= means[low]:
        return ""
    return f"It is highest for “{distinct[high]}” and lowest for “{distinct[low]}”."


def _rank_correlation(ranks: Floats, effects: Floats) -> float | None:
    """Pearson's correlation of the ranks of both; None where one of them does not vary."""
    if len(ranks) < 3:
        return None
    _, of_effects = np.unique(effects, return_inverse=True)
    one, other = ranks - ranks.mean(), of_effects - of_effects.mean()
    scale = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / scale if scale > 0 else None
