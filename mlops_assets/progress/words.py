"""Counts, sizes and durations as a person reads them."""

_SIZES = ("bytes", "kB", "MB", "GB", "TB")


def count_text(count: float) -> str:
    """A number of rows.

    Examples
    --------
    >>> count_text(850_000), count_text(1_234_567)
    ('850,000', '1.2 M')
    """
    return f"{count / 1e6:,.1f} M" if count >= 999_950 else f"{count:,.0f}"


def size_text(size: float) -> str:
    """A number of bytes, in powers of 1,000.

    Examples
    --------
    >>> size_text(512), size_text(3_400_000_000)
    ('512 bytes', '3.4 GB')
    """
    power = 0
    while size >= 999.95 and power < len(_SIZES) - 1:
        size /= 1_000
        power += 1
    return f"{size:,.1f} {_SIZES[power]}" if power else f"{size:,.0f} bytes"


def rate_text(rate: float, unit: str) -> str:
    """So many of a unit in a second, or where it is less than one, the seconds that one takes.

    Examples
    --------
    >>> rate_text(85_120, "rows"), rate_text(0.25, "rows"), rate_text(45_000_000, "bytes")
    ('85,120 rows/s', '4.0 s per row', '45.0 MB/s')
    """
    if unit == "bytes":
        return f"{size_text(rate)}/s"
    if 0 < rate < 0.95:
        return f"{1 / rate:,.1f} s per {unit.removesuffix('s')}"
    return f"{count_text(rate) if rate >= 9.95 else f'{rate:.1f}'} {unit}/s"


def duration_text(seconds: float) -> str:
    """A duration, in one or two units: no more exact than one in a hundred.

    Examples
    --------
    >>> duration_text(45), duration_text(200), duration_text(1_190), duration_text(12_010), duration_text(187_200)
    ('45 s', '3 min 20 s', '20 min', '3 h 20 min', '2 d 4 h')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return _two(whole, 60, "min", 1, "s")
    whole = round(whole / 60)
    if whole < 60:
        return f"{whole} min"
    if whole < 1_440:
        return _two(whole, 60, "h", 1, "min")
    return _two(round(whole / 60), 24, "d", 1, "h")


def _two(whole: int, size: int, unit: str, small: int, small_unit: str) -> str:
    most, rest = divmod(whole, size)
    return f"{most} {unit} {rest // small} {small_unit}" if rest else f"{most} {unit}"
