"""The content hash of a table says nothing of the places where it was cut into parts and batches."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.arrow import hash_blocks
from mlops_assets.arrow.content_hash import ContentHash
from mlops_assets.arrow.key_hash import key_hashes
from mlops_assets.arrow.part_hash import PartDigest, PartHash, TableHash, boundaries, hash_boundary, table_hash
from mlops_assets.errors import TableError
from mlops_assets_tests.arrow.test_content_hash import EVERY_KIND


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of about four rows, of eight at most: tables of some dozen rows have every kind of boundary."""
    monkeypatch.setattr(hash_blocks, "SPREAD", 4)
    monkeypatch.setattr(hash_blocks, "LEAST_SPREAD", 4)
    monkeypatch.setattr(hash_blocks, "LONGEST", 2)


def pieces(table: pa.Table, cuts: Sequence[int]) -> list[pa.Table]:
    edges = [0, *sorted(min(cut, table.num_rows) for cut in cuts), table.num_rows]
    return [table.slice(start, stop - start) for start, stop in pairwise(edges)]


def digest_of(part: pa.Table, row_key: Sequence[str] = ("id",), rows: int | None = None) -> PartDigest:
    content = PartHash(part.schema, row_key)
    for batch in part.to_batches(max_chunksize=rows):
        content.update(batch)
    return content.finish()


def hash_of_parts(parts: Sequence[pa.Table], row_key: Sequence[str] = ("id",), rows: int | None = None) -> str:
    """As a run does it: every part by itself, then what spans parts, then the table."""
    digests = [digest_of(part, row_key, rows) for part in parts]
    spanning = []
    for boundary in boundaries(digests):
        taken = [parts[part].slice(start, stop - start) for part, start, stop in boundary.ranges]
        assert sum(each.num_rows for each in taken) == boundary.rows
        spanning.append(hash_boundary(parts[0].schema, [batch for each in taken for batch in each.to_batches(rows)]))
    return table_hash(parts[0].schema, digests, spanning)


def hash_of_stream(table: pa.Table, row_key: Sequence[str] = ("id",), rows: int | None = None) -> str:
    content = TableHash(table.schema, row_key)
    for batch in table.to_batches(max_chunksize=rows):
        content.update(batch)
    return content.hexdigest()


def numbers(rows: int, first: int = 0) -> pa.Table:
    return pa.table({"id": np.arange(first, first + rows), "x": np.arange(rows) / 7})


def every_kind(times: int) -> pa.Table:
    columns = {name: pa.array(values * times, kind) for name, (kind, values) in EVERY_KIND.items()}
    return pa.table({"id": np.arange(3 * times), **columns})


ODD_NAN = np.array([0x7FF8000000000001], dtype=np.uint64).view(np.float64)[0]


@settings(max_examples=120, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(-5, 60),
            st.sampled_from([0.0, -0.0, 1.5, float("nan"), ODD_NAN, float("inf")]),
            st.none() | st.sampled_from(["", "a", "bc"]),
            st.none() | st.lists(st.none() | st.integers(0, 2), max_size=2),
        ),
        max_size=60,
    ),
    cuts=st.lists(st.integers(0, 60), max_size=8),
    part_rows=st.integers(1, 13),
    stream_rows=st.integers(1, 61),
)
def test_any_parts_and_batches_give_the_hash_of_the_whole(rows, cuts, part_rows, stream_rows):
    """Repeated keys among them, so blocks without an end; parts without rows; several cuts in one block."""
    schema = pa.schema({"id": pa.int64(), "x": pa.float64(), "text": pa.string(), "list": pa.list_(pa.int8())})
    columns = list(zip(*rows, strict=True)) or [[]] * 4
    columns[1] = np.array(columns[1], dtype=np.float64)
    table = pa.table(columns, schema=schema)
    assert hash_of_parts(pieces(table, cuts), rows=part_rows) == hash_of_stream(table, rows=stream_rows)


def test_a_thousand_columns(monkeypatch):
    monkeypatch.undo()
    values = np.arange(3000.0)
    table = pa.table({"id": np.arange(3000), **{f"x{number}": values + number for number in range(999)}})
    assert len(digest_of(table).blocks) >= 1
    assert hash_of_parts(pieces(table, [700, 710, 2900]), rows=512) == hash_of_stream(table)


@pytest.mark.parametrize("cuts", [[], [1], [7, 7, 8], [1, 2, 3, 4, 5, 6, 9, 30, 31]], ids=str)
def test_every_type_of_column_may_be_cut_anywhere(cuts):
    table = every_kind(12)
    assert hash_of_parts(pieces(table, cuts), rows=5) == hash_of_stream(table)


