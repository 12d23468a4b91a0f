"""Ledgers of earlier releases, and of several releases together, are read in today's columns."""

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import concatenate
from mlops_assets.errors import TableError
from mlops_assets.explain.ledger.partitioned import join_partitions
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.residuals import judge_residuals
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.explain.ledger.summary import LedgerSummary
from mlops_assets.explain.report.contents import OUTPUTS_SHOWN, collect_contents
from mlops_assets.explain.report.ledger_facts import facts_of
from mlops_assets.explain.report.report import report_html
from mlops_assets.models.reference import ModelReference
from mlops_assets.storage.location import Location
from mlops_assets.tables.delta.reader import delta_table
from mlops_assets.tables.writers import WRITERS
from mlops_assets_tests.explain.old_ledgers import as_of_0_1, small_ledger

REFERENCE = ModelReference("m", 1, "Champion", "d" * 64, ("sklearn",), None, None, "models:/m/1")


def read(ledger: StoredLedger, *columns: str) -> pa.Table:
    return pa.Table.from_batches(list(ledger.rows(columns or None)))


@pytest.mark.parametrize("format_name", list(WRITERS))
def test_a_ledger_of_0_1_has_todays_columns(format_name, tmp_path):
    place, today = Location.parse(str(tmp_path)).child("sample_explanations"), small_ledger([1, 2])
    WRITERS[format_name].write(as_of_0_1(today).to_reader(), place)
    ledger = StoredLedger.of(WRITERS[format_name].read(place))
    assert read(ledger, "explained_value")["explained_value"].to_pylist() == today["explained_value"].to_pylist()
    assert read(ledger)["output"].to_pylist() == ["0", "1", "2"] * 2
    origin = LedgerProvenance.of(ledger.provenance)
    assert (origin.space, origin.output_type) == ("softmax margin", pa.string())
    assert judge_residuals(ledger.rows(), ["id"]).passed


@pytest.mark.parametrize("format_name", list(WRITERS))
def test_the_next_ledger_replaces_it(format_name, tmp_path):
    place, today = Location.parse(str(tmp_path)).child("sample_explanations"), small_ledger([1, 2])
    WRITERS[format_name].write(as_of_0_1(today).to_reader(), place)
    WRITERS[format_name].write(today.to_reader(), place)
    assert WRITERS[format_name].read(place).to_table().equals(today)


def test_a_delta_table_keeps_the_version_of_0_1(tmp_path):
    place, today = Location.parse(str(tmp_path)).child("sample_explanations"), small_ledger([1, 2])
    for ledger in (as_of_0_1(today), today):
        WRITERS["delta"].write(ledger.to_reader(), place)
    old, new = (delta_table(place, version=version, row_key=["id"]).reader().read_all() for version in (0, 1))
    assert old["prediction"].to_pylist() == new["explained_value"].to_pylist() == today["explained_value"].to_pylist()
    assert "space" not in old.column_names


def partitions(tmp_path, **ledgers: pa.Table) -> dict[str, ds.Dataset]:
    for name, ledger in ledgers.items():
        pq.write_table(ledger, tmp_path / f"{name}.parquet")
    return {name: ds.dataset(tmp_path / f"{name}.parquet") for name in ledgers}


@pytest.mark.parametrize("kind", [pa.int64(), pa.string()], ids=str)
def test_partitions_of_two_releases_are_one_ledger(kind, tmp_path):
    monday, tuesday = small_ledger([1, 2], kind=kind), small_ledger([3], kind=kind)
    parts = partitions(tmp_path, monday=as_of_0_1(monday), tuesday=tuesday)
    ledger, left_out = join_partitions(parts, REFERENCE)
    assert left_out == ()
    values = [*monday["explained_value"].to_pylist(), *tuesday["explained_value"].to_pylist()]
    assert read(ledger, "explained_value")["explained_value"].to_pylist() == values
    origin = LedgerProvenance.of(ledger.provenance)
    summary = LedgerSummary.from_batches(ledger.rows(), origin.features, origin.outputs)
    assert summary.rows == 3
    table = summary.table(origin.output_type)
    assert table.schema.field("output").type == kind
    both = np.concatenate(
        [part.filter(pa.compute.equal(part["output"], part["output"][1]))["shap_a"] for part in (monday, tuesday)]
    )
    of_one = table.filter(pa.compute.equal(table["output"], tuesday["output"][1])).to_pylist()
    assert {row["feature"]: row["mean_shap"] for row in of_one}["a"] == pytest.approx(both.mean())
    page = report_html(collect_contents(ledger, facts_of(ledger, OUTPUTS_SHOWN), None))
    assert "0 of 9 ledger rows are beyond rounding" in page
    assert "sum of exp(value) over the row" in page
    assert "even odds" not in page
    # Residuals within rounding distinguish no row.
    assert "Largest residual of" not in page


def test_partitions_whose_types_differ_are_no_one_table(tmp_path):
    parts = partitions(tmp_path, monday=as_of_0_1(small_ledger([1])), tuesday=small_ledger([2]))
    with pytest.raises(TableError, match=r"'output' \(int64 and string\)") as refused:
        concatenate(list(parts.values()))
    assert "dict[str, pa.Table]" in str(refused.value)
    assert Provenance.of(parts["monday"].schema).row_key == ("id",)
