"""The section on single rows: how the prediction of some came about, and their reasons in words."""

import numpy as np

from mlops_assets.arrow.python_values import comparable_key
from mlops_assets.explain.columns import EXPLAINED_VALUE, shap_column
from mlops_assets.explain.report.bars import BarTable, waterfall
from mlops_assets.explain.report.blocks import Block, DataTable, Grid, Paragraph, Part, data_table, tabs_or_part
from mlops_assets.explain.report.contents import OUTPUTS_SHOWN, ReportContents
from mlops_assets.explain.report.example_rows import ExampleRow
from mlops_assets.explain.report.formatting import (
    cell_text,
    number,
    of_output,
    percent,
    reason_value,
    shorten,
    signed,
)
from mlops_assets.explain.report.section import Section
from mlops_assets.explain.spaces import LOSSES, SPACES, to_response_scale

_KEY, _OUTPUT = 120, 60  # the most characters


def for_whom(contents: ReportContents) -> Section:
    """Example rows of each output as waterfalls, with their reasons where the model has some."""
    shown = [output for output in contents.summary.outputs[:OUTPUTS_SHOWN] if contents.examples.get(output)]
    blocks: tuple[Block, ...] = tabs_or_part(
        "rows", "Output", [(output, _output(contents, output)) for output in shown]
    )
    if blocks:
        base = "what the model predicts on average"
        if contents.space in LOSSES:
            base = "the mean loss of the background under this row's label"
        words = (
            f"Each {SPACES[contents.space].noun} is the base value, {base}, and what each input adds to it "
            f"(in {SPACES[contents.space].axis}). mlops-assets decision tells the story of any other row."
        )
        blocks = (Paragraph(words), *blocks)
    return Section("For whom: single rows", "for-whom", blocks)


def _output(contents: ReportContents, output: str) -> Part:
    waterfalls = tuple(_waterfall(contents, output, example) for example in contents.examples[output])
    reasons = _reasons(contents, output)
    blocks: tuple[Block, ...] = (Grid(waterfalls),)
    return Part(
        f"Rows of output {shorten(output, _OUTPUT)}",
        blocks if reasons is None else (*blocks, Part("Reasons", (reasons,))),
    )


def _waterfall(contents: ReportContents, output: str, example: ExampleRow) -> BarTable:
    row = example.row
    key = comparable_key(row[name] for name in contents.row_key)
    named = ", ".join(f"{name} {value}" for name, value in zip(contents.row_key, key, strict=True))
    values = contents.example_inputs.get(key, {})
    steps = [
        (name, cell_text(values[name]) if name in values else "", float(row[shap_column(name)]))
        for name in contents.summary.features
    ]
    response = _response(contents, row[EXPLAINED_VALUE])
    caption = f"{_why(example, contents).capitalize()}{of_output(output)}: {shorten(named, _KEY)}{response}"
    ends = ("base value", SPACES[contents.space].noun)
    return waterfall(row["base_value"], row[EXPLAINED_VALUE], steps, row["residual"], caption, ends=ends)


def _response(contents: ReportContents, explained: float) -> str:
    """What the model itself predicts, where that follows from this output alone."""
    if contents.space not in ("log-odds", "log"):
        return ""
    prediction = float(to_response_scale(np.array([[explained]]), contents.space)[0, 0])
    return (
        f" (probability {percent(prediction)})"
        if contents.space == "log-odds"
        else f" (predicted {number(prediction)})"
    )


def _why(example: ExampleRow, contents: ReportContents) -> str:
    return example.why if example.why.endswith("residual") else f"{example.why} {SPACES[contents.space].noun}"


def _reasons(contents: ReportContents, output: str) -> DataTable | None:
    """The reasons of the rows that are shown, in words."""
    of_rows = contents.example_reasons.get(output, ())
    rows = [
        [
            f"{_why(example, contents)}: {', '.join(str(example.row[name]) for name in contents.row_key)}",
            str(reason["rank"]),
            reason["feature"],
            reason_value(reason["value"]),
            signed(reason["attribution"]),
            percent(reason["share"]),
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
    return data_table(caption, header, rows, numeric=(1, 4, 5), optional=(6,))
