"""The section on the data contract: how many rows the model's signature accepted and refused, and why."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from mlops_assets.explain.report.bars import bars
from mlops_assets.explain.report.blocks import Block, Paragraph, data_table
from mlops_assets.explain.report.contents import REASONS_COLUMN, ReportContents
from mlops_assets.explain.report.formatting import cell_text, first_of, percent, plural, shorten
from mlops_assets.explain.report.section import Section

_REJECTED, _REASONS, _COLUMNS = 50, 10, 12


def data_contract(contents: ReportContents) -> Section:
    """What was refused, with the most frequent reasons and some of the rows; empty where it is not known."""
    rejected, count = contents.rejected, contents.rejected_count
    if rejected is None:
        return Section("Data contract", "data-contract", ())
    total = None if contents.accepted is None else contents.accepted + count
    if count == 0:
        rows = "every row" if total is None else f"every one of {plural(total, 'row')}"
        return Section(
            "Data contract",
            "data-contract",
            (Paragraph(f"No row was rejected: {rows} conforms to the model's signature."),),
        )
    share = "" if not total else f", {percent(count / total)} of {total:,}"
    words = f"The model's signature refused {plural(count, 'row')}{share}. They were not scored."
    blocks: list[Block] = [Paragraph(words)]
    reasons = count_reasons(contents.rejection_reasons)
    if reasons:
        common = reasons.most_common(_REASONS)
        caption = f"Why: rows by column and reason; {first_of(len(common), len(reasons))}"
        if contents.rejection_reasons is not None and len(contents.rejection_reasons) < count:
            caption += f", counted in the first {len(contents.rejection_reasons):,} rows"
        blocks.append(bars([name for name, _ in common], [float(rows) for _, rows in common], caption, _count))
    names = rejected.column_names
    # The key, the reasons and the columns at fault come first.
    at_fault = [name.rpartition(": ")[0] for name, _ in reasons.most_common(_REASONS)]
    first = [name for name in dict.fromkeys((*contents.row_key, REASONS_COLUMN, *at_fault)) if name in set(names)]
    kept = [*first, *(name for name in names if name not in set(first))][:_COLUMNS]
    shown = rejected.slice(0, _REJECTED).select(kept)
    rows_shown = [[_cell(name, value) for name, value in row.items()] for row in shown.to_pylist()]
    caption = f"{shown.num_rows:,} of {count:,} rows that the model's signature refused"
    if len(kept) < len(names):
        caption += f"; {len(kept)} of {len(names):,} columns"
    blocks.append(data_table(caption, kept, rows_shown))
    watch = f"{plural(count, 'row')}{share}{',' if share else ''} did not conform to the model's signature"
    most = f"; most often {shorten(next(iter(reasons.most_common(1)))[0], 80)}" if reasons else ""
    return Section("Data contract", "data-contract", tuple(blocks), watch=(("Rejected rows", f"{watch}{most}."),))


def count_reasons(reasons: Sequence[Any] | None) -> Counter[str]:
    """How many rows have each reason, as ``column: reason``."""
    counts: Counter[str] = Counter()
    for of_row in reasons or ():
        counts.update(dict.fromkeys(reasons_of_row(of_row), 1))
    # The same order, in whichever order they were met.
    return Counter(dict(sorted(counts.items())))


def reasons_of_row(value: Any) -> list[str]:
    """The reasons of a rejected row, as it was published: a list of columns with codes, or such a list as text."""
    if isinstance(value, str):
        return value.split("; ")
    if not isinstance(value, list):
        return []
    return [
        f"{each['column']}: {str(each['code']).replace('_', ' ')}" if isinstance(each, dict) else str(each)
        for each in value
    ]


def _cell(name: str, value: Any) -> str:
    return "; ".join(reasons_of_row(value)) if name == REASONS_COLUMN else cell_text(value)


def _count(value: float) -> str:
    return f"{int(value):,}"
