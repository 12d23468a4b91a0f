"""One pass over the inputs, read in a thread of their own."""

import threading

import pyarrow as pa
import pytest
from mlflow.types import ColSpec, Schema

from mlops_assets.arrow.input_table import InputTable, key_rows
from mlops_assets.errors import TableError
from mlops_assets.scoring.conformed import conform_table
from mlops_assets.signatures.contract.contract import Policy

INPUTS = Schema([ColSpec("double", "x")])
TABLE = pa.table({"id": pa.array(range(300_000)), "x": pa.array([None, *map(float, range(299_999))], pa.float64())})


def inputs(rows: int, fail_at: int | None = None) -> InputTable:
    def batches(wanted):
        for number, batch in enumerate(TABLE.select(list(wanted)).to_batches(rows)):
            if number == fail_at:
                raise TableError("The file is damaged")
            yield batch

    return key_rows(TABLE.schema, batches, uri="t", row_key=["id"])


@pytest.mark.parametrize("rows", [1000, 65_536])
def test_every_row_is_accepted_or_rejected_in_order(tmp_path, rows):
    with conform_table(inputs(rows), INPUTS, Policy(), tmp_path) as conformed:
        assert conformed.accepted.reader().read_all()["id"].to_pylist() == list(range(1, 300_000))
        assert conformed.rejected.reader().read_all()["id"].to_pylist() == [0]
        assert (conformed.rows, dict(conformed.reasons)) == (300_000, {("x", "missing_value"): 1})


def test_the_hash_does_not_depend_on_the_batches(tmp_path):
    found = set()
    for rows in (1000, 4096, 65_536):
        with conform_table(inputs(rows), INPUTS, Policy(), tmp_path) as conformed:
            found.add((conformed.accepted_hash, conformed.rejected_hash))
    assert len(found) == 1


def test_what_fails_half_way_is_raised_and_leaves_nothing_behind(tmp_path):
    before = threading.active_count()
    with pytest.raises(TableError, match="damaged"), conform_table(inputs(1000, 150), INPUTS, Policy(), tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == before
