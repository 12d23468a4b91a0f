"""The explanation report: one HTML file that needs nothing else, from plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from mlops_assets.explain.columns import shap_column
from mlops_assets.explain.compare.diff import ExplanationDiff
from mlops_assets.explain.ledger.residuals import ResidualVerdict
from mlops_assets.explain.ledger.summary import LedgerSummary
from mlops_assets.explain.report.notable_rows import NotableRow
from mlops_assets.explain.report.style import STYLE
from mlops_assets.explain.report.svg_charts import (
    bars,
    beeswarm,
    dependence,
    escape,
    number,
    table,
    value_ranks,
    waterfall,
)
from mlops_assets.trees.arrays import Floats

_OUTPUTS = 4  # explained in detail
_FEATURES, _DEPENDENCES = 12, 4
_REJECTED, _CHANGES = 50, 15
_CATEGORIES = 8
_UNITS = {
    "identity": "the prediction itself",
    "log": "the natural logarithm of the prediction",
    "log-odds": "log-odds: 0 is even odds, and every +0.69 doubles them",
    "probability": "probability, from 0 to 1",
    "margin": "the decision function, whose sign decides",
}


@dataclass(frozen=True)
class ReportContents:
    """What a report tells.

    Attributes
    ----------
    title
        For example ``breast_cancer 3``.
    facts
        What the model is and how it was explained, in order: name, version, digest, explainer and reason, ...
    summary
        Of the whole ledger, with its sample.
    space
        `Explainer.space`.
    row_key
        Key columns of the ledger.
    inputs
        Output -> the input rows of ``summary.sample(output)``, in its order (`matching_rows`); without them there are
        no dependence plots, and the points have no colour.
    notable
        Output -> rows shown as waterfalls (`notable_rows`).
    notable_inputs
        Row key values -> the input values of these rows.
    residuals
        The verdict on additivity.
    rejected, rejected_count
        Some of the rows that the contract refused, with their reasons as a column, and how many there are.
    difference, compared_with
        Against another version, and its name.
    """

    title: str
    facts: Mapping[str, str]
    summary: LedgerSummary
    space: str
    row_key: Sequence[str]
    inputs: Mapping[str, pa.Table] = field(default_factory=dict)
    notable: Mapping[str, Sequence[NotableRow]] = field(default_factory=dict)
    notable_inputs: Mapping[tuple[Any, ...], Mapping[str, Any]] = field(default_factory=dict)
    residuals: ResidualVerdict | None = None
    rejected: pa.Table | None = None
    rejected_count: int = 0
    difference: ExplanationDiff | None = None
    compared_with: str = ""


def report_html(contents: ReportContents) -> str:
    """The report as one HTML document.

    It opens from disk without a network (no script, no font, no link, and a policy that forbids them), fits a phone,
    prints in black and colour, and every chart is a table or has a text alternative. All names and values from model
    and table are escaped. The same contents give the same text.
    """
    outputs = contents.summary.outputs[:_OUTPUTS]
    parts = [_model(contents), _overview(contents)]
    parts += [_output(contents, output) for output in outputs]
    left_out = contents.summary.outputs[_OUTPUTS:]
    if left_out:
        parts.append(f"<p>Not shown in detail: {escape(', '.join(left_out), 400)}.</p>")
    parts += [_rejected(contents), _difference(contents)]
    return (
        '<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content="width=device-width">'
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(contents.title)}: explanations</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{escape(contents.title)}<small>Why each row got its prediction</small></h1>{''.join(parts)}"
        "</main></body></html>\n"
    )


def _model(contents: ReportContents) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in contents.facts.items())
    unit = _UNITS.get(contents.space, contents.space)
    verdict = contents.residuals
    adds_up = ""
    if verdict is not None:
        state = "add up to the prediction" if verdict.passed else "do not add up to the prediction everywhere"
        adds_up = (
            f"<dt>Additivity</dt><dd>Base value and attributions {state}: {verdict.beyond} of {verdict.rows} ledger"
            f" rows are beyond rounding, the largest residual is {number(verdict.largest)}.</dd>"
        )
    return (
        f"<section><h2>The model</h2><dl>{rows}<dt>Unit</dt><dd>{escape(unit)}</dd>"
        f"<dt>Rows explained</dt><dd>{contents.summary.rows}</dd>{adds_up}</dl></section>"
    )


def _overview(contents: ReportContents) -> str:
    summary = contents.summary
    total = np.sum([summary.mean_abs(output) for output in summary.outputs], axis=0)
    if not summary.outputs or summary.rows == 0:
        return "<section><h2>What matters</h2><p>No row was explained.</p></section>"
    order = np.argsort(-total, kind="stable")[:_FEATURES]
    over = f", added up over {len(summary.outputs)} outputs" if len(summary.outputs) > 1 else ""
    caption = f"Mean absolute effect on the prediction{over}; the first {len(order)} of {len(total)} inputs"
    names = [summary.features[place] for place in order]
    return f"<section><h2>What matters</h2>{bars(names, total[order].tolist(), caption)}</section>"


def _output(contents: ReportContents, output: str) -> str:
    sample = contents.summary.sample(output)
    if sample is None or sample.num_rows == 0:
        return ""
    order = np.argsort(contents.summary.ranks(output))[:_FEATURES]
    names = [contents.summary.features[place] for place in order]
    inputs = contents.inputs.get(output)
    effects = np.column_stack([sample.column(shap_column(name)).to_numpy() for name in names])
    colours = [value_ranks(inputs.column(name)) if inputs is not None else None for name in names]
    key = "Blue: low value of the input; red: high value; grey: text or missing." if inputs is not None else ""
    swarm = beeswarm(
        names,
        effects,
        colours,
        f"Effects of {len(names)} inputs on {output} for {sample.num_rows} rows; foremost: {', '.join(names[:3])}",
        f"effect on the prediction ({contents.space})",
    )
    parts = [f"<p>Each point is one of {sample.num_rows} rows. {key}</p>{swarm}"]
    if inputs is not None:
        plots = "".join(
            _dependence(inputs.column(name), effects[:, place], name) for place, name in enumerate(names[:_DEPENDENCES])
        )
        parts.append(f"<h3>Effect by value</h3><div class=grid>{plots}</div>")
    falls = "".join(_waterfall(contents, output, notable) for notable in contents.notable.get(output, ()))
    if falls:
        parts.append(f"<h3>Single rows</h3><div class=grid>{falls}</div>")
    return f"<section><h2>Output {escape(output)}</h2>{''.join(parts)}</section>"


def _dependence(column: pa.ChunkedArray, effects: Floats, name: str) -> str:
    label = f"Effect of {name} by its value, from {number(float(effects.min()))} to {number(float(effects.max()))}"
    if value_ranks(column) is not None:
        values = column.cast(pa.float64(), safe=False).to_numpy()
        return dependence(values, effects, name, label)
    texts = np.array([str(value) for value in column.to_pylist()], dtype=object)
    # The most frequent texts, ties by the alphabet; the others share one place.
    found, counts = np.unique(texts, return_counts=True)
    common = [str(found[place]) for place in np.argsort(-counts, kind="stable")[:_CATEGORIES]]
    ticks = common if len(found) <= _CATEGORIES else [*common[:-1], "other"]
    places = np.array([ticks.index(text) if text in ticks else len(ticks) - 1 for text in texts], dtype=np.float64)
    # Spread the points of one text a little, by their order, so that their number shows.
    shift = (np.arange(len(places)) * 0.618 % 1 - 0.5) * 0.4
    return dependence(places + shift, effects, name, label, ticks)


def _waterfall(contents: ReportContents, output: str, notable: NotableRow) -> str:
    row = notable.row
    key = tuple(row[name] for name in contents.row_key)
    named = ", ".join(f"{name} {value}" for name, value in zip(contents.row_key, key, strict=True))
    values = contents.notable_inputs.get(key, {})
    steps = [
        (name, _text(values[name]) if name in values else "", float(row[shap_column(name)]))
        for name in contents.summary.features
    ]
    why = notable.why if notable.why.endswith("residual") else f"{notable.why} prediction"
    caption = f"{why.capitalize()} of {output}: {named}"
    return waterfall(row["base_value"], row["prediction"], steps, row["residual"], caption)


def _rejected(contents: ReportContents) -> str:
    if contents.rejected is None:
        return ""
    if contents.rejected_count == 0:
        return "<section><h2>Rejected rows</h2><p>None: every row conforms to the model's signature.</p></section>"
    shown = contents.rejected.slice(0, _REJECTED)
    rows = [[_text(value) for value in row.values()] for row in shown.to_pylist()]
    caption = f"{shown.num_rows} of {contents.rejected_count} rows that the model's signature refused"
    return f"<section><h2>Rejected rows</h2>{table(shown.column_names, rows, caption)}</section>"


def _difference(contents: ReportContents) -> str:
    found = contents.difference
    if found is None:
        return ""
    parts = []
    for words, names in (
        ("Inputs that are new", found.added_features),
        ("Inputs that are gone", found.removed_features),
        ("Outputs that are new", found.added_outputs),
        ("Outputs that are gone", found.removed_outputs),
    ):
        if names:
            parts.append(f"<p>{words}: {escape(', '.join(names), 400)}.</p>")
    for output in found.outputs[:_OUTPUTS]:
        moved = f"{len(output.entered)} of the top {output.top_k} are new" if output.entered else "the same top inputs"
        rows = [
            [
                change.feature,
                change.old_mean_abs,
                change.new_mean_abs,
                "" if change.mean_abs_change is None else change.mean_abs_change,
                "" if change.sign_flips is None else f"{100 * change.sign_flips:.1f} %",
                f"{change.old_rank} → {change.new_rank}" + (" (sign turned)" if change.mean_sign_flipped else ""),
            ]
            for change in output.features[:_CHANGES]
        ]
        header = ["input", "mean |effect| before", "now", "mean change per row", "rows whose sign turned", "rank"]
        caption = f"Output {output.output}: ranking agreement (nDCG) {number(output.ndcg)}, {moved}"
        parts.append(table(header, rows, caption, numeric=(1, 2, 3, 4)))
    name = escape(contents.compared_with or "the previous version")
    return f"<section><h2>What changed since {name}</h2>{''.join(parts)}</section>"


def _text(value: Any) -> str:
    return "missing" if value is None else number(value) if isinstance(value, float) else str(value)
