"""Streams that are put aside in parts hold the same rows, and the same rows are known again."""

import pickle

import numpy as np
import pyarrow as pa
import pytest

from mlops_assets.arrow.input_table import key_rows
from mlops_assets.errors import TableError
from mlops_assets.scoring.spool_parts import spool_in_parts
from mlops_assets.tables import part_size

ROWS = 1_000


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(part_size, "PART_ROWS", 100)


def stream(ids, cut: int = 37):
    """A table that can be read once, as a query's result is."""
    table = pa.table({"id": pa.array(ids), "a": [None if one is None else one / 7 for one in ids]})
    batches = iter(table.to_batches(max_chunksize=cut))
    return key_rows(table.schema, lambda _names: batches, uri="a query", row_key=["id"])


def spooled(tmp_path, table, **how):
    folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    return spool_in_parts(table, folder, **how)


def rows_of(splits):
    return [row for split in pickle.loads(pickle.dumps(splits)) for row in split.open().reader().read_all().to_pylist()]


def test_the_splits_are_the_table_however_it_came(tmp_path):
    splits = spooled(tmp_path, stream(range(ROWS))).splits()
    assert rows_of(splits) == [{"id": number, "a": number / 7} for number in range(ROWS)]
    assert [split.first_row for split in splits] == list(np.cumsum([0, *(split.rows for split in splits)])[:-1])
    assert all(split.count_rows() <= 200 for split in splits)
    again = spooled(tmp_path, stream(range(ROWS), cut=211)).splits()
    assert [split.identity for split in again] == [split.identity for split in splits]


def test_rows_put_in_change_the_pieces_there_alone(tmp_path):
    ids = list(range(0, 10 * ROWS, 10))
    before = {split.identity for split in spooled(tmp_path, stream(ids)).splits()}
    after = {split.identity for split in spooled(tmp_path, stream([*ids[:300], 2_995, *ids[300:]])).splits()}
    assert 1 <= len(after - before) <= 4 < len(before)


def test_no_more_than_a_part_is_one_piece_in_memory(tmp_path):
    for table, how in ((stream(range(100)), {}), (stream(range(ROWS)), {"limit": 100})):
        whole = spooled(tmp_path, table, **how)
        assert whole.splits() == ()
        for _ in range(2):
            assert whole.reader().read_all()["id"].to_pylist() == list(range(100))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_reading_raises_is_raised(tmp_path):
    with pytest.raises(TableError, match="is null at row 500"):
        spooled(tmp_path, stream([None if number == 500 else number for number in range(ROWS)]))
