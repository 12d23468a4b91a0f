"""Input tables in a database: a table, a view, or what a query returns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from mlops_assets.errors import TableError, did_you_mean
from mlops_assets.tables.batching import first_rows
from mlops_assets.tables.input_table import InputTable, keyed
from mlops_assets.tables.sql.address import Address
from mlops_assets.tables.sql.names import RESERVED, TableName, quoted
from mlops_assets.tables.sql.publications import Publications
from mlops_assets.tables.sql.session import Session, opened
from mlops_assets.tables.type_names import arrow_type


@dataclass(frozen=True)
class SqlSource:
    """A table in a database, and how to read it.

    Attributes
    ----------
    table, query
        One of them. Rows of a table come in the order of the row key, where it is given; a query is run as it is, and
        its order is its own.
    row_key, columns, limit
        As for `TableSource`. Without a row key, `row_number` counts the rows in the order in which they come.
    types
        Arrow type names by column, where the database's own type says too little.
    """

    address: Address
    table: TableName | None = None
    query: str | None = None
    row_key: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    limit: int | None = None
    types: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def uri(self) -> str:
        """The database and the table, without credentials."""
        return f"{self.address.uri}, {'query' if self.table is None else f'table {self.table}'}"

    def open(self) -> InputTable:
        """The table: its columns are looked up now, its rows are read when its batches are, anew each time.

        Raises
        ------
        TableError
            The database, the table or a column is not there; the query is refused; a type cannot be read.
        """
        types = {column: arrow_type(name, where=self.uri) for column, name in self.types.items()}
        with opened(self.address, writing=False) as session, session.refusals(self.uri), session.transaction():
            schema = self._schema(session, types)

        def batches(wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
            with opened(self.address, writing=False) as again, again.refusals(self.uri), again.transaction():
                if self.table is None:
                    yield from first_rows(again.stream(self._query, schema), self.limit)
                    return
                chosen = pa.schema([schema.field(name) for name in wanted])
                yield from again.stream(self._select(wanted, schema.names), chosen)

        return keyed(
            schema, batches, uri=self.uri, row_key=self.row_key, columns=self.columns, limit=self.limit
        )

    @property
    def _query(self) -> str:
        return (self.query or "").strip().rstrip(";")

    def _schema(self, session: Session, types: Mapping[str, pa.DataType]) -> pa.Schema:
        if self.table is None:
            found = session.describe(self._query, None, types)
        else:
            there = session.columns(self.table)
            if there is None:
                known = session.tables(self.table.schema)
                raise TableError(
                    f"There is no table {self.table.table!r}{did_you_mean(self.table.table, known)}",
                    where=self.uri,
                    fix="Correct inputs.table; a schema is written as {schema: ..., table: ...}",
                )
            recorded = {
                column.name: column.type
                for one in Publications(session, self.table.schema).of(self.table.table)
                for column in one.schema
            }
            names = [name for name in there if name not in RESERVED or not recorded]
            found = session.describe(self._select(self._needed(names), names), self.table, types)
        if unknown := [column for column in types if column not in found.names]:
            raise TableError(
                f"types names column {unknown[0]!r}, which is not in the table{did_you_mean(unknown[0], found.names)}",
                where=self.uri,
                fix="Take it out of types",
            )
        return found

    def _needed(self, names: Sequence[str]) -> list[str]:
        """Those of the table's columns that are asked for; what is asked for and is not there is told by `keyed`."""
        if self.columns is None:
            return list(names)
        asked = {*self.columns, *(self.row_key or ())}
        return [name for name in names if name in asked] if asked <= set(names) else list(names)

    def _select(self, columns: Sequence[str], known: Sequence[str]) -> str:
        assert self.table is not None
        chosen = ", ".join(map(quoted, columns)) or "1"
        order = [name for name in self.row_key or () if name in known]
        ordered = f" ORDER BY {', '.join(map(quoted, order))}" if order else ""
        limited = f" LIMIT {int(self.limit)}" if self.limit is not None else ""
        return f"SELECT {chosen} FROM {self.table.sql}{ordered}{limited}"
