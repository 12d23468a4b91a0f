"""The section on what matters: which columns, for which output, at which values, and together with which others."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from mlops_assets.explain.columns import shap_column
from mlops_assets.explain.report.bars import BarTable, bars
from mlops_assets.explain.report.blocks import Block, Grid, Paragraph, Part, data_table, tabs_or_part
from mlops_assets.explain.report.charts import beeswarm
from mlops_assets.explain.report.contents import OUTPUTS_SHOWN, ReportContents
from mlops_assets.explain.report.effect_words import describe_direction
from mlops_assets.explain.report.formatting import NAME_LENGTH, cell_text, first_of, number, shorten
from mlops_assets.explain.report.marks import Chart
from mlops_assets.explain.report.points import value_ranks
from mlops_assets.explain.report.section import Section
from mlops_assets.explain.report.value_charts import dependence
from mlops_assets.explain.spaces import SPACES
from mlops_assets.trees.arrays import Floats

_FEATURES, _DEPENDENCES = 12, 4
_CATEGORIES = 8
_LISTING = 400  # the most characters
_OUTPUTS_NAMED = 50


def what_matters(contents: ReportContents) -> Section:
    """Importance of the columns over all rows, and their effects by output."""
    outputs = contents.summary.outputs
    overview = _overview(contents)
    blocks: list[Block] = [Paragraph("No row was explained.") if overview is None else overview]
    blocks += tabs_or_part(
        "effects",
        "Output",
        [(output, part) for output in outputs[:OUTPUTS_SHOWN] if (part := _output(contents, output)) is not None],
    )
    blocks += _other_outputs(contents)
    interactions = _interactions(contents)
    if interactions is not None:
        blocks.append(Part("What inputs do together", (interactions,)))
    return Section("What matters", "what-matters", tuple(blocks))


def _overview(contents: ReportContents) -> BarTable | None:
    summary = contents.summary
    if not summary.outputs or summary.rows == 0:
        return None
    total = np.sum([summary.mean_abs(output) for output in summary.outputs], axis=0)
    order = np.argsort(-total, kind="stable")[:_FEATURES]
    over = f", added up over {len(summary.outputs)} outputs" if len(summary.outputs) > 1 else ""
    caption = (
        f"Mean absolute effect on the {SPACES[contents.space].noun} ({SPACES[contents.space].axis}){over}; "
        f"{first_of(len(order), len(total), 'inputs')}"
    )
    return bars([summary.features[place] for place in order], total[order].tolist(), caption)


def _interactions(contents: ReportContents) -> BarTable | None:
    sizes = contents.interactions
    if sizes is None or not sizes.rows:
        return None
    means = sizes.mean_over_outputs()
    order = np.argsort(-means, kind="stable")[:_FEATURES]
    over = f", added up over {len(sizes.rows)} outputs" if len(sizes.rows) > 1 else ""
    caption = (
        f"Mean absolute interaction ({SPACES[contents.space].axis}), half of what two inputs do together{over}; "
        f"{first_of(len(order), len(means), 'pairs')} of "
        f"{', '.join(shorten(name, NAME_LENGTH) for name in sizes.columns)}"
    )
    names = [" × ".join(sizes.pairs[place]) for place in order.tolist()]
    return bars(names, means[order].tolist(), shorten(caption, _LISTING))


def _other_outputs(contents: ReportContents) -> list[Block]:
    """Of the outputs without a part of their own, the first columns."""
    summary = contents.summary
    others = summary.outputs[OUTPUTS_SHOWN:]
    if not others:
        return []
    left_out = [Paragraph(f"Not shown in detail: {shorten(', '.join(others), _LISTING)}.")]
    if summary.rows == 0:
        return [*left_out]
    rows = []
    for output in others[:_OUTPUTS_NAMED]:
        sizes = summary.mean_abs(output)
        first = np.argsort(-sizes, kind="stable")[:3].tolist()
        rows.append([output, *(f"{shorten(summary.features[at], 40)} ({number(float(sizes[at]), 3)})" for at in first)])
    width = max(map(len, rows))
    caption = "The inputs that matter most for the other outputs, with their mean absolute effect"
    if len(others) > _OUTPUTS_NAMED:
        caption += f"; the first {_OUTPUTS_NAMED} of {len(others):,} outputs"
    return [*left_out, data_table(caption, ["output", "first", "second", "third"][:width], rows)]


def _output(contents: ReportContents, output: str) -> Part | None:
    sample = contents.summary.sample(output)
    if sample is None or sample.num_rows == 0:
        return None
    order = np.argsort(contents.summary.ranks(output))[:_FEATURES]
    names = [contents.summary.features[place] for place in order]
    inputs = contents.inputs.get(output)
    effects = np.column_stack([sample.column(shap_column(name)).to_numpy() for name in names])
    unit, noun = SPACES[contents.space].axis, SPACES[contents.space].noun
    swarm = beeswarm(
        names,
        effects,
        [value_ranks(inputs.column(name)) if inputs is not None else None for name in names],
        _describe_swarm(names, effects, inputs, output),
        f"effect on the {noun} ({unit})",
    )
    colours = "" if inputs is None else " Blue: low value of the input; red: high value; grey: text or missing."
    words = Paragraph(
        f"Each point is one of {sample.num_rows:,} rows: right of the line the input raises the {noun}, left of it "
        f"it lowers it.{colours}"
    )
    blocks: list[Block] = [words, replace(swarm, title=f"Effects on {shorten(output, NAME_LENGTH)}")]
    if inputs is not None:
        charts = tuple(
            _dependence(inputs.column(name), effects[:, at], name, unit) for at, name in enumerate(names[:_DEPENDENCES])
        )
        blocks.append(Part("Effect by value", (Grid(charts),)))
    return Part(f"Output {shorten(output, NAME_LENGTH)}", tuple(blocks))


def _describe_swarm(names: Sequence[str], effects: Floats, inputs: pa.Table | None, output: str) -> str:
    parts = []
    for at, name in enumerate(names[:3]):
        direction = (
            "" if inputs is None else f". {describe_direction(inputs.column(name), effects[:, at])}".rstrip(". ")
        )
        low, high = float(effects[:, at].min()), float(effects[:, at].max())
        parts.append(f"{shorten(name, NAME_LENGTH)} from {number(low)} to {number(high)}{direction}")
    return (
        f"Effects of {len(names)} inputs on {shorten(output, NAME_LENGTH)} for {effects.shape[0]:,} rows; foremost: "
        f"{'; '.join(parts)}"
    )


def _dependence(column: pa.ChunkedArray, effects: Floats, name: str, unit: str) -> Chart:
    description = (
        f"Effect of {shorten(name, NAME_LENGTH)} by its value, from {number(float(effects.min()))} to "
        f"{number(float(effects.max()))}. {describe_direction(column, effects)}".rstrip()
    )
    if value_ranks(column) is not None:
        values = column.cast(pa.float64(), safe=False).to_numpy()
        return dependence(values, effects, name, description, unit)
    texts = np.array([cell_text(value) for value in column.to_pylist()], dtype=object)
    # The most frequent texts, ties by the alphabet; the others share one place.
    distinct, counts = np.unique(texts, return_counts=True)
    common = [str(distinct[place]) for place in np.argsort(-counts, kind="stable")[:_CATEGORIES]]
    ticks = common if len(distinct) <= _CATEGORIES else [*common[:-1], "other"]
    places = np.array([ticks.index(text) if text in ticks else len(ticks) - 1 for text in texts], dtype=np.float64)
    # Spread the points of one text a little, by their order, so that their number shows.
    shift = (np.arange(len(places)) * 0.618 % 1 - 0.5) * 0.4
    return dependence(places + shift, effects, name, description, unit, ticks)
