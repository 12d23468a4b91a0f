"""Inputs from a database: tables, views and queries, typed, streamed, with errors that name table and column."""

import datetime
import sys
import traceback
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from mlflow.types import ColSpec, Schema

from mlops_assets.errors import ConfigurationError, ContractError, MissingExtraError, TableError
from mlops_assets.scoring.apply_contract import apply_contract
from mlops_assets.signatures.contract.contract import ContractPolicy
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.connect import open_session
from mlops_assets.tables.sql.names import TableName
from mlops_assets.tables.sql.source import SqlSource
from mlops_assets.tables.sql.writer import Target, write
from mlops_assets_tests.tables.sql.conftest import each_kind
from mlops_assets_tests.tables.sql.test_round_trip import rows_of
from mlops_assets_tests.tables.sql.test_writer import ODD, raw, table

PEOPLE = TableName("people")


@pytest.fixture
def people(address) -> SqlAddress:
    raw(address, 'CREATE TABLE people ("id" INTEGER, "name" TEXT, "weight" REAL)')
    raw(address, "INSERT INTO people VALUES (3, 'c', 1.5), (1, 'a', NULL), (2, 'é', 2.5)")
    return address


def everything(error: BaseException) -> str:
    """The error with all its causes, as a log shows it."""
    return "".join(traceback.format_exception(error))


def rows(source: SqlSource) -> list[dict]:
    return source.open().reader().read_all().to_pylist()


@each_kind
def test_a_table_comes_in_the_order_of_its_row_key(people):
    found = SqlSource(people, PEOPLE, row_key=("id",)).open()
    assert found.row_key == ("id",)
    for _ in range(2):  # read again as often as wanted
        assert found.reader().read_all()["name"].to_pylist() == ["a", "é", "c"]
    limited = SqlSource(people, PEOPLE, row_key=("id",), columns=("weight",), limit=2)
    assert rows(limited) == [{"id": 1, "weight": None}, {"id": 2, "weight": 2.5}]


@pytest.mark.parametrize("url", ["duckdb"], indirect=True)
def test_a_table_of_fewer_columns_reads_no_other(address):
    raw(address, "CREATE VIEW v AS SELECT 1 AS id, 2 AS age, error('was read') AS bad")
    wide = SqlSource(address, TableName("v"), row_key=("id",)).open()
    assert wide.narrow(["age"]).reader().read_all().to_pylist() == [{"id": 1, "age": 2}]
    with pytest.raises(TableError):
        wide.reader().read_all()


@each_kind
def test_a_query_is_run_as_it_is(people):
    query = "SELECT upper(name) AS name, id -- the key\nFROM people WHERE id <> 2 ORDER BY name DESC;"
    assert rows(SqlSource(people, query=query, columns=("id",))) == [
        {"row_number": 0, "id": 3},
        {"row_number": 1, "id": 1},
    ]
    ordered = SqlSource(people, query="SELECT id FROM people ORDER BY id DESC", limit=2)
    assert rows(ordered) == [{"row_number": 0, "id": 3}, {"row_number": 1, "id": 2}]
    keyed = SqlSource(people, query="WITH few AS (SELECT id FROM people) SELECT * FROM few ORDER BY 1", row_key=("id",))
    assert rows(keyed) == [{"id": 1}, {"id": 2}, {"id": 3}]


@each_kind
def test_a_view_in_odd_words(people):
    raw(people, f'CREATE VIEW "{ODD.replace(chr(34), chr(34) * 2)}" AS SELECT id AS "a b", name AS "x""y" FROM people')
    assert rows(SqlSource(people, TableName(ODD), row_key=("a b",), limit=1)) == [{"a b": 1, 'x"y': "a"}]


