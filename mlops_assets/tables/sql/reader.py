"""Published tables, read back from a database."""

from collections.abc import Iterator

import pyarrow as pa

from mlops_assets.errors import TableError
from mlops_assets.tables.sql.address import Address
from mlops_assets.tables.sql.connect import open_session
from mlops_assets.tables.sql.names import PUBLICATION, ROW, TableName, quoted
from mlops_assets.tables.sql.publications import Publication, Publications
from mlops_assets.tables.sql.session import Session


def current(address: Address, name: TableName, partition: str = "") -> Publication | None:
    """What was published last of a table, or of one of its partitions; None: nothing."""
    return next((one for one in publications(address, name, partition) if one.is_current), None)


def publications(address: Address, name: TableName, partition: str | None = None) -> list[Publication]:
    """Everything that is recorded of a table, or of one of its partitions."""
    try:
        with open_session(address, writing=False) as session, session.refusals(session.where(name)):
            return Publications(session, name.schema).of(name.table, partition)
    except TableError as error:
        if error.what.startswith("No such database"):
            return []
        raise


def read(address: Address, name: TableName, partition: str = "") -> tuple[Publication, pa.RecordBatchReader]:
    """Exactly the rows that were published last, in their order, with their types; and their record.

    The reader holds the connection until it is read to its end or closed.

    Raises
    ------
    TableError
        Nothing was published, the table is gone, or somebody changed it.
    """
    rows = _rows(address, name, partition)
    publication = next(rows)
    assert isinstance(publication, Publication)
    return publication, pa.RecordBatchReader.from_batches(publication.schema, rows)


def _rows(address: Address, name: TableName, partition: str) -> Iterator[Publication | pa.RecordBatch]:
    with open_session(address, writing=False) as session, session.refusals(session.where(name)), session.transaction():
        publication = Publications(session, name.schema).current(name.table, partition)
        there = session.columns(name)
        where = session.where(name) if not partition else f"{session.where(name)}, partition {partition}"
        if publication is None or there is None:
            raise TableError("No such table", where=where, fix="Materialize the asset that writes it")
        if missing := [column for column in publication.schema.names if column not in there]:
            raise TableError(
                f"Columns {', '.join(map(repr, missing))} were published and are gone",
                where=where,
                fix="Materialize the asset again",
            )
        yield publication
        yield from _decoded(session, publication, name, where)


def _decoded(session: Session, publication: Publication, name: TableName, where: str) -> Iterator[pa.RecordBatch]:
    schema = publication.schema
    storages = session.storages(schema, where)
    stored = pa.schema([(field.name, one.stored) for field, one in zip(schema, storages, strict=True)])
    stored = stored.append(pa.field(ROW, pa.int64()))
    chosen = ", ".join(quoted(column) for column in stored.names)
    sql = f"SELECT {chosen} FROM {name.sql} WHERE {quoted(PUBLICATION)} = {publication.number} ORDER BY {quoted(ROW)}"
    rows = 0
    for batch in session.stream(sql, stored):
        arrays = [one.decode(column) for one, column in zip(storages, batch.columns[:-1], strict=True)]
        rows += batch.num_rows
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
    if rows != publication.rows:
        raise TableError(
            f"The table has {rows} of the {publication.rows} rows that were published: somebody changed it",
            where=where,
            fix="Materialize the asset again",
        )
