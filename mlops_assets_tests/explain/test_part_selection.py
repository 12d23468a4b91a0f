"""What is selected of parts is what is selected of the whole table."""

import numpy as np
import pyarrow as pa
import pytest

from mlops_assets.explain.ledger.part_selection import PartSelection, plan_selection
from mlops_assets.explain.ledger.selection import Selection

COUNTS = (40, 0, 1, 300, 77)


def batches(start: int, count: int) -> list[pa.RecordBatch]:
    return pa.table({"n": np.arange(start, start + count)}).to_batches(max_chunksize=13)


@pytest.mark.parametrize("limit", [None, 0, 1, 40, 60, 1000])
@pytest.mark.parametrize("sample", [None, 0.0001, 0.3, 1.0, 1, 50, 10_000])
def test_parts_together_are_the_selection_of_the_whole(limit, sample):
    selection = Selection(limit=limit, sample=sample, seed=3)
    expected = [n for batch in selection.select(batches(0, sum(COUNTS)), None) for n in batch["n"].to_pylist()]
    found, start = [], 0
    for count, chosen in zip(COUNTS, plan_selection(selection, COUNTS), strict=True):
        rows = [] if chosen is None else chosen.select(batches(start, count))
        some = [n for batch in rows for n in batch["n"].to_pylist()]
        assert (chosen is not None) == bool(some)
        assert chosen is None or chosen.count(count) == len(some)
        found += some
        start += count
    assert found == expected


def test_a_part_of_which_all_is_taken_is_known_by_itself():
    planned = plan_selection(Selection(limit=345), COUNTS)
    assert planned == [PartSelection(), None, PartSelection(), PartSelection(), PartSelection(most=4)]
