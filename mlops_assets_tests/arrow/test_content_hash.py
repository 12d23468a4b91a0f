"""The content hash says what a table says, and nothing of how it is carried."""

import datetime as dt
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.arrow import content_hash as digest
from mlops_assets.arrow.content_hash import ContentHash, hash_of
from mlops_assets.errors import TableError

EVERY_KIND: dict[str, tuple[pa.DataType, list[Any]]] = {
    "bool": (pa.bool_(), [True, None, False]),
    "int8": (pa.int8(), [1, None, -3]),
    "uint64": (pa.uint64(), [2**64 - 1, None, 0]),
    "half": (pa.float16(), [np.float16(1.5), None, np.float16(-2)]),
    "double": (pa.float64(), [1.5, None, float("nan")]),
    "decimal": (pa.decimal128(10, 2), [Decimal("1.25"), None, Decimal("-3.00")]),
    "wide_decimal": (pa.decimal256(50, 2), [Decimal("1.25"), None, Decimal("-3.00")]),
    "date": (pa.date32(), [dt.date(2020, 1, 1), None, dt.date(1960, 5, 5)]),
    "time": (pa.time64("us"), [dt.time(1, 2, 3, 4), None, dt.time(0)]),
    "zoned": (pa.timestamp("us", tz="Europe/Berlin"), [dt.datetime(2020, 1, 1, tzinfo=dt.UTC), None, None]),
    "duration": (pa.duration("ns"), [dt.timedelta(seconds=1), None, dt.timedelta(0)]),
    "text": (pa.string(), ["a", None, ""]),
    "large_text": (pa.large_string(), ["ä", None, "bc"]),
    "bytes": (pa.binary(), [b"a\0", None, b""]),
    "fixed_bytes": (pa.binary(2), [b"ab", None, b"cd"]),
    "nothing": (pa.null(), [None, None, None]),
    "list": (pa.list_(pa.int64()), [[1, None], None, []]),
    "large_list": (pa.large_list(pa.string()), [["a"], None, ["", "b"]]),
    "fixed_list": (pa.list_(pa.float32(), 2), [[1, 2], None, [3, None]]),
    "struct": (pa.struct([("x", pa.int64()), ("y", pa.string())]), [{"x": 1, "y": "a"}, None, {"x": None, "y": ""}]),
    "map": (pa.map_(pa.string(), pa.list_(pa.int64())), [[("a", [1])], None, [("b", []), ("c", None)]]),
    "deep": (pa.list_(pa.struct([("m", pa.list_(pa.string()))])), [[{"m": ["a"]}, None], None, [{"m": None}]]),
}


def hash_of_table(table: pa.Table, rows: int | None = None) -> str:
    content = ContentHash(table.schema)
    for batch in table.to_batches(max_chunksize=rows):
        content.update(batch)
    return content.hexdigest()


def every_kind(times: int = 1) -> pa.Table:
    return pa.table({name: pa.array(values * times, kind) for name, (kind, values) in EVERY_KIND.items()})


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_batch_boundaries_do_not_matter(rows):
    table = every_kind(5)
    assert hash_of_table(table, rows) == hash_of_table(table)


@pytest.mark.parametrize("name", EVERY_KIND)
def test_a_slice_hashes_like_a_fresh_copy_of_its_rows(name):
    kind, values = EVERY_KIND[name]
    sliced = pa.table({"c": pa.array(values * 4, kind)}).slice(2, 7)
    fresh = pa.table({"c": pa.array((values * 4)[2:9], kind)})
    assert hash_of_table(sliced) == hash_of_table(fresh)


@pytest.mark.parametrize("name", [name for name in EVERY_KIND if name != "nothing"])
def test_a_null_is_a_value_of_its_own(name):
    kind, values = EVERY_KIND[name]
    with_null = pa.table({"c": pa.array([values[0], None], kind)})
    without = pa.table({"c": pa.array([values[0], values[0]], kind)})
    assert hash_of_table(with_null) != hash_of_table(without)


def test_one_block_and_many_blocks_agree_on_what_was_fed(monkeypatch):
    table = every_kind(50)
    monkeypatch.setattr(digest, "BLOCK_ROWS", 16)
    assert len({hash_of_table(table, rows) for rows in (1, 15, 16, 17, 150)}) == 1


def test_the_hash_is_the_same_in_every_release():
    """Stored data versions are compared across installations: a changed encoding must be a decision."""
    table = pa.table({"id": pa.array([1, 2, None], pa.int64()), "name": pa.array(["a", "", None], pa.string())})
    assert hash_of_table(table) == "16a9f9745bf0281bfb0145ace4f5c6c50a78ca04612b7f2f7ff6e07582ca777e"


def test_dictionary_encoding_does_not_matter():
    values = ["a", None, "b", "a"]
    plain = pa.table({"c": pa.array(values)})
    encoded = pa.table({"c": pa.array(values).dictionary_encode()})
    assert hash_of_table(encoded) == hash_of_table(plain)


def test_views_and_run_ends_do_not_matter():
    import pyarrow.compute as pc

    plain = pa.table({"c": pa.array(["a", "a", None])})
    assert hash_of_table(pa.table({"c": pa.array(["a", "a", None], pa.string_view())})) == hash_of_table(plain)
    assert hash_of_table(pa.table({"c": pc.run_end_encode(plain["c"].chunk(0))})) == hash_of_table(plain)


def test_what_lies_under_a_null_does_not_matter():
    validity = pa.py_buffer(bytes([0b101]))
    numbers = [pa.py_buffer(np.array([1, garbage, 3], dtype=np.int64)) for garbage in (7, 8)]
    one, other = (pa.Array.from_buffers(pa.int64(), 3, [validity, values]) for values in numbers)
    assert hash_of_table(pa.table({"c": one})) == hash_of_table(pa.table({"c": other}))


