"""A stream that is cut anew: the same rows in the same order, in batches of the lengths that are asked for."""

import itertools

import numpy as np
import pyarrow as pa
import pytest

from mlops_assets.arrow.batching import batch_groups, fixed_batches
from mlops_assets.errors import TableError


@pytest.mark.parametrize("seed", range(50))
def test_groups_hold_the_rows_of_fixed_batches_in_whole_units(seed):
    rng = np.random.default_rng(seed)
    unit = int(rng.integers(1, 5))
    rows, many = unit * int(rng.integers(1, 30)), int(rng.integers(0, 400))
    whole = pa.record_batch({"id": np.arange(many)})
    cuts = [0, *np.sort(rng.integers(0, many + 1, 8)).tolist(), many]
    batches = [whole.slice(low, high - low) for low, high in itertools.pairwise(cuts)]
    groups = list(batch_groups(batches, rows, unit))
    assert [pa.Table.from_batches(group)["id"].to_pylist() for group in groups] == [
        batch.column("id").to_pylist() for batch in fixed_batches(batches, rows)
    ]
    assert all(batch.num_rows and batch.num_rows % unit == 0 for group in groups for batch in group[:-1])


def test_of_long_batches_only_the_rows_around_a_cut_are_copied():
    batches = [pa.record_batch({"id": np.arange(1_003)}), pa.record_batch({"id": np.arange(2_000)})]
    ((first, seam, rest, end),) = batch_groups(batches, 100_000, 10)
    assert [batch.num_rows for batch in (first, seam, rest, end)] == [1_000, 10, 1_990, 3]
    own = [batch.column("id").buffers()[1].address for batch in batches]
    assert [batch.column("id").buffers()[1].address for batch in (first, rest)] == own


def test_batches_of_different_columns_are_refused_by_name():
    batches = [pa.record_batch({"id": [1]}), pa.record_batch({"number": [1]})]
    with pytest.raises(TableError, match="id and number"):
        list(batch_groups(batches, 100, 10))
