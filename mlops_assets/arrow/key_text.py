"""Row keys from text, as people type what tables and messages show."""

import re
from collections.abc import Sequence
from datetime import time, timedelta

import pyarrow as pa

# As Python writes them: 1 day, 2:03:04.5
_DURATION = re.compile(r"(?:(-?\d+) days?, )?(\d+):(\d\d):(\d\d(?:\.\d+)?)")


def split_assignment(text: str, row_key: Sequence[str]) -> tuple[str, str]:
    """Column and value of ``column=value``; a column's name may hold the sign itself.

    Examples
    --------
    >>> split_assignment("a=b=c", ["a", "a=b"])
    ('a=b', 'c')
    """
    name = max((each for each in row_key if text.startswith(f"{each}=")), key=len, default=text.partition("=")[0])
    return name, text[len(name) + 1 :]


def parse_key_value(text: str, kind: pa.DataType) -> pa.Scalar:
    """A value of this type as Python shows it.

    Raises
    ------
    pa.ArrowInvalid, pa.ArrowNotImplementedError
        The text is no such value.
    """
    # Arrow reads neither times of day nor durations from text.
    if pa.types.is_time(kind):
        try:
            return pa.scalar(time.fromisoformat(text), kind)
        except ValueError as error:
            raise pa.ArrowInvalid(str(error)) from error
    if pa.types.is_duration(kind) and (match := _DURATION.fullmatch(text)) is not None:
        days, hours, minutes, seconds = match.groups("0")
        of_day = timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))
        return pa.scalar(timedelta(days=int(days)) + of_day, kind)
    return pa.scalar(text).cast(kind)
