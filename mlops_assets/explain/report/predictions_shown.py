"""What the predictions look like, in a sentence and a picture."""

from collections.abc import Sequence

import numpy as np

from mlops_assets.explain.report.bars import BarTable, bars
from mlops_assets.explain.report.blocks import Block, data_table
from mlops_assets.explain.report.formatting import number, percent, plural, shorten
from mlops_assets.explain.report.prediction_sample import PredictionSample
from mlops_assets.explain.report.value_charts import histogram
from mlops_assets.explain.spaces import LOSSES, SPACES
from mlops_assets.trees.arrays import Floats

_OUTPUTS, _NAME = 12, 60
_OF_CLASSES = ("log-odds", "softmax margin", "probability", "margin")


def describe_predictions(sample: PredictionSample) -> str:
    """One or two sentences."""
    values = sample.predictions
    of = "" if sample.is_whole else f" (of {plural(len(values), 'row')} drawn from {sample.of_rows:,})"
    if len(sample.outputs) == 1:
        return f"{_of_one(sample, values[:, 0])}{of}."
    if sample.space in _OF_CLASSES:
        shares = _class_shares(values)
        order = np.argsort(-shares, kind="stable")[:3].tolist()
        named = ", ".join(f"{percent(shares[place])} {shorten(sample.outputs[place], _NAME)}" for place in order)
        rest = len(sample.outputs) - len(order)
        return f"The highest score is that of: {named}{f', and {rest} other outputs' if rest > 0 else ''}{of}."
    medians = [f"{shorten(name, _NAME)} {number(_quantile(column, 0.5))}" for name, column in _columns(sample, 3)]
    rest = len(sample.outputs) - len(medians)
    return f"Medians: {', '.join(medians)}{f', and {rest} other outputs' if rest > 0 else ''}{of}."


def picture_predictions(sample: PredictionSample) -> Block:
    """How often what is predicted: a histogram of one output, shares of classes, or a table of quantiles."""
    values = sample.predictions
    if len(sample.outputs) == 1:
        title = "What is predicted" if sample.space not in LOSSES else "The loss of each row"
        return histogram(values[:, 0], _unit(sample), title, _limits(sample))
    if sample.space in _OF_CLASSES:
        return _shares(sample.outputs, values)
    rows = [
        [name, *(number(_quantile(column, share)) for share in (0.0, 0.25, 0.5, 0.75, 1.0))]
        for name, column in _columns(sample, _OUTPUTS)
    ]
    header = ["output", "lowest", "a quarter below", "half below", "three quarters below", "highest"]
    return data_table(f"What is predicted, in {_unit(sample)}", header, rows, numeric=(1, 2, 3, 4, 5))


def _of_one(sample: PredictionSample, values: Floats) -> str:
    low, quarter, middle, three, high = (_quantile(values, share) for share in (0.0, 0.25, 0.5, 0.75, 1.0))
    if sample.space in ("log-odds", "probability"):
        decision = sample.decision
        known = decision is not None and decision.of == "probability" and decision.threshold is not None
        threshold = decision.threshold if known and decision is not None and decision.threshold is not None else 0.5
        above = percent(float((values >= threshold).mean()))
        return (
            f"For {above} of the rows the {_unit(sample)} is {number(threshold)} or more; it goes from "
            f"{_probability(low)} to {_probability(high)}, half of the rows are below {_probability(middle)}"
        )
    return (
        f"From {number(low)} to {number(high)}; half of the rows are between {number(quarter)} and {number(three)}, "
        f"the median is {number(middle)}"
    )


def _probability(value: float) -> str:
    """Three decimals; what is nearly impossible or certain is said to be so."""
    if 0 < value < 0.001:
        return "less than 0.001"
    return "more than 0.999" if 0.999 < value < 1 else number(round(value, 3))


def _unit(sample: PredictionSample) -> str:
    name = shorten(sample.outputs[0], _NAME) if len(sample.outputs) == 1 else ""
    if sample.space in ("log-odds", "softmax margin", "probability"):
        return f"probability of {name}" if name else "probability"
    if sample.space == "margin":
        return f"{SPACES[sample.space].axis} of {name}" if name else SPACES[sample.space].axis
    if sample.space in LOSSES:
        return f"{sample.space}, {SPACES[sample.space].axis}"
    return name or "the prediction's unit"


def _limits(sample: PredictionSample) -> tuple[float, float] | None:
    inside = sample.predictions
    probable = sample.space in ("log-odds", "probability") and bool(((inside >= 0) & (inside <= 1)).all())
    return (0.0, 1.0) if probable else None


def _shares(outputs: Sequence[str], values: Floats) -> BarTable:
    shares = _class_shares(values)
    order = np.argsort(-shares, kind="stable")[:_OUTPUTS].tolist() if len(outputs) > _OUTPUTS else range(len(outputs))
    more = f"; the first {_OUTPUTS} of {len(outputs)}" if len(outputs) > _OUTPUTS else ""
    caption = f"Share of the rows whose highest score is that of each output{more}"
    names = [outputs[place] for place in order]
    return bars(names, [float(shares[place]) for place in order], caption, percent)


def _class_shares(values: Floats) -> Floats:
    best = np.bincount(values.argmax(axis=1), minlength=values.shape[1])
    return np.asarray(best / max(len(values), 1))


def _columns(sample: PredictionSample, most: int) -> list[tuple[str, Floats]]:
    return list(zip(sample.outputs[:most], sample.predictions.T, strict=False))


def _quantile(values: Floats, share: float) -> float:
    finite = np.sort(values[np.isfinite(values)])
    # A value that occurs, as sums of two large ones might not be finite.
    return float(finite[int(share * (len(finite) - 1))]) if len(finite) else float("nan")
