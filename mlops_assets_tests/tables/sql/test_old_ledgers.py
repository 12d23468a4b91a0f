"""A database that holds ledgers of 0.1: the first run after the upgrade loses nothing, and says what is where."""

import pyarrow as pa
import pytest

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.errors import TableError
from mlops_assets.explain.labels import to_labels
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.io_managers.sql import SqlIOManager
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.connect import open_session
from mlops_assets.tables.sql.names import TableName
from mlops_assets_tests.explain.old_ledgers import as_of_0_1, small_ledger
from mlops_assets_tests.tables.sql.conftest import each_kind


def manager(url, tmp_path, mode) -> SqlIOManager:
    return SqlIOManager(path=str(tmp_path), connection={"database": url}, root=str(tmp_path), mode=mode)


def stored(url: str, columns: str, order: str = "id, output, model_version") -> list[tuple[object, ...]]:
    with open_session(SqlAddress.parse(url), writing=False) as session:
        return session.rows(f"SELECT {columns} FROM sample_explanations ORDER BY {order}")


def rows(ledger: pa.Table, *names: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in ledger.select(list(names)).to_pylist()]


@each_kind
@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_rows_of_before_stay_and_get_todays_columns(url, tmp_path, mode):
    tables = manager(url, tmp_path, mode)
    old, new = as_of_0_1(small_ledger([1, 2])), small_ledger([2, 3], version=2, data_version="v2")
    tables.publish("sample_explanations", old.to_reader())
    tables.publish("sample_explanations", new.to_reader())
    kept = [row for row in rows(old, "id", "output", "prediction") if mode == "append" or row[0] == 1]
    assert stored(url, "id, output, prediction, explained_value, space, shap_a", "id, output, model_version") == sorted(
        [
            (*row, row[2], "softmax margin", before)
            for row, before in zip(rows(old, "id", "output", "prediction"), old["shap_a"].to_pylist(), strict=True)
            if row in kept
        ]
        + [
            (key, str(output), None, value, "softmax margin", shap)
            for key, output, value, shap in rows(new, "id", "output", "explained_value", "shap_a")
        ],
        key=lambda row: (row[0], row[1], row[2] is None),
    )
    read = StoredLedger.of(tables.read("sample_explanations"))
    found = pa.Table.from_batches(list(read.rows()))
    assert found["explained_value"].to_pylist() == new["explained_value"].to_pylist()
    assert found["output"].to_pylist() == ["0", "1", "2"] * 2


@each_kind
def test_a_partition_of_before_can_still_be_read(url, tmp_path):
    tables = manager(url, tmp_path, "replace")
    old, new = as_of_0_1(small_ledger([1])), small_ledger([2])
    tables.publish("sample_explanations", old.to_reader(), "monday")
    tables.publish("sample_explanations", new.to_reader(), "tuesday")
    monday = tables.read("sample_explanations", "monday").to_table()
    assert monday.equals(old)
    assert stored(url, "explained_value, space", "id, output")[:3] == [
        (value, "softmax margin") for value in old["prediction"].to_pylist()
    ]
    assert tables.read("sample_explanations", "tuesday").to_table()["explained_value"].equals(new["explained_value"])


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_other_tables_keep_the_types_of_a_column_called_output(url, tmp_path):
    tables = manager(url, tmp_path, "append")
    for version, values in (("v1", ["a"]), ("v2", ["b"])):
        table = pa.table({"output": values}).replace_schema_metadata(Provenance(data_version=version).to_metadata())
        tables.publish("predictions", table.to_reader())
    with pytest.raises(TableError, match="changed their types: 'output'"):
        tables.publish("predictions", pa.table({"output": [1]}).to_reader())


@each_kind
def test_outputs_stay_text_where_they_are(url, tmp_path):
    """Also in the summary, whose table is older than the type of its outputs."""
    tables = manager(url, tmp_path, "append")
    for version, kind in ((1, pa.string()), (2, pa.int64())):
        columns = {"output": to_labels(pa.array(["0", "1"]), kind), "feature": ["a", "a"], "rank": [version, version]}
        provenance = Provenance(model="m", data_version=f"v{version}").to_metadata()
        tables.publish("model_explanations", pa.table(columns).replace_schema_metadata(provenance).to_reader())
    assert tables.read("model_explanations").to_table()["output"].to_pylist() == ["0", "1"]
    with open_session(SqlAddress.parse(url), writing=False) as session:
        found = session.rows("SELECT output, rank FROM model_explanations ORDER BY rank, output")
    assert [tuple(row) for row in found] == [("0", 1), ("1", 1), ("0", 2), ("1", 2)]


@each_kind
def test_a_table_that_is_replaced_has_todays_columns_alone(url, tmp_path):
    tables = manager(url, tmp_path, "replace")
    tables.publish("sample_explanations", as_of_0_1(small_ledger([1])).to_reader())
    tables.publish("sample_explanations", small_ledger([2]).to_reader())
    assert tables.read("sample_explanations").to_table().equals(small_ledger([2]))
    with open_session(SqlAddress.parse(url), writing=False) as session:
        assert "prediction" not in (session.columns(TableName("sample_explanations")) or {})
        assert [row[0] for row in session.rows("SELECT output FROM sample_explanations ORDER BY output")] == [0, 1, 2]
