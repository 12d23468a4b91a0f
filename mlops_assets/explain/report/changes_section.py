"""The report's section on what another version changes, of the rows of the table `change_summary`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlops_assets.explain.report.bars import BarTable, waterfall
from mlops_assets.explain.report.blocks import Block, DataTable, Facts, Part, data_table, tabs_or_part
from mlops_assets.explain.report.effect_words import size_in_words
from mlops_assets.explain.report.formatting import first_of, number, percent, plural, shorten, signed
from mlops_assets.explain.report.section import CHANGES, Section
from mlops_assets.explain.spaces import SPACES, response_space
from mlops_assets.trees.arrays import Space

Row = Mapping[str, Any]

_SEGMENTS, _OUTPUTS, _NAMED, _NAME, _LISTING = 20, 4, 3, 60, 400
_MANY = 0.05  # of the predictions


def changes_section(
    rows: Iterable[Row],
    version: int | None,
    space: Space,
    *,
    only: tuple[Sequence[str], Sequence[str]] = ((), ()),
    partition: str | None = None,
    beyond: Sequence[str] = (),
) -> Section | None:
    """For whom predictions change between two versions, and which columns cause it; None: nothing was compared.

    Parameters
    ----------
    rows
        Of the table `change_summary`.
    version
        That the report is about.
    space
        The scale of the differences.
    only
        Columns that only the earlier and only the later version has.
    partition
        That the rows are of; None: the table has none.
    beyond
        Which limits of the settings are passed, in words.
    """
    known = list(rows)
    whole = [row for row in known if row["segment_column"] is None]
    if not whole:
        return None
    before, after = whole[0]["version_before"], whole[0]["version_after"]
    came = after == version
    of_partition = "" if partition is None else f" (partition {shorten(partition, _NAME)})"
    title = f"What changed since version {before}" if came else f"What version {after} would change"
    outputs = list(dict.fromkeys(row["output"] for row in whole))
    firsts = [next(row for row in whole if row["output"] == output) for output in outputs]
    foremost = max(firsts, key=lambda row: row["changed_share"])
    of_output = f"Of output {shorten(foremost['output'], _NAME)}: " if len(outputs) > 1 else ""
    headline = f"{of_output}{_headline(foremost, space)}."
    blocks: tuple[Block, ...] = tabs_or_part(
        "changes-of", "Output", [(output, _output(known, output, space)) for output in outputs[:_OUTPUTS]]
    )
    causes = sorted((row for row in whole if row["output"] == foremost["output"]), key=lambda row: row["rank"])
    named = ", ".join(shorten(row["feature"], _NAME) for row in causes[:_NAMED])
    watch = tuple((f"{title}, beyond the limits", f"{words}.") for words in beyond)
    if beyond or foremost["changed_share"] > _MANY:
        watch += ((title, f"most of the difference comes from {named}."),)
    names = zip((f"Columns that only version {each} has" for each in (before, after)), only, strict=True)
    listed = tuple((words, shorten(", ".join(columns), _LISTING)) for words, columns in names if columns)
    blocks = (Facts(listed), *blocks) if listed else blocks
    return Section(f"{title}{of_partition}", CHANGES, blocks, headline, watch)


def _headline(row: Row, space: Space) -> str:
    words = f"{percent(row['changed_share'])} of {plural(row['rows'], 'prediction')} change"
    if row["swapped_share"] is not None:
        words += f", {percent(row['swapped_share'])} change sides of the threshold"
    mean, most = (size_in_words(row[name], response_space(space)) for name in ("mean_abs_change", "max_abs_change"))
    return f"{words}; by {mean} on average, at most by {most}"


def _output(rows: Sequence[Row], output: str, space: Space) -> Part:
    of_output = [row for row in rows if row["output"] == output]
    whole = sorted((row for row in of_output if row["segment_column"] is None), key=lambda row: row["rank"])
    first = whole[0]
    unit = f" ({SPACES[response_space(space)].axis})"
    facts = [
        (
            "Predictions that change",
            f"{first['changed_rows']:,} of {first['rows']:,} ({percent(first['changed_share'])})",
        ),
        ("Mean prediction", f"{number(first['mean_before'])} before, {number(first['mean_after'])} after{unit}"),
        (
            "Change of a prediction",
            f"{number(first['mean_abs_change'])} on average, at most {number(first['max_abs_change'])}{unit}",
        ),
    ]
    if first["swapped_up"] is not None:
        sides = f"{first['swapped_up']:,} rows to above it, {first['swapped_down']:,} rows to below it"
        facts.insert(1, ("Sides of the threshold", sides))
    blocks: list[Block] = [Facts(tuple(facts)), _causes(whole, space)]
    segments = _segments(of_output)
    blocks += [Part("By segment", (segments,))] if segments is not None else []
    return Part(f"Output {shorten(output, _NAME)}", tuple(blocks))


def _causes(whole: Sequence[Row], space: Space) -> BarTable:
    """The mean difference of the explained values, as the sum of what each column contributes to it."""
    first = whole[0]
    steps = [
        (
            f"{shorten(row['feature'])} ({number(row['feature_mean_abs_change'])} per row)",
            "",
            row["feature_mean_change"],
        )
        for row in whole
    ]
    caption = (
        f"Mean difference ({SPACES[space].axis}), and which columns it comes from: their mean absolute part per row, "
        "and their mean part"
    )
    total = first["mean_difference"]
    ends = ("no change", "mean difference")
    base = first["mean_base_change"]
    return waterfall(0.0, total, steps, first["mean_residual_change"], caption, ends=ends, base_change=base)


def _segments(rows: Sequence[Row]) -> DataTable | None:
    """Those whose predictions change most, with the column that causes most of it."""
    first = sorted(
        (row for row in rows if row["segment_column"] is not None and row["rank"] == 1),
        key=lambda row: -row["changed_share"],
    )
    if not first:
        return None
    table = [
        [
            f"{row['segment_column']}: {row['segment']}",
            f"{row['rows']:,}",
            percent(row["changed_share"]),
            "" if row["swapped_share"] is None else percent(row["swapped_share"]),
            signed(row["mean_after"] - row["mean_before"]),
            row["feature"],
        ]
        for row in first[:_SEGMENTS]
    ]
    header = ["segment", "rows", "changed", "other side", "mean change", "most by"]
    caption = f"Segments by the share of predictions that change; {first_of(len(table), len(first))}"
    return data_table(caption, header, table, numeric=(1, 2, 3, 4))
