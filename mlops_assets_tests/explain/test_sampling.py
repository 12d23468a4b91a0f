"""Seeded draws: uniform, and blind to how the stream is cut."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlops_assets.explain.explainers.sampling import (
    _GOLDEN,
    HASHES,
    Reservoir,
    _mix,
    draw_rows,
    frame_digest,
    hash_bound,
    position_hash,
    row_hash,
    sample_fraction,
)


def _batches(rows: int, size: int):
    return pa.table({"row": np.arange(rows)}).to_batches(max_chunksize=size)


@pytest.mark.parametrize("size", [1, 17, 500])
def test_a_reservoir_draws_the_same_rows_from_any_batches(size: int) -> None:
    drawn = draw_rows(_batches(500, size), 40, seed=3)
    expected = draw_rows(_batches(500, 33), 40, seed=3)
    assert drawn is not None
    assert expected is not None
    assert (
        drawn.column("row").to_pylist() == expected.column("row").to_pylist() == sorted(drawn.column("row").to_pylist())
    )


def test_a_reservoir_is_uniform() -> None:
    counts = np.zeros(50)
    for seed in range(400):
        rows = draw_rows(_batches(50, 9), 10, seed)
        assert rows is not None
        counts[rows.column("row").to_numpy()] += 1
    assert counts.sum() == 4000
    assert np.abs(counts - 80).max() < 40  # five standard deviations of a binomial(400, 0.2)


def test_a_reservoir_larger_than_the_stream_keeps_it_all() -> None:
    rows = draw_rows(_batches(7, 3), 100, 0)
    assert rows is not None
    assert rows.column("row").to_pylist() == list(range(7))


def test_a_reservoir_holds_no_more_than_its_capacity() -> None:
    reservoir = Reservoir(5, 0)
    for batch in _batches(100, 10):
        reservoir.add(batch)
        assert reservoir.rows is not None
        assert reservoir.rows.num_rows <= 5
    assert reservoir.seen == 100


def _merged(parts: int, bound: int) -> tuple[Reservoir, int]:
    """What reservoirs of equal parts of 20,000 rows hold together, and the most rows that one of them held."""
    each = 20_000 // parts
    drawn = []
    for part in range(parts):
        drawn.append(Reservoir(50, 3, part * each, bound))
        for batch in pa.table({"row": np.arange(part * each, (part + 1) * each)}).to_batches(max_chunksize=77):
            drawn[-1].add(batch)
    most = max(len(one.hashes) for one in drawn)
    first, *others = drawn
    for later in others:
        first.merge(later)
    return first, most


def test_parts_that_know_how_many_rows_there_are_hold_few_and_draw_the_same() -> None:
    whole = draw_rows(_batches(20_000, 500), 50, seed=3)
    drawn, most = _merged(20, hash_bound(50, 20_000))
    assert drawn.rows == whole
    assert drawn.is_whole(20_000)
    assert most < 25
    # What a bound that is too low has left out is noticed.
    assert not _merged(20, HASHES // 1_000)[0].is_whole(20_000)


@pytest.mark.parametrize("capacity", [1, 30, 500, 2_000])
def test_a_bound_is_passed_over_by_few_rows_more_than_are_drawn(capacity: int) -> None:
    below = (position_hash(1, 0, 100_000) < np.uint64(hash_bound(capacity, 100_000))).sum()
    assert capacity <= below <= 2 * capacity + 80
    assert hash_bound(capacity, capacity) == HASHES


def test_no_batch_is_no_table() -> None:
    assert draw_rows([], 5, 0) is None


def test_thinning_keeps_about_its_fraction() -> None:
    kept = sum(batch.num_rows for batch in sample_fraction(_batches(10_000, 77), 0.3, seed=1))
    assert abs(kept - 3000) < 230  # five standard deviations


def test_position_hashes_are_uniform_and_differ_by_seed() -> None:
    one, other = position_hash(1, 0, 10_000), position_hash(2, 0, 10_000)
    assert abs((one / 2.0**64).mean() - 0.5) < 0.015
    assert len(np.intersect1d(one, other)) == 0


def test_a_row_s_hash_follows_from_its_values_alone() -> None:
    rows = pd.DataFrame({"a": [1, 2, 1], "b": ["x", "y", "x"], "c": [[1], [2], [1]]}, index=[9, 8, 7])
    hashes = row_hash(0, rows)
    assert hashes[0] == hashes[2] != hashes[1]
    assert row_hash(0, rows.iloc[[1]])[0] == hashes[1]


def test_swapped_columns_have_another_hash() -> None:
    rows = pd.DataFrame({"a": [1], "b": [2]})
    assert row_hash(0, rows)[0] != row_hash(0, pd.DataFrame({"a": [2], "b": [1]}))[0]


def test_a_digest_follows_names_types_and_values() -> None:
    rows = pd.DataFrame({"a": [1, 2]})
    others = [rows.rename(columns={"a": "b"}), rows.astype("int32"), rows + 1, rows.iloc[::-1]]
    assert len({frame_digest(rows), *(frame_digest(other) for other in others)}) == 5


def test_columns_of_one_type_have_the_hashes_of_columns_one_by_one() -> None:
    frame = pd.DataFrame({"a": [1.5, np.nan, -0.0], "b": [2.0, np.inf, 0.0]})
    whole = frame.fillna(0).replace(np.inf, 3)
    for numbers in (frame, frame.astype("float32"), whole.astype("int64"), whole.astype("uint8")):
        expected = np.full(3, 7, dtype=np.uint64)
        for name in numbers.columns:
            column = pd.util.hash_pandas_object(numbers[name], index=False, categorize=False).to_numpy(np.uint64)
            expected = _mix(np.add(expected * _GOLDEN, column, dtype=np.uint64))
        assert row_hash(7, numbers).tolist() == expected.tolist()
