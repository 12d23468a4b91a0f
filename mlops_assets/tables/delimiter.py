"""The character between the columns of a CSV file."""

from mlops_assets.errors import ConfigurationError


def check_delimiter(delimiter: str, where: str | None = None) -> None:
    """Refuse what no CSV file can have between its columns.

    Raises
    ------
    ConfigurationError
        It is no single ASCII character, or one that ends a line or a value in quotes.
    """
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '\n\r"\0':
        raise ConfigurationError(
            f"delimiter is {delimiter[:20]!r}", where=where, fix='Use one ASCII character, for example ";" or "\\t"'
        )
