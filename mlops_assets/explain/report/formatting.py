"""Names and numbers as a report shows them."""

from typing import Any

NAME_LENGTH = 48
"""The most characters of a name in a chart of the report."""


def number(value: float, digits: int = 4) -> str:
    """So many significant digits, with a proper minus sign."""
    return f"{value:.{digits}g}".replace("-", "\N{MINUS SIGN}")


def cell_text(value: Any) -> str:
    """A value of a table as text."""
    return "missing" if value is None else number(value) if isinstance(value, float) else str(value)


def shorten(text: str, length: int = 26) -> str:
    """A name that fits beside a plot, its end kept: long names tend to differ there."""
    text = " ".join(str(text).split())
    return text if len(text) <= length else f"{text[: length // 2 - 1]}…{text[-(length - length // 2) :]}"
