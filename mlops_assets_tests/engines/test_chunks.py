"""Chunks: every row once, cuts that follow from the rows, old chunks found again in a changed table."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.engines.chunks import bytes_per_row, chunk_rows_of, chunks


def table(keys) -> pa.RecordBatch:
    keys = np.asarray(list(keys), dtype=np.int64)
    return pa.record_batch({"id": keys, "x": keys * 0.5})


def cut(rows: pa.RecordBatch, size: int, parts=(), batch: int = 1000):
    stream = (rows.slice(start, batch) for start in range(0, rows.num_rows, batch))
    return list(chunks(stream, ["id"], size, parts))


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    count=st.integers(0, 3000),
    size=st.integers(1, 700),
    first=st.integers(1, 1500),
    second=st.integers(1, 1500),
    parts=st.lists(st.integers(0, 900), max_size=5),
)
def test_every_row_once_in_order_whatever_the_batches(count, size, first, second, parts):
    rows = table(range(count))
    chunks = cut(rows, size, parts, first)
    assert [chunk.content for chunk in chunks] == [chunk.content for chunk in cut(rows, size, parts, second)]
    assert [key for chunk in chunks for key in chunk.rows["id"].to_pylist()] == list(range(count))
    assert all(0 < chunk.rows.num_rows <= 2 * size for chunk in chunks)
    ends = np.cumsum([chunk.rows.num_rows for chunk in chunks]).tolist()
    assert {end for end in np.cumsum(parts).tolist() if 0 < end < count} <= set(ends)


def test_chunks_are_about_as_long_as_asked_for():
    lengths = [chunk.rows.num_rows for chunk in cut(table(range(200_000)), 2000)]
    assert 1500 < np.mean(lengths) < 2500


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param([*range(30_000), *range(90_000, 90_100), *range(30_000, 60_000)], id="rows put in"),
        pytest.param([*range(30_000), *range(30_100, 60_000)], id="rows taken out"),
        pytest.param([-1, *range(60_000)], id="a row put in front"),
        pytest.param([*range(60_000), *range(90_000, 91_000)], id="rows appended"),
    ],
)
def test_a_change_is_felt_where_it_is_and_nowhere_else(changed):
    before = {chunk.content for chunk in cut(table(range(60_000)), 500)}
    after = cut(table(changed), 500)
    new = sum(chunk.rows.num_rows for chunk in after if chunk.content not in before)
    # Some chunks until the old cuts are met again; a table cut by position would differ from there to the end.
    assert new < 8_000


def test_a_new_part_changes_no_chunk_of_the_others():
    old = cut(table(range(2500)), 1000, parts=[1200, 1300])
    new = cut(table([*range(1200), *range(5000, 5700), *range(1200, 2500)]), 1000, parts=[1200, 700, 1300])
    assert {chunk.content for chunk in old} < {chunk.content for chunk in new}
    fresh = [chunk for chunk in new if chunk.content not in {chunk.content for chunk in old}]
    assert sum(chunk.rows.num_rows for chunk in fresh) == 700


def test_another_value_is_another_content():
    first = pa.record_batch({"id": [1, 2], "x": [1.0, 2.0]})
    second = pa.record_batch({"id": [1, 2], "x": [1.0, 2.5]})
    assert cut(first, 10)[0].content != cut(second, 10)[0].content


def test_rows_by_bytes_follow_from_the_types():
    wide = pa.schema([(f"x{place}", pa.float64()) for place in range(1000)])
    assert bytes_per_row(wide) == 8000
    assert chunk_rows_of(pa.schema([("x", pa.int8())]), 32_768) == 32_768
    assert chunk_rows_of(pa.schema([(f"x{place}", pa.float64()) for place in range(100)]), 32_768) == 10_485
    assert chunk_rows_of(pa.schema([("v", pa.list_(pa.float64(), 1_000_000))]), 32_768) == 64


def test_chunks_of_wide_rows_do_not_become_ever_shorter():
    """A chunk costs a time per column, whatever its rows."""
    wide = pa.schema([(f"x{place}", pa.float64()) for place in range(3000)])
    assert chunk_rows_of(wide, 32_768) == 2_048
    assert chunk_rows_of(wide, 500) == 500
    assert chunk_rows_of(pa.schema([(f"x{place}", pa.float64()) for place in range(30_000)]), 32_768) == 279
