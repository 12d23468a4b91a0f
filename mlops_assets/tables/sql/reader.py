"""Published tables, read back from a database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

from mlops_assets.errors import TableError
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.connect import open_session
from mlops_assets.tables.sql.names import PUBLICATION, ROW, TableName, quoted
from mlops_assets.tables.sql.publications import Publication, Publications
from mlops_assets.tables.sql.session import MissingDatabaseError, Session


@dataclass(frozen=True)
class PublishedRows:
    """The rows of a publication, in their order and with their types, and their record."""

    publication: Publication
    reader: pa.RecordBatchReader


def current_publication(address: SqlAddress, name: TableName, partition: str = "") -> Publication | None:
    """What was published last of a table, or of one of its partitions; None: nothing."""
    publications = list_publications(address, name, partition)
    return next((publication for publication in publications if publication.is_current), None)


def list_publications(address: SqlAddress, name: TableName, partition: str | None = None) -> list[Publication]:
    """Everything that is recorded of a table, or of one of its partitions; nothing where there is no database."""
    try:
        with open_session(address, writing=False) as session, session.translate_errors(session.where(name)):
            return Publications(session, name.schema).of(name.table, partition)
    except MissingDatabaseError:
        return []


@contextmanager
def open_publication(address: SqlAddress, name: TableName, partition: str = "") -> Iterator[PublishedRows]:
    """Exactly the rows that were published last; their reader can be read until the block ends.

    Raises
    ------
    TableError
        Nothing was published, the table is gone, or somebody changed it.
    """
    with (
        open_session(address, writing=False) as session,
        session.translate_errors(session.where(name)),
        session.transaction(),
    ):
        where = session.where(name) if not partition else f"{session.where(name)}, partition {partition}"
        publication = Publications(session, name.schema).current(name.table, partition)
        columns = session.columns(name)
        if publication is None or columns is None:
            raise TableError("No such table", where=where, fix="Materialize the asset that writes it")
        if missing := [column for column in publication.schema.names if column not in columns]:
            raise TableError(
                f"Columns {', '.join(map(repr, missing))} were published and are gone",
                where=where,
                fix="Materialize the asset again",
            )
        batches = _decode_rows(session, publication, name, where)
        yield PublishedRows(publication, pa.RecordBatchReader.from_batches(publication.schema, batches))


def _decode_rows(session: Session, publication: Publication, name: TableName, where: str) -> Iterator[pa.RecordBatch]:
    schema = publication.schema
    storages = session.storages(schema, where)
    stored = pa.schema([(field.name, storage.stored) for field, storage in zip(schema, storages, strict=True)])
    stored = stored.append(pa.field(ROW, pa.int64()))
    columns = ", ".join(quoted(column) for column in stored.names)
    sql = f"SELECT {columns} FROM {name.sql} WHERE {quoted(PUBLICATION)} = {publication.number} ORDER BY {quoted(ROW)}"
    rows = 0
    for batch in session.stream(sql, stored):
        arrays = [storage.decode(column) for storage, column in zip(storages, batch.columns[:-1], strict=True)]
        rows += batch.num_rows
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
    if rows != publication.rows:
        raise TableError(
            f"The table has {rows} of the {publication.rows} rows that were published: somebody changed it",
            where=where,
            fix="Materialize the asset again",
        )
