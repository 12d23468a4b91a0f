"""Names and numbers as a report shows them."""

import math
from typing import Any

NAME_LENGTH = 48
"""The most characters of a name in a chart of the report."""

_LARGEST, _SMALLEST = 1e9, 1e-4  # beyond these a power of ten is read more easily


def number(value: float, digits: int = 4) -> str:
    """So many significant digits, thousands apart, with a proper minus sign.

    Examples
    --------
    >>> number(1234567.8), number(0.00001234), number(12.0)
    ('1,235,000', '1.234e−5', '12')
    """
    rounded = float(f"{value:.{digits}g}") if math.isfinite(value) else value
    if not math.isfinite(value) or value == 0:
        text = f"{value + 0.0:g}" if value else "0"
    elif _SMALLEST <= abs(rounded) < _LARGEST:
        decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
        text = f"{rounded:,.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "\N{MINUS SIGN}")


def signed(value: float, digits: int = 4) -> str:
    """A number with its sign."""
    return f"{'+' if value > 0 else ''}{number(value, digits)}"


def percent(share: float) -> str:
    """A share of 1: whole percents, one decimal below 10 %; what is little but not nothing is said to be so.

    Examples
    --------
    >>> percent(0.372), percent(0.0214), percent(0.00001), percent(0.99999), percent(1.0)
    ('37 %', '2.1 %', 'less than 0.1 %', 'more than 99.9 %', '100 %')
    """
    if 0 < share < 0.001:
        return "less than 0.1 %"
    if 0.999 < share < 1:
        return "more than 99.9 %"
    decimals = 1 if 0 < share < 0.0995 or 0.9905 < share < 1 else 0
    return f"{f'{100 * share:.{decimals}f}'.removesuffix('.0')} %"


def plural(count: int, noun: str) -> str:
    """A count with its noun, for example ``1 row`` and ``1,234 rows``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def first_of(shown: int, total: int, noun: str = "") -> str:
    """How many of them are shown, for example ``the first 12 of 30 inputs`` and ``all 3 inputs``."""
    words = f"the first {shown:,} of {total:,}" if shown < total else f"all {total:,}"
    return f"{words} {noun}".rstrip()


def of_output(output: str) -> str:
    """`` of <output>``; empty for the one that is called prediction, as the only output of a regression is, and for the
    loss.
    """
    return "" if output in ("prediction", "log_loss", "squared_error") else f" of {shorten(output, NAME_LENGTH)}"


def cell_text(value: Any) -> str:
    """A value of a table as text."""
    return "missing" if value is None else number(value) if isinstance(value, float) else str(value)


def reason_value(value: str | None) -> str:
    """A value of the table of reasons, which is text: its number with as many digits as elsewhere.

    Examples
    --------
    >>> reason_value("29.186999999999998"), reason_value("worst radius = 29.186999999999998"), reason_value("007")
    ('29.19', 'worst radius = 29.19', '007')
    """
    if value is None:
        return cell_text(value)
    column, sign, text = value.rpartition(" = ")
    try:
        return f"{column}{sign}{number(float(text))}" if "." in text else value
    except ValueError:
        return value


def shorten(text: str, length: int = 26) -> str:
    """A name that fits beside a plot, its end kept: long names tend to differ there."""
    text = " ".join(str(text).split())
    return text if len(text) <= length else f"{text[: length // 2 - 1]}…{text[-(length - length // 2) :]}"
