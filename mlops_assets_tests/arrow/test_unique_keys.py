"""Does the row key identify a row? Exactly, in bounded memory, for every type a key can have."""

import datetime as dt
import tracemalloc
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.arrow import key_hash, unique_keys
from mlops_assets.arrow.key_hash import key_hashes
from mlops_assets.arrow.unique_keys import KeyCheck, check_unique
from mlops_assets.errors import TableError


def refusal(table: pa.Table, scratch, rows: int = 3) -> str | None:
    try:
        check_unique(lambda: iter(table.to_batches(rows)), scratch, where="table x")
    except TableError as error:
        return str(error)
    return None


def never():
    raise AssertionError("the keys were opened a second time")


def test_increasing_keys_are_read_once_and_leave_no_trace(tmp_path):
    check = KeyCheck(["id"], tmp_path)
    for batch in pa.table({"id": range(100)}).to_batches(7):
        check.add(batch)
    check.finish(never)
    assert list(tmp_path.iterdir()) == []


def test_shuffled_keys_are_read_once(tmp_path):
    check = KeyCheck(["id"], tmp_path)
    for batch in pa.table({"id": np.random.default_rng(0).permutation(100)}).to_batches(7):
        check.add(batch)
    check.finish(never)


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 2],
        [3, 1, 2, 1],
        [1, 2, 3, 4, 5, 6, 1],
        [1, 2, 3, 3, 4],
        ["b", "a", "b"],
        ["", "a", ""],
        ["long text of more than sixteen bytes", "x", "long text of more than sixteen bytes"],
        [b"x", b"a", b"x"],
        [1.5, 0.5, 1.5],
        [0.0, 1.0, -0.0],
        [True, False, True],
        [dt.datetime(2020, 1, 2), dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 2)],
        [dt.date(2020, 1, 2), dt.date(2020, 1, 1), dt.date(2020, 1, 2)],
        [Decimal("2.5"), Decimal("1.5"), Decimal("2.5")],
        [None, 1, None],
    ],
    ids=str,
)
def test_a_key_that_occurs_twice_is_found(tmp_path, values):
    message = refusal(pa.table({"id": values}), tmp_path)
    assert message is not None
    assert "1 rows repeat the key of an earlier one" in message
    assert "(2 times)" in message
    assert "(table x)" in message


@pytest.mark.parametrize(
    "values",
    [
        ["ab", "a", "b", "", "a\0", "\0a", "aaaaaaaa", "aaaaaaaaa"],
        [b"", b"\0", b"\0\0"],
        [2**62, 1, -(2**62), 0],
        [Decimal("1"), Decimal("0"), Decimal("-1")],
        [dt.timedelta(3), dt.timedelta(1), dt.timedelta(2)],
    ],
    ids=str,
)
def test_keys_that_differ_pass(tmp_path, values):
    assert refusal(pa.table({"id": values}), tmp_path) is None


def test_keys_of_several_columns(tmp_path):
    table = pa.table({"site": [1, 1, 2, 2], "visit": ["a", "b", "a", "b"]})
    assert refusal(table, tmp_path) is None
    again = pa.concat_tables([table, table.slice(2, 1)])
    assert "site=2, visit='a' (2 times)" in (refusal(again, tmp_path) or "")


def test_columns_that_swap_their_values_are_different_keys(tmp_path):
    assert refusal(pa.table({"a": [2, 1], "b": [1, 2]}), tmp_path) is None


def test_five_are_shown_in_order_of_appearance_with_counts_and_the_total(tmp_path):
    ids = [9, 8, 7, 6, 5, 4, 3, 9, 8, 7, 6, 5, 4, 9]
    message = refusal(pa.table({"id": ids}), tmp_path) or ""
    assert "7 rows repeat" in message
    assert "id=9 (3 times); id=8 (2 times); id=7 (2 times); id=6 (2 times); id=5 (2 times); and more" in message


