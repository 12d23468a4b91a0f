"""The explanation report: one HTML file that needs nothing else, from plain values.

This module decides what is shown; `templates/report.html.jinja` writes the markup and escapes every value.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mlops_assets.explain.columns import EXPLAINED_VALUE, shap_column
from mlops_assets.explain.compare.changes import OutputChange
from mlops_assets.explain.report.bars import BarTable, bars, waterfall
from mlops_assets.explain.report.charts import beeswarm, dependence
from mlops_assets.explain.report.contents import OUTPUTS_SHOWN, ReportContents
from mlops_assets.explain.report.example_rows import ExampleRow
from mlops_assets.explain.report.formatting import NAME_LENGTH, cell_text, number, shorten
from mlops_assets.explain.report.marks import Chart
from mlops_assets.explain.report.points import value_ranks
from mlops_assets.explain.report.rendering import render
from mlops_assets.explain.spaces import SPACES
from mlops_assets.trees.arrays import Floats

_FEATURES, _DEPENDENCES = 12, 4
_REJECTED, _CHANGES = 50, 15
_CATEGORIES = 8
_CELL, _LISTING = 200, 400  # the most characters


@dataclass(frozen=True)
class _Table:
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: tuple[int, ...] = ()  # columns that are aligned right


@dataclass(frozen=True)
class _Output:
    name: str
    rows: int
    coloured: bool
    beeswarm: Chart
    dependences: Sequence[Chart]
    waterfalls: Sequence[BarTable]
    reasons: _Table | None


@dataclass(frozen=True)
class _Difference:
    compared_with: str
    names: Sequence[tuple[str, str]]
    tables: Sequence[_Table]


def report_html(contents: ReportContents) -> str:
    """The report as one HTML document.

    It opens from disk without a network (no script, no font, no link, and a policy that forbids them), fits a phone,
    prints in black and colour, and every chart is a table or has a text alternative. All names and values from model
    and table are escaped. The same contents give the same text.
    """
    outputs = contents.summary.outputs
    return render(
        "report.html.jinja",
        title=contents.title,
        facts=_facts(contents),
        overview=_overview(contents),
        interactions=_interactions(contents),
        outputs=[shown for output in outputs[:OUTPUTS_SHOWN] if (shown := _output(contents, output)) is not None],
        outputs_left_out=shorten(", ".join(outputs[OUTPUTS_SHOWN:]), _LISTING),
        rejected=_rejected(contents),
        rejected_count=None if contents.rejected is None else contents.rejected_count,
        difference=_difference(contents),
    )


def _facts(contents: ReportContents) -> dict[str, str]:
    facts = {
        **contents.facts,
        "Unit": SPACES[contents.space].meaning,
        "Rows explained": str(contents.summary.rows),
    }
    verdict = contents.residuals
    if verdict is not None:
        state = "add up to the prediction" if verdict.passed else "do not add up to the prediction everywhere"
        facts["Additivity"] = (
            f"Base value and attributions {state}: {verdict.beyond} of {verdict.rows} ledger rows are beyond rounding,"
            f" the largest residual is {number(verdict.largest)}."
        )
    return facts


def _overview(contents: ReportContents) -> BarTable | None:
    summary = contents.summary
    if not summary.outputs or summary.rows == 0:
        return None
    total = np.sum([summary.mean_abs(output) for output in summary.outputs], axis=0)
    order = np.argsort(-total, kind="stable")[:_FEATURES]
    over = f", added up over {len(summary.outputs)} outputs" if len(summary.outputs) > 1 else ""
    caption = f"Mean absolute effect on the prediction{over}; the first {len(order)} of {len(total)} inputs"
    return bars([summary.features[place] for place in order], total[order].tolist(), caption)


def _interactions(contents: ReportContents) -> BarTable | None:
    sizes = contents.interactions
    if sizes is None or not sizes.rows:
        return None
    means = sizes.mean_over_outputs()
    order = np.argsort(-means, kind="stable")[:_FEATURES]
    over = f", added up over {len(sizes.rows)} outputs" if len(sizes.rows) > 1 else ""
    caption = (
        f"Mean absolute interaction, half of what two inputs do together{over}; the first {len(order)} of "
        f"{len(means)} pairs of {', '.join(shorten(name, NAME_LENGTH) for name in sizes.columns)}"
    )
    names = [" × ".join(sizes.pairs[place]) for place in order.tolist()]
    return bars(names, means[order].tolist(), shorten(caption, _LISTING))


def _output(contents: ReportContents, output: str) -> _Output | None:
    sample = contents.summary.sample(output)
    if sample is None or sample.num_rows == 0:
        return None
    order = np.argsort(contents.summary.ranks(output))[:_FEATURES]
    names = [contents.summary.features[place] for place in order]
    inputs = contents.inputs.get(output)
    effects = np.column_stack([sample.column(shap_column(name)).to_numpy() for name in names])
    swarm = beeswarm(
        names,
        effects,
        [value_ranks(inputs.column(name)) if inputs is not None else None for name in names],
        f"Effects of {len(names)} inputs on {output} for {sample.num_rows} rows; foremost: {', '.join(names[:3])}",
        f"effect on the prediction ({SPACES[contents.space].axis})",
    )
    dependences = (
        []
        if inputs is None
        else [_dependence(inputs.column(name), effects[:, at], name) for at, name in enumerate(names[:_DEPENDENCES])]
    )
    waterfalls = [_waterfall(contents, output, example) for example in contents.examples.get(output, ())]
    reasons = _reasons(contents, output)
    return _Output(output, sample.num_rows, inputs is not None, swarm, dependences, waterfalls, reasons)


def _dependence(column: pa.ChunkedArray, effects: Floats, name: str) -> Chart:
    description = (
        f"Effect of {name} by its value, from {number(float(effects.min()))} to {number(float(effects.max()))}"
    )
    if value_ranks(column) is not None:
        values = column.cast(pa.float64(), safe=False).to_numpy()
        return dependence(values, effects, name, description)
    texts = np.array([str(value) for value in column.to_pylist()], dtype=object)
    # The most frequent texts, ties by the alphabet; the others share one place.
    distinct, counts = np.unique(texts, return_counts=True)
    common = [str(distinct[place]) for place in np.argsort(-counts, kind="stable")[:_CATEGORIES]]
    ticks = common if len(distinct) <= _CATEGORIES else [*common[:-1], "other"]
    places = np.array([ticks.index(text) if text in ticks else len(ticks) - 1 for text in texts], dtype=np.float64)
    # Spread the points of one text a little, by their order, so that their number shows.
    shift = (np.arange(len(places)) * 0.618 % 1 - 0.5) * 0.4
    return dependence(places + shift, effects, name, description, ticks)


def _waterfall(contents: ReportContents, output: str, example: ExampleRow) -> BarTable:
    row = example.row
    key = tuple(row[name] for name in contents.row_key)
    named = ", ".join(f"{name} {value}" for name, value in zip(contents.row_key, key, strict=True))
    values = contents.example_inputs.get(key, {})
    steps = [
        (name, cell_text(values[name]) if name in values else "", float(row[shap_column(name)]))
        for name in contents.summary.features
    ]
    caption = f"{_why(example).capitalize()} of {output}: {named}"
    return waterfall(row["base_value"], row[EXPLAINED_VALUE], steps, row["residual"], caption)


def _why(example: ExampleRow) -> str:
    return example.why if example.why.endswith("residual") else f"{example.why} prediction"


def _reasons(contents: ReportContents, output: str) -> _Table | None:
    """The reasons of the rows that are shown, in words."""
    of_rows = contents.example_reasons.get(output, ())
    rows = [
        [
            f"{_why(example)}: {', '.join(str(example.row[name]) for name in contents.row_key)}",
            str(reason["rank"]),
            reason["feature"],
            cell_text(reason["value"]),
            f"{'+' if reason['attribution'] > 0 else ''}{number(reason['attribution'])}",
            f"{100 * reason['share']:.0f} %",
            " ".join(text for text in (reason["code"], reason["text"]) if text),
            "yes" if reason["stable"] else "no",
        ]
        for example, reasons in zip(contents.examples.get(output, ()) if of_rows else (), of_rows, strict=True)
        for reason in reasons
    ]
    if not rows:
        return None
    header = ["row", "rank", "input", "value", "effect", "share", "reason", "stable"]
    caption = f"Why these rows have their predictions (effect in {SPACES[contents.space].axis})"
    return _table(caption, header, rows, numeric=(1, 4, 5))


def _rejected(contents: ReportContents) -> _Table | None:
    if contents.rejected is None or contents.rejected_count == 0:
        return None
    shown = contents.rejected.slice(0, _REJECTED)
    rows = [[cell_text(value) for value in row.values()] for row in shown.to_pylist()]
    caption = f"{shown.num_rows} of {contents.rejected_count} rows that the model's signature refused"
    return _table(caption, shown.column_names, rows)


def _difference(contents: ReportContents) -> _Difference | None:
    difference = contents.difference
    if difference is None:
        return None
    spaces = difference.spaces
    names = (
        ("Inputs that are new", difference.added_features),
        ("Inputs that are gone", difference.removed_features),
        ("Outputs that are new", difference.added_outputs),
        ("Outputs that are gone", difference.removed_outputs),
    )
    return _Difference(
        (contents.compared_with or "the previous version")
        + ("" if difference.has_one_scale or not spaces else f" (effects before in {spaces[0]}, now in {spaces[1]})"),
        [(words, shorten(", ".join(listed), _LISTING)) for words, listed in names if listed],
        [_changes(output) for output in difference.outputs[:OUTPUTS_SHOWN]],
    )


def _changes(output: OutputChange) -> _Table:
    moved = f"{len(output.entered)} of the top {output.top_k} are new" if output.entered else "the same top inputs"
    rows = [
        [
            change.feature,
            number(change.old_mean_abs),
            number(change.new_mean_abs),
            "" if change.mean_abs_change is None else number(change.mean_abs_change),
            "" if change.sign_flips is None else f"{100 * change.sign_flips:.1f} %",
            f"{change.old_rank} → {change.new_rank}" + (" (sign turned)" if change.mean_sign_flipped else ""),
        ]
        for change in output.features[:_CHANGES]
    ]
    header = ["input", "mean |effect| before", "now", "mean change per row", "rows whose sign turned", "rank"]
    caption = f"Output {output.output}: ranking agreement (nDCG) {number(output.ndcg)}, {moved}"
    return _table(caption, header, rows, numeric=(1, 2, 3, 4))


def _table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]], numeric: tuple[int, ...] = ()) -> _Table:
    return _Table(
        caption,
        [shorten(name, _CELL) for name in header],
        [[shorten(cell, _CELL) for cell in row] for row in rows],
        numeric,
    )