@each_kind
def test_what_is_missing_is_named(people):
    with pytest.raises(TableError, match=r"There is no table 'peple' \(did you mean 'people'\?\).*table peple"):
        SqlSource(people, TableName("peple")).open()
    with pytest.raises(
        TableError, match=r"Row key column 'idd' \(did you mean 'id'\?\) not in the table.*table people"
    ):
        SqlSource(people, PEOPLE, row_key=("idd",)).open()
    with pytest.raises(TableError, match=r"Column 'nme' \(did you mean 'name'\?\).*'id', 'name', 'weight'"):
        SqlSource(people, PEOPLE, columns=("nme",)).open()
    with pytest.raises(TableError, match=r"refuses.*nowhere.*query"):
        SqlSource(people, query="SELECT * FROM nowhere").open()
    with pytest.raises(TableError, match=r"refuses.*wieght.*query"):
        SqlSource(people, query="SELECT wieght FROM people").open()
    with pytest.raises(TableError, match=r"types names column 'nme'.*did you mean 'name'"):
        SqlSource(people, PEOPLE, types={"nme": "string"}).open()
    with pytest.raises(TableError, match=r"Row key column 'weight' is null at row \d"):
        rows(SqlSource(people, PEOPLE, row_key=("weight",)))


@each_kind
def test_a_published_table_is_read_with_the_types_it_was_published_with(address):
    published = table([1, 2], when=[datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)] * 2)
    published = published.append_column("big", pa.array([2**64 - 1, None], pa.uint64()))
    write(rows_of(published), Target(address, TableName("t")))
    found = SqlSource(address, TableName("t"), row_key=("id",)).open()
    assert found.reader().read_all().equals(published.replace_schema_metadata())


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_sqlite_columns_have_the_type_of_all_their_values(address):
    raw(address, "CREATE TABLE a (flag BOOLEAN, at TIMESTAMP, day DATE, free, mixed, price DECIMAL(10, 2))")
    raw(
        address,
        "INSERT INTO a VALUES (1, '2026-01-02 03:04:05.5', '2026-01-02', 1, 1, 1), (0, NULL, NULL, 2.5, 'x', 2)",
    )
    kept = SqlSource(address, TableName("a"), columns=("flag", "at", "day", "free", "price")).open()
    read = kept.reader().read_all()
    assert read.schema.types[1:] == [pa.bool_(), pa.timestamp("us"), pa.date32(), pa.float64(), pa.int64()]
    assert read["at"].to_pylist() == [datetime.datetime(2026, 1, 2, 3, 4, 5, 500000), None]
    assert read["free"].to_pylist() == [1.0, 2.5]
    several = SqlSource(address, TableName("a"), columns=("mixed",)).open()
    assert several.reader().read_all()["mixed"].to_pylist() == ["1", "'x'"]  # for the contract, row by row
    priced = SqlSource(address, TableName("a"), columns=("price",), types={"price": "decimal128(5, 2)"})
    assert [row["price"] for row in rows(priced)] == [Decimal("1.00"), Decimal("2.00")]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_sqlite_value_that_changes_while_it_is_read_is_told_by_its_column(address):
    raw(address, "CREATE TABLE a (age INTEGER)")
    raw(address, "INSERT INTO a VALUES (1)")
    found = SqlSource(address, TableName("a")).open()
    raw(address, "INSERT INTO a VALUES ('secret')")
    with pytest.raises(TableError, match=r"Column 'age' holds a value that is not int64, after row 0") as error:
        found.reader().read_all()
    assert "secret" not in everything(error.value)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_postgresql_types(address):
    raw(
        address,
        """CREATE TABLE a (price NUMERIC(10, 2), free NUMERIC, id UUID, doc JSONB, span INTERVAL, home INET,
        tags TEXT[], at TIMESTAMPTZ, small SMALLINT)""",
    )
    raw(
        address,
        """INSERT INTO a VALUES (1.5, 12345678901234567890.125, '00000000-0000-0000-0000-000000000001', '{"a": 1}',
        '1 day', '10.0.0.1', '{x,NULL}', '2026-01-01 00:00:00+02', 1),
        (NULL, -3, NULL, NULL, NULL, NULL, NULL, NULL, NULL)""",
    )
    (row, nothing) = rows(SqlSource(address, TableName("a")))
    assert row == {
        "row_number": 0,
        "price": Decimal("1.50"),
        "free": Decimal("12345678901234567890.125"),
        "id": "00000000-0000-0000-0000-000000000001",
        "doc": '{"a": 1}',
        "span": "1 day",
        "home": "10.0.0.1/32",
        "tags": ["x", None],
        "at": datetime.datetime(2025, 12, 31, 22, tzinfo=datetime.UTC),
        "small": 1,
    }
    assert nothing["free"] == Decimal("-3.000")
    with pytest.raises(TableError, match=r"cannot be read: 'home' \(inet\).*cast them in a query: \"home\"::text"):
        SqlSource(address, query="SELECT home FROM a").open()
    counted = SqlSource(address, query="SELECT free * 2 AS twice FROM a ORDER BY 1 DESC")
    assert [row["twice"] for row in rows(counted)] == [Decimal("24691357802469135780.250"), Decimal("-6.000")]


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_values_stand_in_no_message_of_the_database(address):
    raw(address, "CREATE TABLE a (age TEXT)")
    raw(address, "INSERT INTO a VALUES ('secret')")
    with pytest.raises(TableError, match="PostgreSQL stopped the query") as error:
        rows(SqlSource(address, query="SELECT age::int AS age FROM a"))
    assert "secret" not in everything(error.value)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_schema_of_its_own(address):
    raw(address, 'CREATE SCHEMA "S ""x"')
    name = TableName("t", 'S "x')
    write(rows_of(table([1])), Target(address, name))
    assert rows(SqlSource(address, name, row_key=("id",))) == [{"id": 1, "score": 1.0}]
    with pytest.raises(TableError, match="nowhere"):
        write(rows_of(table([1])), Target(address, TableName("t", "nowhere")))


