"""The report's section on drift, of the rows of the table `drift`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlops_assets.explain.report.bars import BarTable, waterfall
from mlops_assets.explain.report.blocks import Block, DataTable, Paragraph, Part, data_table, tabs_or_part
from mlops_assets.explain.report.formatting import first_of, number, percent, plural, shorten
from mlops_assets.explain.report.section import DRIFT, Section
from mlops_assets.explain.spaces import SPACES
from mlops_assets.trees.arrays import Space

Row = Mapping[str, Any]

_COLUMNS, _SEGMENTS, _OUTPUTS, _NAMED = 20, 20, 4, 3
_NAME = 60


def drift_section(
    rows: Iterable[Row],
    reference: str,
    all_rows: str,
    space: Space,
    *,
    not_decomposed: str = "",
    partition: str | None = None,
) -> Section | None:
    """How the rows have changed since a reference; None: there is nothing to compare with.

    Parameters
    ----------
    rows
        Of the table `drift`.
    reference
        What was compared with.
    all_rows
        The segment that all rows belong to.
    space
        The scale of the explained values.
    not_decomposed
        Why it is not said which columns the change of the mean prediction comes from; empty: it is said.
    partition
        That the rows are of; None: the table has none.
    """
    known = list(rows)
    whole = [row for row in known if row["segment"] == all_rows]
    columns = [row for row in whole if row["output"] is None]
    if not columns:
        return None
    inputs = [row for row in columns if row["role"] == "input"]
    drifted = [row for row in columns if row["drifted"]]
    against = f"against {shorten(reference, _NAME)}" if reference else "against the reference"
    headline = (
        f"{len([row for row in inputs if row['drifted']]):,} of {plural(len(inputs), 'input')} drifted {against}."
    )
    words = (
        f"{headline} A column counts as drifted where its change is no chance, with all columns taken into account, "
        "and larger than the limits of the settings."
    )
    blocks: list[Block] = [Paragraph(words), _columns(columns)]
    if not_decomposed:
        words = f"It is not known which columns the change of the mean prediction comes from: {not_decomposed}."
        blocks.append(Paragraph(words))
    decomposed = [_decomposition(row, whole, space) for row in whole if row["role"] == "explained_value"][:_OUTPUTS]
    blocks += tabs_or_part("drift-of", "Output", decomposed)
    segments = _segments(known, all_rows)
    blocks += [Part("By segment", (segments,))] if segments is not None else []
    of_note = sorted(_by_rank(drifted), key=lambda row: row["role"] != "input")
    watch = tuple((f"Drift of {shorten(_name(row), _NAME)}", f"{_words(row)}.") for row in of_note[:_NAMED])
    title = "Drift" if partition is None else f"Drift of the partition {shorten(partition, _NAME)}"
    return Section(title, DRIFT, tuple(blocks), headline, watch)


def _columns(columns: Sequence[Row]) -> DataTable:
    shown = _by_rank(columns)[:_COLUMNS]
    table = [
        [
            _name(row),
            _number(row["reference_mean"]),
            _number(row["mean"]),
            _share(row["reference_missing_share"]),
            _share(row["missing_share"]),
            _number(row["psi"]),
            _number(row["jensen_shannon"]),
            "" if row["drifted"] is None else "yes" if row["drifted"] else "no",
            _note(row),
        ]
        for row in shown
    ]
    header = ["column", "mean before", "now", "missing before", "now", "PSI", "Jensen-Shannon", "drifted", "note"]
    caption = f"Columns by the strength of their change; {first_of(len(shown), len(columns))}"
    return data_table(caption, header, table, numeric=(1, 2, 3, 4, 5, 6), optional=(8,))


def _decomposition(total: Row, whole: Sequence[Row], space: Space) -> tuple[str, Part]:
    """The change of an output's mean explained value, as the sum of its parts."""
    output = total["output"]
    of_output = [row for row in whole if row["output"] == output]
    base, residual = (
        float(sum(row["mean_change"] for row in of_output if row["role"] == role))
        for role in ("base_value", "residual")
    )
    steps = [(row["column_name"], "", float(row["mean_change"])) for row in of_output if row["role"] == "attribution"]
    name = shorten(output, _NAME)
    caption = f"The mean explained value of {name} ({SPACES[space].axis}), and which columns its change comes from"
    fall: BarTable = waterfall(
        total["reference_mean"], total["mean"], steps, residual, caption, ends=("before", "now"), base_change=base
    )
    return output, Part(f"Where the change of {name} comes from", (fall,))


def _segments(rows: Sequence[Row], all_rows: str) -> DataTable | None:
    segments = list(dict.fromkeys(row["segment"] for row in rows if row["segment"] != all_rows))
    if not segments:
        return None
    table = []
    for segment in segments:
        columns = [row for row in rows if row["segment"] == segment and row["output"] is None]
        drifted = _by_rank([row for row in columns if row["drifted"]])
        count = max((row["rows"] for row in columns), default=0)
        named = ", ".join(shorten(_name(row), _NAME) for row in drifted[:_NAMED])
        table.append((len(drifted), [segment, f"{count:,}", f"{len(drifted):,}", named]))
    table.sort(key=lambda entry: -entry[0])
    caption = f"Segments by drifted columns; {first_of(min(len(table), _SEGMENTS), len(table))}"
    header = ["segment", "rows", "drifted columns", "foremost"]
    return data_table(caption, header, [cells for _, cells in table[:_SEGMENTS]], numeric=(1, 2))


def _words(row: Row) -> str:
    parts = []
    if row["psi"] is not None:
        parts.append(f"PSI {number(row['psi'], 3)}")
    elif row["jensen_shannon"] is not None:
        parts.append(f"Jensen-Shannon distance {number(row['jensen_shannon'], 3)}")
    if row["mean"] is not None and row["reference_mean"] is not None:
        parts.append(f"mean {number(row['reference_mean'])} before, {number(row['mean'])} now")
    if row["unseen_share"]:
        parts.append(f"{percent(row['unseen_share'])} in categories that the reference does not have")
    if row["missing_share"] != row["reference_missing_share"] and row["missing_share"] is not None:
        parts.append(f"{_share(row['reference_missing_share'])} missing before, {percent(row['missing_share'])} now")
    return ", ".join(parts) or "it has changed"


def _note(row: Row) -> str:
    unseen = row["unseen_categories"]
    return "; ".join(text for text in (row["note"] or "", f"new: {unseen}" if unseen else "") if text)


def _name(row: Row) -> str:
    name = row["column_name"] or ""
    return name if row["role"] == "input" else f"{name} (prediction)"


def _by_rank(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["rank"] is None, row["rank"] or 0))


def _number(value: float | None) -> str:
    return "" if value is None else number(value)


def _share(value: float | None) -> str:
    return "" if value is None else percent(value)
