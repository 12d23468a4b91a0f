"""Text tables that were cut at the wrong character."""

from collections.abc import Sequence

_DELIMITERS = (";", "\t", "|")


def find_other_delimiter(names: Sequence[str]) -> str | None:
    """The character that seems to separate the columns of a table that was read as one column; None: none does.

    >>> find_other_delimiter(["id;age;plan"])
    ';'
    >>> find_other_delimiter(["id", "age;plan"])
    """
    if len(names) != 1:
        return None
    return next((one for one in _DELIMITERS if one in names[0]), None)


def delimiter_advice(names: Sequence[str]) -> str | None:
    """What to set where a table was cut at the wrong character; None: it seems to be cut right."""
    found = find_other_delimiter(names)
    if found is None:
        return None
    shown = '"\\t"' if found == "\t" else f'"{found}"'
    return (
        f"The table has one column, with {shown} in its name: if that separates the columns, set "
        f"`inputs: {{delimiter: {shown}}}`"
    )
