"""Publishing in a database: modes, partitions, and what may not be overwritten."""

import subprocess
import sys

import pyarrow as pa
import pytest

from mlops_assets.errors import TableError
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.connect import open_session
from mlops_assets.tables.sql.names import TableName
from mlops_assets.tables.sql.reader import current_publication, list_publications, open_publication
from mlops_assets.tables.sql.writer import Target, check_storable, write
from mlops_assets_tests.tables.sql.conftest import each_kind
from mlops_assets_tests.tables.sql.test_round_trip import Stored, back, rows_of

T = TableName("t")
ODD = 'x"; drop table y; --'


def table(ids: list[int], score: float = 1.0, **more: list) -> pa.Table:
    return pa.table({"id": ids, "score": [score] * len(ids), **more})


def raw(address: SqlAddress, sql: str) -> list[tuple]:
    """What anybody sees in the database."""
    with open_session(address, writing=True) as session:
        if sql.upper().startswith("SELECT"):
            return session.rows(sql)
        session.execute(sql)
        return []


def pairs(address: SqlAddress, name: str = "t") -> list[tuple]:
    return raw(address, f'SELECT "id", "score" FROM "{name}" ORDER BY "id", "score"')


@each_kind
def test_replace_leaves_the_new_rows_alone_in_their_order(address):
    write(rows_of(table([1, 2, 3])), Target(address, T))
    write(rows_of(table([5, 4], 2.0), "v2"), Target(address, T))
    assert back(address)["id"].to_pylist() == [5, 4]
    assert pairs(address) == [(4, 2.0), (5, 2.0)]
    assert [one.provenance.data_version for one in list_publications(address, T)] == ["v2"]


@each_kind
def test_append_keeps_earlier_versions_and_reads_the_latest(address):
    append = Target(address, T, mode="append")
    write(rows_of(table([1, 2])), append)
    write(rows_of(table([1, 3], 2.0), "v2"), append)
    write(rows_of(table([1, 3], 2.0), "v2"), append)  # the same again takes its own rows' place
    assert pairs(address) == [(1, 1.0), (1, 2.0), (2, 1.0), (3, 2.0)]
    assert back(address)["id"].to_pylist() == [1, 3]
    assert [(one.provenance.data_version, one.is_current) for one in list_publications(address, T)].count(
        ("v2", True)
    ) == 1
    assert len(list_publications(address, T)) == 2


@each_kind
def test_upsert_replaces_rows_of_the_same_key(address):
    upsert = Target(address, T, mode="upsert", key=("id", "name"))
    write(rows_of(table([1, 2, 3], name=["a", "b", "c"])), upsert)
    write(rows_of(table([2, 3, 4], 2.0, name=["b", "other", "d"]), "v2"), upsert)
    assert pairs(address) == [(1, 1.0), (2, 2.0), (3, 1.0), (3, 2.0), (4, 2.0)]
    assert back(address)["id"].to_pylist() == [2, 3, 4]


@each_kind
def test_a_partition_replaces_no_other(address):
    for partition, ids in (("2026-01-01", [1, 2]), ("2026-01-02", [3]), ("2026-01-01", [9])):
        write(rows_of(table(ids), f"v{ids}"), Target(address, T, partition))
    assert raw(address, "SELECT mlops_assets_partition, id FROM t ORDER BY id") == [
        ("2026-01-02", 3),
        ("2026-01-01", 9),
    ]
    assert back(address, partition="2026-01-01")["id"].to_pylist() == [9]
    assert back(address, partition="2026-01-02")["id"].to_pylist() == [3]
    with pytest.raises(TableError, match="was published with partitions, and now comes without"):
        write(rows_of(table([1])), Target(address, T))


@each_kind
def test_odd_names_are_just_names(address):
    raw(address, "CREATE TABLE y (a INTEGER)")
    odd = pa.table({ODD: [1], 'a"b': ["x"], "select": [True], "é%s$1?": [1.5]})
    write(rows_of(odd), Target(address, TableName(ODD), ODD))
    assert back(address, ODD, ODD).equals(odd)
    assert raw(address, "SELECT count(*) FROM y") == [(0,)]


