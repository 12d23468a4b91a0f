"""The journal for a terminal."""

from collections.abc import Iterable

from mlops_assets.journal.entry import COLUMNS, JournalEntry


def format_entries(entries: Iterable[JournalEntry]) -> str:
    """One line per entry, oldest first, in aligned columns; control characters are shown as their escapes."""
    rows = [list(COLUMNS)]
    for entry in entries:
        row = entry.to_row()
        rows.append(["-" if row[name] is None else _printable(str(row[name])) for name in COLUMNS])
    if len(rows) == 1:
        return "The journal is empty: nothing has been seen yet."
    widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