def test_text_under_a_null_does_not_matter():
    validity, offsets = pa.py_buffer(bytes([0b101])), pa.py_buffer(np.array([0, 1, 3, 4], dtype=np.int32))
    garbage = pa.Array.from_buffers(pa.string(), 3, [validity, offsets, pa.py_buffer(b"axxb")])
    assert hash_of_table(pa.table({"c": garbage})) == hash_of_table(pa.table({"c": pa.array(["a", None, "b"])}))


def test_an_unneeded_validity_bitmap_does_not_matter():
    values = pa.py_buffer(np.array([1, 2], dtype=np.int64))
    bitmap = pa.Array.from_buffers(pa.int64(), 2, [pa.py_buffer(bytes([0b11])), values])
    assert hash_of_table(pa.table({"c": bitmap})) == hash_of_table(pa.table({"c": pa.array([1, 2])}))


def test_the_payload_of_a_nan_does_not_matter():
    odd = np.array([0x7FF8000000000001], dtype=np.uint64).view(np.float64)
    assert hash_of_table(pa.table({"c": odd})) == hash_of_table(pa.table({"c": [float("nan")]}))


def test_the_file_format_does_not_matter(tmp_path):
    table = every_kind(3).drop_columns(["nothing", "fixed_list"])
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=2)
    assert hash_of_table(pq.read_table(tmp_path / "t.parquet")) == hash_of_table(table)


@pytest.mark.parametrize(
    "other",
    [
        pa.table({"b": pa.array([1, 2]), "c": pa.array(["x", "yz"])}),
        pa.table({"a": pa.array([1, 2], pa.int32()), "c": pa.array(["x", "yz"])}),
        pa.table({"a": pa.array([2, 1]), "c": pa.array(["yz", "x"])}),
        pa.table({"a": pa.array([1, 3]), "c": pa.array(["x", "yz"])}),
        pa.table({"a": pa.array([1, None]), "c": pa.array(["x", "yz"])}),
        pa.table({"a": pa.array([1, 2]), "c": pa.array(["xy", "z"])}),
        pa.table({"c": pa.array(["x", "yz"]), "a": pa.array([1, 2])}),
        pa.table({"a": pa.array([1]), "c": pa.array(["x"])}),
        pa.table({"a": pa.array([1, 2]), "c": pa.array(["x", "yz"], pa.large_string())}),
    ],
    ids=["name", "type", "order", "value", "null", "text cut elsewhere", "column order", "rows", "text type"],
)
def test_what_a_table_says_matters(other):
    assert hash_of_table(other) != hash_of_table(pa.table({"a": pa.array([1, 2]), "c": pa.array(["x", "yz"])}))


def test_minus_zero_is_not_zero():
    assert hash_of_table(pa.table({"c": [-0.0]})) != hash_of_table(pa.table({"c": [0.0]}))


def test_nested_values_cut_elsewhere_differ():
    one, other = (pa.table({"c": pa.array(values)}) for values in ([[1], [2, 3]], [[1, 2], [3]]))
    assert hash_of_table(one) != hash_of_table(other)


def test_tables_without_rows_differ_by_their_columns():
    assert ContentHash(pa.schema([("a", pa.int64())])).hexdigest() != ContentHash(pa.schema([])).hexdigest()


def test_a_digest_may_be_taken_before_the_end():
    table = pa.table({"a": [1, 2, 3]})
    content = ContentHash(table.schema)
    content.update(table.slice(0, 2).to_batches()[0])
    assert content.hexdigest() == hash_of_table(table.slice(0, 2))
    content.update(table.slice(2).to_batches()[0])
    assert (content.hexdigest(), content.rows) == (hash_of_table(table), 3)


def test_a_batch_of_another_table_is_refused():
    content = ContentHash(pa.schema([("a", pa.int64())]))
    with pytest.raises(TableError, match=r"expected \['a'\], got \['b'\]"):
        content.update(pa.record_batch({"b": [1]}))


def test_a_union_is_refused_by_name():
    with pytest.raises(TableError, match="Column 'u' is a union"):
        ContentHash(pa.schema([("u", pa.sparse_union([pa.field("x", pa.int64())]))]))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.none() | st.lists(st.none() | st.text(max_size=4), max_size=3), max_size=20),
    cuts=st.lists(st.integers(0, 20), max_size=4),
    before=st.integers(0, 3),
)
def test_any_cut_and_offset_gives_the_same_hash(values, cuts, before):
    kind = pa.list_(pa.string())
    whole = pa.table({"c": pa.array(values, kind)})
    padded = pa.array([["pad"]] * before + values, kind).slice(before)
    edges = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    content = ContentHash(whole.schema)
    for start, end in pairwise(edges):
        content.update(pa.record_batch({"c": padded.slice(start, end - start)}))
    assert content.hexdigest() == hash_of_table(whole)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.text(max_size=3), max_size=6), st.lists(st.none() | st.text(max_size=3), max_size=6))
def test_different_rows_have_different_hashes(one, other):
    hashes = [hash_of_table(pa.table({"c": pa.array(values, pa.string())})) for values in (one, other)]
    assert (hashes[0] == hashes[1]) == (one == other)


def test_parts_are_hashed_with_their_lengths():
    assert hash_of("ab", "c") != hash_of("a", "bc")
    assert hash_of("a") != hash_of("a", "")
    assert hash_of("a", "b") == hash_of("a", "b")