def test_a_server_that_does_not_answer_and_a_file_that_is_not_there(tmp_path):
    address = SqlAddress.parse("postgresql://me:hidden@127.0.0.1:1/shop")
    with pytest.raises(TableError, match=r"does not answer.*postgresql://127\.0\.0\.1:1/shop") as error:
        SqlSource(address, PEOPLE).open()
    assert "hidden" not in everything(error.value) + repr(address)
    for kind in ("sqlite", "duckdb"):
        with pytest.raises(TableError, match=rf"No such database \({kind}:///.*none\.db"):
            SqlSource(SqlAddress.parse(f"{kind}:///{tmp_path}/none.db"), PEOPLE).open()
        (tmp_path / "text.db").write_text("not a database, and long enough to be read as one: " * 100)
        with pytest.raises(TableError, match=r"cannot be opened: .*text\.db"):
            SqlSource(SqlAddress.parse(f"{kind}:///{tmp_path}/text.db"), PEOPLE).open()


@pytest.mark.parametrize(
    ("url", "module"), [("duckdb:///x.db", "duckdb"), ("postgresql://h/d", "adbc_driver_postgresql")]
)
def test_a_driver_that_is_not_installed(url, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with (
        pytest.raises(MissingExtraError, match=r'pip install "mlops-assets\[sql\]"'),
        open_session(SqlAddress.parse(url), writing=False),
    ):
        pass


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("mysql://me:hidden@h/d", "does not name a database of a kind"),
        ("sqlit:///x", r"did you mean 'sqlite'\?"),
        ("sqlite://", "must be a file"),
        ("duckdb:///:memory:", "must be a file"),
        ("me:hidden@h", "does not name a database"),
    ],
)
def test_urls_that_are_none(text, what):
    with pytest.raises(ConfigurationError, match=what) as error:
        SqlAddress.parse(text)
    assert "hidden" not in str(error.value)


