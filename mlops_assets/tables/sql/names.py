"""Identifiers: any name is one, whatever is in it; a name is never part of the SQL unquoted."""

from collections.abc import Iterable
from dataclasses import dataclass

from mlops_assets.errors import TableError

PARTITION = "mlops_assets_partition"
PUBLICATION = "mlops_assets_publication"
ROW = "mlops_assets_row"
RESERVED = (PARTITION, PUBLICATION, ROW)
"""Columns that a published table has besides its own."""


def quoted(name: str) -> str:
    """A name as SQL takes it, in double quotes; the standard's way, which all three databases follow.

    Examples
    --------
    >>> quoted('x"; drop table y; --')
    '"x""; drop table y; --"'
    """
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class TableName:
    """A table, in a schema or in the connection's own."""

    table: str
    schema: str | None = None

    @property
    def sql(self) -> str:
        """The name in quotes."""
        return quoted(self.table) if self.schema is None else f"{quoted(self.schema)}.{quoted(self.table)}"

    def __str__(self) -> str:
        return self.table if self.schema is None else f"{self.schema}.{self.table}"


def refuse_names(names: Iterable[str], longest: int | None, folds_case: bool, where: str) -> None:
    """Refuse names that the database would change, or take for one another.

    Parameters
    ----------
    longest
        Bytes of UTF-8 that a name may have; a longer one would be cut. None: any number.
    folds_case
        Whether two names that differ in case only are one, even in quotes.

    Raises
    ------
    TableError
        Names the columns.
    """
    seen: dict[str, str] = {}
    for name in names:
        size = len(name.encode())
        if not name or "\0" in name:
            raise TableError(
                f"The name {name!r} cannot be a column's or a table's", where=where, fix="Give it another name"
            )
        if longest is not None and size > longest:
            raise TableError(
                f"The name {name!r} has {size} bytes, and the database would cut it after {longest}",
                where=where,
                fix="Give it a shorter name",
            )
        other = seen.setdefault(name.translate(_LOWER) if folds_case else name, name)
        if other is not name:
            raise TableError(
                f"The database takes the columns {other!r} and {name!r} for one", where=where, fix="Rename one of them"
            )


# SQLite and DuckDB fold ASCII letters only.
_LOWER = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
