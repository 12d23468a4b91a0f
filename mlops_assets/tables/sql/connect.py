"""Open a session on a database, whatever its kind."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.duckdb import DuckdbSession
from mlops_assets.tables.sql.postgresql import PostgresqlSession
from mlops_assets.tables.sql.session import Session
from mlops_assets.tables.sql.sqlite import SqliteSession


@contextmanager
def open_session(address: SqlAddress, *, writing: bool) -> Iterator[Session]:
    """A session on a database.

    Raises
    ------
    MissingExtraError
        The driver is not installed.
    TableError
        The database is not there, not reachable, or locked by another process.
    """
    session = _session(address, writing)
    try:
        yield session
    finally:
        session.close()


def _session(address: SqlAddress, writing: bool) -> Session:
    if address.kind == "sqlite":
        return SqliteSession(address, writing=writing)
    if address.kind == "duckdb":
        return DuckdbSession(address, writing=writing)
    return PostgresqlSession(address)