def test_addresses(tmp_path):
    assert SqlAddress.parse("sqlite:///a%20b.db", tmp_path).place == str(tmp_path / "a b.db")
    assert SqlAddress.parse("duckdb:////data/x.db", tmp_path).place == "/data/x.db"
    told = SqlAddress.parse("postgresql+psycopg2://me:hidden@h:5432/d?sslmode=require")
    assert told.place == "postgresql://me:hidden@h:5432/d?sslmode=require"
    assert (told.uri, told.has_password) == ("postgresql://h:5432/d", True)
    assert not SqlAddress.parse("postgresql://me@h/d").has_password
    assert SqlAddress.parse("postgresql://h/d?password=x").has_password


def verdicts(source: SqlSource, kind: str, scratch: Path) -> dict[int, object]:
    """By id: the accepted value, or the code for which its row is rejected."""
    schema = Schema([ColSpec(kind, "x", required=False)])
    with apply_contract(source.open(), schema, ContractPolicy(), scratch) as result:
        accepted = {row["id"]: row["x"] for row in result.accepted.reader().read_all().to_pylist()}
        refused = result.rejected.reader().read_all().select(["id", "reasons"]).to_pylist()
        rejected = {row["id"]: row["reasons"][0]["code"] for row in refused}
        if rejected:  # each failure can be shown
            with pytest.raises(ContractError, match=r"x: .*, it is "):
                result.check_limit(0, "here", show_values=True)
    return accepted | rejected


@pytest.mark.parametrize("url", ["duckdb"], indirect=True)
def test_duckdb_types_that_arrow_would_narrow(address):
    raw(
        address, "CREATE TABLE a (h HUGEINT, u UHUGEINT, zoned TIMETZ, bits BIT, big BIGNUM, e ENUM('x', 'y'), id UUID)"
    )
    raw(
        address,
        f"INSERT INTO a VALUES ({2**127 - 1}, {2**128 - 1}, '01:02:03+02', '0101', '{10**60 + 1}', 'y', "
        "'00000000-0000-0000-0000-000000000001'), (-3, 3, NULL, NULL, NULL, NULL, NULL)",
    )
    for source in (SqlSource(address, TableName("a")), SqlSource(address, query="SELECT * FROM a")):
        first, second = rows(source)
        assert (first["h"], first["u"]) == (Decimal(2**127 - 1), Decimal(2**128 - 1))
        assert (second["h"], second["u"]) == (Decimal(-3), Decimal(3))
        assert (first["zoned"], first["bits"], first["big"]) == ("01:02:03+02", "0101", str(10**60 + 1))
        assert (first["e"], first["id"]) == ("y", "00000000-0000-0000-0000-000000000001")