@pytest.mark.parametrize("name", [name for name in EVERY_KIND if EVERY_KIND[name][0].num_fields == 0])
def test_every_type_of_key_decides_where_blocks_end(name):
    kind, values = EVERY_KIND[name]
    table = pa.table({"key": pa.array(values * 9, kind), "site": np.arange(27)})
    for row_key in (["key", "site"], ["key"], ["site", "key"]):
        parts = pieces(table, [2, 9, 10, 20])
        assert hash_of_parts(parts, row_key, rows=4) == hash_of_stream(table, row_key)


def test_blocks_without_an_end_are_cut_at_their_longest():
    """All keys are one: only the longest block ends blocks, counted from the start of the table."""
    table = pa.table({"id": pa.array([1] * 43), "x": np.arange(43)})
    whole = digest_of(table)
    assert (whole.head_rows, whole.tail_rows, len(whole.tail)) == (0, 43, 6 * 32)
    parts = pieces(table, [3, 20, 29])
    assert [boundary.ranges for boundary in boundaries([digest_of(part) for part in parts])] == [
        ((0, 0, 3), (1, 0, 17), (2, 0, 9), (3, 0, 14))
    ]
    assert hash_of_parts(parts) == hash_of_stream(table, rows=1)


def test_a_long_way_to_the_first_end_is_cut_too():
    ends = (key_hashes([pa.array(range(100))], ["id"]) & np.uint64(3)) == 0
    never, ending = int(np.flatnonzero(~ends)[0]), int(np.flatnonzero(ends)[0])
    ids = [never] * 21 + [ending] + [never] * 19 + [ending, ending] + [never] * 9
    table = pa.table({"id": ids})
    for cut in range(len(ids)):
        assert hash_of_parts(pieces(table, [cut, cut + 5])) == hash_of_stream(table)


def test_a_part_that_begins_with_a_block_needs_no_boundary():
    table = numbers(40)
    first = digest_of(table).head_rows
    assert boundaries([digest_of(part) for part in pieces(table, [first])]) == []
    assert hash_of_parts(pieces(table, [first])) == hash_of_stream(table)


def test_parts_without_rows_say_nothing():
    table, nothing = numbers(40), numbers(0)
    parts = [nothing, *pieces(table, [11]), nothing, nothing]
    assert hash_of_parts(parts) == hash_of_stream(table)
    assert len(boundaries([digest_of(part) for part in parts])) == 1
    assert hash_of_parts([nothing, nothing]) == hash_of_stream(nothing) == table_hash(nothing.schema, [], [])


def test_the_hash_of_a_part_is_that_of_a_table_of_its_rows():
    part = numbers(30, first=100)
    assert digest_of(part).content == hash_of_stream(part) == hash_of_parts([part])


def test_the_digest_of_a_part_does_not_depend_on_its_batches():
    part = every_kind(12)
    assert len({digest_of(part, rows=rows) for rows in (1, 2, 5, 36)}) == 1


def test_hashes_of_keys_that_are_known_are_not_made_again(monkeypatch):
    table = numbers(40)
    expected = hash_of_stream(table)
    known = key_hashes([table["id"].combine_chunks()], ["id"])
    monkeypatch.setattr(hash_blocks, "key_hashes", lambda *_: pytest.fail("the keys were hashed again"))
    content, part = TableHash(table.schema, ["id"]), PartHash(table.schema, ["id"])
    for each in (content, part):
        each.update(table.to_batches()[0], known)
    assert (content.hexdigest(), part.finish().content, content.rows) == (expected, expected, 40)


def test_a_hash_may_be_taken_before_the_end():
    table = numbers(40)
    content, part = TableHash(table.schema, ["id"]), PartHash(table.schema, ["id"])
    for each in pieces(table, [5, 17, 18]):
        for batch in each.to_batches():
            content.update(batch)
            part.update(batch)
        so_far = table.slice(0, content.rows)
        assert content.hexdigest() == part.finish().content == hash_of_stream(so_far)


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values[:-1],
        lambda values: values[1:],
        lambda values: [*values[:20], *values[21:]],
        lambda values: [*values[:20], None, *values[21:]],
        lambda values: [*values[:20], -0.5, *values[21:]],
        lambda values: [*values[:20], values[21], values[20], *values[22:]],
        lambda values: [*values[:20], values[20], *values[20:]],
        lambda values: [*values[8:16], *values[:8], *values[16:]],
    ],
    ids=["last", "first", "dropped", "null", "value", "order", "twice", "blocks"],
)
def test_what_the_rows_say_matters(change):
    values = [float(value) for value in range(40)]
    table, other = (pa.table({"id": pa.array(each), "x": each}) for each in (values, change(values)))
    assert hash_of_stream(table) != hash_of_stream(other)
    assert hash_of_parts(pieces(table, [9, 30])) != hash_of_parts(pieces(other, [9, 30]))


