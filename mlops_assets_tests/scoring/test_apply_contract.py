"""The contract, applied in one pass; a thread reads the inputs."""

import threading

import pyarrow as pa
import pytest
from mlflow.types import ColSpec, Schema

from mlops_assets.arrow.input_table import InputTable, key_rows
from mlops_assets.errors import TableError
from mlops_assets.scoring.apply_contract import apply_contract
from mlops_assets.signatures.contract.contract import Policy

INPUTS = Schema([ColSpec("double", "x")])
TABLE = pa.table({"id": pa.array(range(300_000)), "x": pa.array([None, *map(float, range(299_999))], pa.float64())})


def inputs(rows: int, fail_at: int | None = None) -> InputTable:
    def batches(columns):
        for number, batch in enumerate(TABLE.select(list(columns)).to_batches(rows)):
            if number == fail_at:
                raise TableError("The file is damaged")
            yield batch

    return key_rows(TABLE.schema, batches, uri="t", row_key=["id"])


@pytest.mark.parametrize("rows", [1000, 65_536])
def test_every_row_is_accepted_or_rejected_in_order(tmp_path, rows):
    with apply_contract(inputs(rows), INPUTS, Policy(), tmp_path) as result:
        assert result.accepted.reader().read_all()["id"].to_pylist() == list(range(1, 300_000))
        assert result.rejected.reader().read_all()["id"].to_pylist() == [0]
        assert (result.rows, dict(result.reasons)) == (300_000, {("x", "missing_value"): 1})


def test_the_hash_does_not_depend_on_the_batches(tmp_path):
    hashes = set()
    for rows in (1000, 4096, 65_536):
        with apply_contract(inputs(rows), INPUTS, Policy(), tmp_path) as result:
            hashes.add((result.accepted_hash, result.rejected_hash))
    assert len(hashes) == 1


def test_what_fails_half_way_is_raised_and_leaves_nothing_behind(tmp_path):
    before = threading.active_count()
    with pytest.raises(TableError, match="damaged"), apply_contract(inputs(1000, 150), INPUTS, Policy(), tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == before