@each_kind
@pytest.mark.parametrize("mode", ["replace", "append", "upsert"])
def test_a_failure_half_way_leaves_the_table_as_it_was(address, mode):
    write(rows_of(table([1, 2])), Target(address, T, mode=mode, key=("id",)))

    class RefusedError(Exception):
        pass

    class Switch:
        def __enter__(self):
            raise RefusedError

        def __exit__(self, *error):
            raise AssertionError

    with pytest.raises(RefusedError):
        write(rows_of(table([2, 7], 2.0), "v2"), Target(address, T, mode=mode, key=("id",)), Switch())
    assert pairs(address) == [(1, 1.0), (2, 1.0)]
    assert current_publication(address, T).provenance.data_version == "v1"
    assert back(address)["id"].to_pylist() == [1, 2]


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_reader_sees_the_rows_of_one_moment(address):
    ids = list(range(200_000))
    write(rows_of(table(ids)), Target(address, T))
    with open_publication(address, T) as published:
        first = published.reader.read_next_batch()
        write(rows_of(table([7]), "v2"), Target(address, T))
        rest = [batch.num_rows for batch in published.reader]
    assert first.num_rows + sum(rest) == 200_000


@each_kind
def test_rights_indexes_and_views_outlive_a_replacement_with_the_same_columns(address):
    write(rows_of(table([1])), Target(address, T))
    raw(address, "CREATE VIEW seen AS SELECT id FROM t")
    write(rows_of(table([2, 3]), "v2"), Target(address, T))
    assert raw(address, "SELECT id FROM seen ORDER BY id") == [(2,), (3,)]


@each_kind
def test_other_columns_remake_a_replaced_table_and_widen_a_kept_one(address):
    write(rows_of(table([1], old=["a"])), Target(address, T))
    write(rows_of(table([2], new=["b"]), "v2"), Target(address, T))
    assert back(address).column_names == ["id", "score", "new"]
    append = Target(address, TableName("kept"), mode="append")
    write(rows_of(table([1], old=["a"])), append)
    write(rows_of(table([2], new=["b"]), "v2"), append)
    assert raw(address, "SELECT id, old, new FROM kept ORDER BY id") == [(1, "a", None), (2, None, "b")]
    assert back(address, "kept").column_names == ["id", "score", "new"]
    with pytest.raises(TableError, match=r"Columns changed their types: 'score' \(\w*.*kept"):
        write(rows_of(pa.table({"id": [1], "score": ["high"]}), "v3"), append)


@each_kind
def test_a_table_of_somebody_elses_is_never_touched(address):
    raw(address, "CREATE TABLE t (id INTEGER)")
    raw(address, "INSERT INTO t VALUES (5)")
    with pytest.raises(TableError, match=r"not published by this package.*table t"):
        write(rows_of(table([1])), Target(address, T))
    assert raw(address, "SELECT id FROM t") == [(5,)]


@each_kind
def test_two_models_do_not_share_a_table(address):
    write(rows_of(table([1])), Target(address, T))
    other = rows_of(table([2]))
    metadata = {**other.schema.metadata, b"mlops_assets.model": b"other"}
    with pytest.raises(
        TableError, match=r"holds predictions or explanations of the model 'm'.*Give each model its own outputs\.prefix"
    ):
        write(Stored(other.table.replace_schema_metadata(metadata)), Target(address, T))


@each_kind
def test_a_table_that_somebody_cut_is_told(address):
    write(rows_of(table([1, 2])), Target(address, T))
    raw(address, "DELETE FROM t WHERE id = 1")
    with pytest.raises(TableError, match=r"1 of the 2 rows that were published: somebody changed it.*table t"):
        back(address)
    raw(address, "DROP TABLE t")
    with pytest.raises(TableError, match=r"No such table.*table t"):
        back(address)
    write(rows_of(table([3]), "v2"), Target(address, T))
    assert back(address)["id"].to_pylist() == [3]