@pytest.mark.parametrize("url", ["duckdb"], indirect=True)
def test_duckdb_values_beyond_the_signature_reject_their_row(address, tmp_path):
    raw(address, "CREATE TABLE a (id INTEGER, x UHUGEINT)")
    raw(address, f"INSERT INTO a VALUES (0, 3), (1, {2**128 - 1}), (2, {2**63})")
    source = SqlSource(address, TableName("a"), row_key=("id",))
    assert verdicts(source, "long", tmp_path) == {0: 3, 1: "out_of_range", 2: "out_of_range"}
    raw(address, "CREATE TABLE b (id INTEGER, x TIMESTAMP)")
    raw(address, "INSERT INTO b VALUES (0, '2024-01-02'), (1, 'infinity'), (2, '294000-01-01')")
    found = verdicts(SqlSource(address, TableName("b"), row_key=("id",)), "datetime", tmp_path)
    assert (str(found[0]), found[1], found[2]) == ("2024-01-02 00:00:00", "out_of_range", "out_of_range")


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("declared", ["NUMERIC", "NUMERIC(12, 2)"])
def test_postgresql_numerics_that_are_no_decimals_reject_their_row(address, tmp_path, declared):
    raw(address, f"CREATE TABLE a (id INTEGER, x {declared})")
    raw(address, "INSERT INTO a VALUES (0, 1.5), (1, 'NaN'), (2, NULL), (3, 12345678.25)")
    source = SqlSource(address, TableName("a"), row_key=("id",))
    found = verdicts(source, "double", tmp_path)
    assert (found[0], str(found[1]), found[2], found[3]) == (1.5, "nan", None, 12345678.25)
    assert verdicts(source, "long", tmp_path) == {0: "not_exact", 1: None, 2: None, 3: "not_exact"}
    if declared == "NUMERIC":
        raw(address, "INSERT INTO a VALUES (4, 'Infinity'), (5, 1e100), (6, 1e-70), (7, 12345678901234567.5)")
        found = verdicts(source, "double", tmp_path)
        assert [found[at] for at in (0, 3, 4, 6)] == [1.5, 12345678.25, float("inf"), 1e-70]
        assert (found[5], found[7]) == ("out_of_range", "not_exact")


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_postgresql_types_that_the_driver_hands_over_as_others(address):
    raw(address, "CREATE TYPE mood AS ENUM ('sad', 'happy')")
    raw(address, "CREATE TABLE a (cash MONEY, o OID, m INT[][], bits BIT(4), at TIMETZ, feels mood, amounts NUMERIC[])")
    raw(
        address,
        "INSERT INTO a VALUES (1234.56, 4294967295, '{{1,2},{3,4}}', B'0101', '01:02:03+02', 'happy', '{1.5,2}')",
    )
    kept = ("cash", "o", "bits", "at", "feels", "amounts")
    (row,) = rows(SqlSource(address, TableName("a"), columns=kept))
    assert [row[name] for name in kept] == ["$1,234.56", "4294967295", "0101", "01:02:03+02", "happy", "{1.5,2}"]
    with pytest.raises(TableError, match=r"cannot be read: 'm' \(integer\[\] of several dimensions\)"):
        SqlSource(address, TableName("a"), columns=("m",)).open()
    for name, kind in {"cash": "money", "o": "oid", "amounts": r"numeric\[\]"}.items():
        with pytest.raises(TableError, match=rf"cannot be read: '{name}' \({kind}\).*\"{name}\"::text"):
            SqlSource(address, query=f"SELECT {name} FROM a").open()


@pytest.mark.parametrize("url", ["duckdb"], indirect=True)
def test_a_row_key_beyond_the_years_of_python_can_be_named(address, tmp_path):
    raw(address, "CREATE TABLE a (id TIMESTAMP, x INTEGER)")
    raw(address, "INSERT INTO a VALUES ('294000-01-01', 1), ('294000-01-01', 2)")
    table = SqlSource(address, TableName("a"), row_key=("id",)).open()
    with (
        pytest.raises(TableError, match=r"9215576668800000000 \(timestamp\[us\]\)"),
        apply_contract(table, Schema([ColSpec("long", "x")]), ContractPolicy(), tmp_path),
    ):
        pass


@pytest.mark.parametrize("url", ["duckdb"], indirect=True)
def test_a_view_of_a_database_reads_no_file_beside_it(address, tmp_path):
    """A view is SQL of whoever made the database; a query is the deployment's own."""
    (tmp_path / "secret.csv").write_text("s\nhidden\n")
    raw(address, f"CREATE VIEW a AS SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')")
    for source in (SqlSource(address, TableName("a")), SqlSource(address, query="SELECT * FROM a WHERE s = 'hidden'")):
        with pytest.raises(TableError, match=r"A view of the database reads files .*`query` to SQL of your own"):
            rows(source)
    own = f"SELECT s FROM read_csv('{tmp_path / 'secret.csv'}')"
    assert rows(SqlSource(address, query=own)) == [{"row_number": 0, "s": "hidden"}]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_view_of_a_huge_value_is_refused(address):
    raw(address, "CREATE VIEW a AS SELECT zeroblob(900000000) AS z")
    with pytest.raises(TableError, match="too big"):
        rows(SqlSource(address, TableName("a")))