def test_hashes_that_collide_are_not_duplicates(tmp_path, monkeypatch):
    def poor(columns, names, where=None):
        return key_hashes(columns, names, where) % np.uint64(3)

    monkeypatch.setattr(unique_keys, "key_hashes", poor)
    assert refusal(pa.table({"id": [5, 4, 3, 2, 1, 0]}), tmp_path) is None
    message = refusal(pa.table({"id": [5, 4, 3, 2, 1, 0, 4]}), tmp_path) or ""
    assert "1 rows repeat the key of an earlier one: id=4 (2 times) (table x)." in message


def test_hashes_go_to_files_and_come_back(tmp_path, monkeypatch):
    monkeypatch.setattr(unique_keys, "_HELD_HASHES", 64)
    ids = np.random.default_rng(0).permutation(1000)
    assert refusal(pa.table({"id": ids}), tmp_path, rows=50) is None
    ids[-1] = ids[0]
    assert f"id={ids[0]} (2 times)" in (refusal(pa.table({"id": ids}), tmp_path, rows=50) or "")
    assert list(tmp_path.iterdir()) == []


def test_more_duplicates_than_are_verified_are_still_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(unique_keys, "MOST_VERIFIED", 10)
    ids = np.concatenate([np.random.default_rng(0).permutation(500)] * 2)
    assert "500 rows repeat" in (refusal(pa.table({"id": ids}), tmp_path, rows=100) or "")


def test_other_columns_are_ignored(tmp_path):
    check = KeyCheck(["id"], tmp_path)
    check.add(pa.record_batch({"x": [1, 1], "id": [2, 1]}))
    check.finish(never)


def test_a_type_that_cannot_identify_a_row(tmp_path):
    for rows in (1, 2):
        message = refusal(pa.table({"id": [[1], [2]]}).slice(0, rows), tmp_path) or ""
        assert "Row key column 'id' has type list" in message


def test_a_nan_is_one_value(tmp_path):
    odd = np.array([0x7FF8000000000000, 0x7FF8000000000001], dtype=np.uint64).view(np.float64)
    assert "(2 times)" in (refusal(pa.table({"id": odd}), tmp_path) or "")


def test_dictionary_encoded_keys_are_compared_by_value(tmp_path):
    batches = [pa.record_batch({"id": pa.array(values).dictionary_encode()}) for values in (["b", "a"], ["c", "b"])]
    with pytest.raises(TableError, match=r"id='b' \(2 times\)"):
        check_unique(lambda: iter(batches), tmp_path)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.none() | st.integers(0, 3), st.none() | st.text("ab", max_size=2)), max_size=12),
    st.integers(1, 5),
)
def test_the_verdict_is_that_of_counting(tmp_path_factory, rows, cut):
    table = pa.table(
        {"a": pa.array([a for a, _ in rows], pa.int64()), "b": pa.array([b for _, b in rows], pa.string())}
    )
    surplus = len(rows) - len(set(rows))
    message = refusal(table, tmp_path_factory.mktemp("keys"), cut)
    assert (message is not None) == (surplus > 0)
    assert message is None or f", {surplus} rows repeat" in message


@given(st.lists(st.text(max_size=20), min_size=1, max_size=20), st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_a_hash_depends_on_the_value_alone(values, before):
    whole = key_hashes([pa.array(values)], ["id"])
    sliced = key_hashes([pa.array(["padding"] * before + values, pa.large_string()).slice(before)], ["id"])
    assert whole.tolist() == sliced.tolist()
    assert len(set(whole.tolist())) == len(set(values))


@pytest.mark.slow
def test_millions_of_shuffled_keys_need_little_memory(tmp_path):
    ids = np.random.default_rng(0).permutation(5_000_000)
    table = pa.table({"id": ids})
    tracemalloc.start()
    check_unique(lambda: iter(table.to_batches(65_536)), tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 150e6


def test_strictly_increasing_is_lexicographic():
    one, two = pa.array([1, 1, 2]), pa.array([1, 2, 0])
    assert key_hash.strictly_increasing([one, two], None)
    assert not key_hash.strictly_increasing([one, pa.array([1, 1, 0])], None)
    assert not key_hash.strictly_increasing([pa.array([3])], [pa.array([3])])
