"""The journal for a terminal."""

from collections.abc import Iterable

from mlops_assets.journal.entry import COLUMNS, OF_APPROVALS, JournalEntry
from mlops_assets.redaction.terminal import printable


def format_entries(entries: Iterable[JournalEntry]) -> str:
    """One line per entry, oldest first, in aligned columns; control characters are shown as their escapes.

    Who approved of moves and why are columns where there is such a move.
    """
    listed = [entry.to_row() for entry in entries]
    if not listed:
        return "The journal is empty: nothing has been seen yet."
    names = [name for name in COLUMNS if name not in OF_APPROVALS or any(row[name] for row in listed)]
    rows = [names] + [["-" if row[name] is None else printable(str(row[name])) for name in names] for row in listed]
    widths = [max(len(row[place]) for row in rows) for place in range(len(names))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