@pytest.mark.parametrize("parts", [0, 1, 3])
def test_the_columns_matter(parts):
    tables = [
        pa.table({name: pa.array(range(30), kind)})
        for name, kind in (("id", pa.int64()), ("id", pa.int32()), ("key", pa.int64()))
    ]
    hashes = {
        hash_of_parts(pieces(table, range(1, parts)), table.column_names) if parts else table_hash(table.schema, [], [])
        for table in tables
    }
    assert len(hashes) == 3


def test_minus_zero_and_the_payload_of_a_nan():
    odd = np.array([0x7FF8000000000001], dtype=np.uint64).view(np.float64)[0]
    tables = [pa.table({"id": [0, 1], "x": [1.0, value]}) for value in (0.0, -0.0, float("nan"), odd, None)]
    hashes = [hash_of_stream(table) for table in tables]
    assert len(set(hashes)) == 4
    assert hashes[2] == hashes[3]


def test_encodings_and_flags_do_not_matter():
    """As parts are read back from files, whose readers choose encodings and names of list items."""
    ids, texts = pa.array(range(100, 120)), pa.array(["a", None, "b", "a"] * 5)
    lists = pa.array([[1], None] * 10, pa.list_(pa.field("item", pa.int64())))
    plain = pa.table({"id": ids, "c": texts, "l": lists})
    schema = pa.schema(
        [
            pa.field("id", ids.type, nullable=False),
            pa.field("c", pa.dictionary(pa.int8(), pa.string())),
            pa.field("l", pa.list_(pa.field("element", pa.int64()))),
        ],
        metadata={"of": "a file"},
    )
    encoded = pa.table(
        {
            "id": ids,
            "c": texts.dictionary_encode().cast(schema.field("c").type),
            "l": lists.cast(schema.field("l").type),
        },
        schema=schema,
    )
    parts = [plain.slice(0, 7), encoded.slice(7)]
    digests = [digest_of(part) for part in parts]
    (boundary,) = boundaries(digests)
    rows = [
        batch for part, start, stop in boundary.ranges for batch in parts[part].slice(start, stop - start).to_batches()
    ]
    spanning = [hash_boundary(schema, rows)]
    assert hash_of_stream(encoded) == hash_of_stream(plain) == table_hash(plain.schema, digests, spanning)


def test_a_part_of_another_table_is_refused():
    table = numbers(10)
    with pytest.raises(TableError, match=r"Part 1 of a table has other columns.*in this order: 'id', 'x'"):
        table_hash(table.schema, [digest_of(table), digest_of(table.select(["id"]))], [])


def test_a_batch_of_another_table_is_refused():
    content = TableHash(numbers(0).schema, ["id"])
    with pytest.raises(TableError, match=r"expected \['id', 'x'\], got \['id'\]"):
        content.update(pa.record_batch({"id": [1]}))


def test_a_boundary_that_was_not_hashed_is_noticed():
    table = numbers(40)
    digests = [digest_of(part) for part in pieces(table, [11])]
    with pytest.raises(ValueError, match="each of the table's boundaries"):
        table_hash(table.schema, digests, [])


def test_wide_rows_make_shorter_blocks_and_no_row_is_too_wide(monkeypatch):
    monkeypatch.undo()
    double = pa.float64()

    def spread(**columns: Any) -> int:
        return hash_blocks.spread_of(pa.schema(list(columns.items())))

    assert spread(id=pa.int64()) == spread(text=pa.string()) == spread(nothing=pa.null()) == 4096
    assert spread(**{f"x{number}": double for number in range(1000)}) == 1024
    assert spread(x=pa.list_(double, 1000)) == 1024
    assert spread(x=pa.list_(double, 1_000_000)) == 256
    assert spread(x=pa.struct([("a", pa.list_(double, 500)), ("b", pa.list_(double, 500))])) == 1024


def test_the_hash_is_the_same_in_every_release(monkeypatch):
    """Data versions are compared across installations: another hash must be a decision."""
    monkeypatch.undo()
    table = pa.table({"id": np.arange(20_000), "name": ["a", "", None, "b"] * 5000})
    assert hash_of_stream(table) == hash_of_parts(pieces(table, [5000, 5001, 15_000])) == RELEASED
    assert hash_of_stream(table) != ContentHash(table.schema).hexdigest()


RELEASED = "f99a9da4502e3c6b8794c940b716dc76a0896c0931e6ad34e01ed3947c9bf9fb"