@each_kind
def test_what_cannot_be_held_is_refused_by_name(address):
    interval = pa.schema([("id", pa.int64()), ("span", pa.month_day_nano_interval())])
    with pytest.raises(TableError, match=r"cannot hold the columns 'span' \(month_day_nano_interval\).*table t"):
        check_storable(interval, Target(address, T))
    with pytest.raises(TableError, match="'mlops_assets_row' have names that published tables use"):
        check_storable(pa.schema([("mlops_assets_row", pa.int64())]), Target(address, T))
    with pytest.raises(TableError, match="'key' of the key are not among"):
        check_storable(pa.schema([("id", pa.int64())]), Target(address, T, mode="upsert", key=("key",)))


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("column", "what"),
    [
        (
            pa.array([1], pa.timestamp("ns")),
            r"'c' \(timestamp\[ns\]\) has a value that TIMESTAMP does not hold exactly",
        ),
        (pa.array(["a\0b"]), r"'c' \(string\) has a NUL character"),
        (pa.array([2**31 - 1], pa.int32()).cast(pa.date32()), "'c' .* out of the database's range"),
    ],
)
def test_postgresql_refuses_values_that_it_would_change(address, column, what):
    with pytest.raises(TableError, match=what):
        write(rows_of(pa.table({"c": column})), Target(address, T))
    assert current_publication(address, T) is None


@each_kind
def test_names_that_the_database_would_confuse(address):
    alike = pa.schema([("Id", pa.int64()), ("id", pa.int64())])
    long = pa.schema([("shap_" + "é" * 40, pa.int64())])
    if address.kind == "postgresql":
        check_storable(alike, Target(address, T))
        with pytest.raises(TableError, match="has 85 bytes, and the database would cut it after 63"):
            check_storable(long, Target(address, T))
    else:
        check_storable(long, Target(address, T))
        with pytest.raises(TableError, match="takes the columns 'Id' and 'id' for one"):
            check_storable(alike, Target(address, T))


@each_kind
def test_the_same_rows_give_the_same_content(address):
    def everything() -> list[tuple]:
        return raw(address, "SELECT * FROM t ORDER BY id") + raw(address, "SELECT * FROM mlops_assets_provenance")

    write(rows_of(table([1, 2])), Target(address, T))
    first = everything()
    write(rows_of(table([8])), Target(address, T))
    write(rows_of(table([1, 2])), Target(address, T))
    assert everything() == first
    assert first[-1][0] == "t"


KILLED = """
import os, sys
import pyarrow as pa
from mlops_assets.arrow.foreign_tables import from_arrow_like
from mlops_assets.tables.sql import publications
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.names import TableName
from mlops_assets.tables.sql.writer import Target, write

publications.Publications.record = lambda *_: os._exit(9)
rows = from_arrow_like(pa.table({"id": [7], "score": [7.0]}), ["id"])
write(rows, Target(SqlAddress.parse(sys.argv[1]), TableName("t")))
"""


@pytest.mark.slow
@each_kind
def test_a_killed_writer_leaves_the_table_as_it_was(address, url):
    write(rows_of(table([1, 2])), Target(address, T))
    killed = subprocess.run([sys.executable, "-c", KILLED, url], check=False, capture_output=True)
    assert killed.returncode == 9, killed.stderr
    assert back(address)["id"].to_pylist() == [1, 2]
    assert pairs(address) == [(1, 1.0), (2, 1.0)]
    write(rows_of(table([3]), "v2"), Target(address, T))
    assert pairs(address) == [(3, 1.0)]


def test_a_full_sqlite_disk_is_called_that(tmp_path, monkeypatch):
    """SQLite has rolled back by itself, and would say that it cannot roll back."""
    from mlops_assets.tables.sql.sqlite import SqliteSession

    address = SqlAddress.parse("sqlite:///t.db", tmp_path)
    write(rows_of(table([1, 2])), Target(address, T))
    begin = SqliteSession.begin

    def on_a_small_disk(self, *, writing: bool) -> None:
        self.execute("PRAGMA max_page_count = 20")
        begin(self, writing=writing)

    monkeypatch.setattr(SqliteSession, "begin", on_a_small_disk)
    many = table(list(range(50_000)), note=["x" * 50] * 50_000)
    with pytest.raises(TableError, match=r"no space left on the disk .* Free space .* as they were"):
        write(rows_of(many, "v2"), Target(address, T))
    monkeypatch.undo()
    assert back(address)["id"].to_pylist() == [1, 2]


@each_kind
def test_a_rollback_that_fails_does_not_hide_why(address):
    def end_it_and_fail(session) -> None:
        with session.transaction():
            session.execute("ROLLBACK")
            raise KeyError("why")

    with open_session(address, writing=True) as session, pytest.raises(KeyError) as caught:
        end_it_and_fail(session)
    assert caught.value.args == ("why",)
