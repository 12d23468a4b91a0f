"""Keys that occur twice in a table of several parts are found, by nobody who sees all of them."""

import datetime as dt
import pickle
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_assets.arrow import part_keys, unique_keys
from mlops_assets.arrow.hash_files import write_hashes
from mlops_assets.arrow.key_hash import key_hashes
from mlops_assets.arrow.part_keys import (
    MOST_VERIFIED,
    KeyReport,
    PartKeys,
    count_keys,
    needs_merge,
    ranges,
    refuse_repeated,
    repeated_in_range,
    sort_hashes,
)
from mlops_assets.arrow.unique_keys import check_unique
from mlops_assets.errors import TableError
from mlops_assets.storage.location import Location


def report_on(part: pa.Table, folder: Path, name: str = "part", rows: int | None = None) -> KeyReport:
    keys = PartKeys(part.column_names, "table x", folder)
    for batch in part.to_batches(max_chunksize=rows):
        keys.add(batch)
    report = keys.finish(Location.parse(folder / f"{name}.keys"))
    return pickle.loads(pickle.dumps(report))  # as it comes from a worker


def reports_on(parts: Sequence[pa.Table], folder: Path, rows: int | None = None) -> list[KeyReport]:
    return [report_on(part, folder, str(number), rows) for number, part in enumerate(parts)]


def refusal(parts: Sequence[pa.Table], folder: Path, tasks: int = 3) -> str | None:
    """As a run does it: a report on every part, ranges of hashes, real keys."""
    reports = reports_on(parts, folder, rows=3)
    if not needs_merge(reports):
        return None
    files = [report.file for report in reports]
    found = [repeated_in_range(files, low, high) for low, high in ranges(reports, tasks)]
    suspicious = np.concatenate([each.hashes for each in found])[: part_keys.MOST_VERIFIED]
    if not len(suspicious):
        return None
    row_key = parts[0].column_names
    counts = [count_keys(part.to_batches(3), row_key, suspicious, "table x") for part in parts]
    try:
        refuse_repeated(row_key, counts, sum(each.surplus for each in found), len(suspicious), "table x")
    except TableError as error:
        return str(error)
    return None


def refusal_of_the_whole(parts: Sequence[pa.Table], folder: Path) -> str | None:
    """As a run does it that reads the table from its start to its end."""
    try:
        check_unique(lambda: iter(pa.concat_tables(parts).to_batches(3)), folder, where="table x")
    except TableError as error:
        return str(error)
    return None


def ids(*parts: Sequence[object], kind: pa.DataType | None = None) -> list[pa.Table]:
    whole = pa.array([each for part in parts for each in part], kind)
    tables, start = [], 0
    for part in parts:
        tables.append(pa.table({"id": whole.slice(start, len(part))}))
        start += len(part)
    return tables


TWICE = [
    ([1, 2], [2, 3]),
    ([3, 1], [], [2, 1]),
    ([7], [7]),
    (["b", "a"], ["b"]),
    (["", "a"], [""]),
    (["long text of more than sixteen bytes"], ["x", "long text of more than sixteen bytes"]),
    ([b"x", b"a"], [b"x"]),
    ([1.5, 0.5], [1.5]),
    ([0.0, 1.0], [-0.0]),
    ([float("nan"), 1.0], [float("nan")]),
    ([True, False], [True]),
    ([True], [True]),
    ([dt.datetime(2020, 1, 2)], [dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 2)]),
    ([dt.date(2020, 1, 2)], [dt.date(2020, 1, 1), dt.date(2020, 1, 2)]),
    ([Decimal("2.5")], [Decimal("1.5"), Decimal("2.5")]),
    ([None, 1], [None]),
    ([1, 2, 3], [4, 5, 6], [1]),
]


@pytest.mark.parametrize("parts", TWICE, ids=str)
def test_a_key_in_two_parts_is_found_and_reported_as_in_one(tmp_path, parts):
    tables = ids(*parts)
    message = refusal(tables, tmp_path)
    assert message == refusal_of_the_whole(tables, tmp_path)
    assert message is not None
    assert "1 rows repeat the key of an earlier one" in message
    assert "(2 times)" in message
    assert "(table x)" in message


@pytest.mark.parametrize("kind", [pa.float16(), pa.decimal32(5, 1), pa.decimal64(12, 1)], ids=str)
def test_types_that_arrow_cannot_compare_or_group_are_keys_too(tmp_path, kind):
    one, two, three = (np.float16(n) if kind == pa.float16() else Decimal(n) for n in (1, 2, 3))
    repeated = ids([two, one], [three, two], kind=kind)
    message = refusal(repeated, tmp_path)
    assert message == refusal_of_the_whole(repeated, tmp_path)
    assert "1 rows repeat the key of an earlier one" in str(message)
    rising = ids([one], [two, three], kind=kind)
    assert (refusal(rising, tmp_path), refusal_of_the_whole(rising, tmp_path)) == (None, None)


@pytest.mark.parametrize(
    "parts",
    [
        ([1, 2], [3, 4]),
        ([3, 4], [1, 2]),
        ([1, 5], [2, 6]),
        ([3, 1], [2, 4]),
        ([], [1], [], []),
        ([], []),
        (["ab", "a", "b", ""], ["a\0", "\0a", "aaaaaaaa", "aaaaaaaaa"]),
        ([True], [False]),
        ([None], [1]),
        ([b"", b"\0"], [b"\0\0"]),
        ([Decimal("1"), Decimal("0")], [Decimal("-1")]),
    ],
    ids=str,
)
def test_keys_that_differ_pass(tmp_path, parts):
    kind = pa.int64() if not any(parts) else None
    assert refusal(ids(*parts, kind=kind), tmp_path) is None


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["a", "b", ""])), max_size=7), max_size=5),
    tasks=st.integers(1, 9),
)
def test_parts_are_refused_exactly_where_the_whole_is(tmp_path, parts, tasks):
    schema = pa.schema([("site", pa.int8()), ("visit", pa.string())])
    tables = [pa.table(list(zip(*part, strict=True)) or [[], []], schema=schema) for part in [*parts, []]]
    assert refusal(tables, tmp_path, tasks) == refusal_of_the_whole(tables, tmp_path)


def test_five_are_shown_in_order_of_appearance_with_counts_and_the_total(tmp_path):
    message = refusal(ids([9, 8, 7, 6, 5], [4, 3, 9, 8], [7, 6, 5, 4, 9]), tmp_path) or ""
    assert "7 rows repeat" in message
    assert "id=9 (3 times); id=8 (2 times); id=7 (2 times); id=6 (2 times); id=5 (2 times); and more" in message


@pytest.mark.parametrize(
    ("parts", "merge"),
    [
        (([1, 2], [3, 4], [5]), False),
        (([5], [3, 4], [1, 2]), False),
        (([1, 2], [2, 3]), True),
        (([2], [2]), True),
        (([2, 1], [3]), True),
        (([2, 1],), True),
        (([1, 2],), False),
        (([1, 9], [3, 4]), True),
        ((["a", "b"], ["b", "c"]), True),
        ((["a", "b"], ["ba", "c"]), False),
        (([], [1], []), False),
        (([], []), False),
        (([1.0, 2.0], [3.0, float("nan")]), True),
    ],
    ids=str,
)
def test_keys_that_rise_through_parts_in_any_order_need_no_merge(tmp_path, parts, merge):
    kind = pa.int64() if not any(parts) else None
    assert needs_merge(reports_on(ids(*parts, kind=kind), tmp_path, rows=1)) is merge


def test_keys_of_several_columns_rise_together(tmp_path):
    parts = [pa.table({"site": [1, 1], "visit": ["a", "b"]}), pa.table({"site": [1, 2], "visit": ["c", "a"]})]
    assert not needs_merge(reports_on(parts, tmp_path))
    assert not needs_merge(reports_on(parts[::-1], tmp_path))
    assert needs_merge(reports_on([parts[0], parts[0].slice(1)], tmp_path))


def test_hashes_that_collide_across_parts_are_not_duplicates(tmp_path, monkeypatch):
    def poor(columns, names, where=None):
        return key_hashes(columns, names, where) % np.uint64(3)

    monkeypatch.setattr(part_keys, "key_hashes", poor)
    monkeypatch.setattr(unique_keys, "key_hashes", poor)
    assert refusal(ids([5, 4, 3], [2, 1, 0]), tmp_path) is None
    message = refusal(ids([5, 4, 3], [2, 1, 0, 4]), tmp_path) or ""
    assert "1 rows repeat the key of an earlier one: id=4 (2 times) (table x)." in message


def test_the_hashes_come_back_as_they_were_added(tmp_path):
    batch = pa.record_batch({"x": [1, 1, 1], "id": ["b", None, "a"]})
    keys = PartKeys(["id"], None, tmp_path)
    assert list(keys.add(batch)) == list(key_hashes([batch["id"]], ["id"]))
    assert len(keys.add(batch.slice(3))) == 0
    report = keys.finish(Location.parse(tmp_path / "keys"))
    written = np.fromfile(tmp_path / "keys", dtype="<u8")
    assert list(written) == sorted(key_hashes([batch["id"]], ["id"]))
    assert (report.rows, report.increasing) == (3, False)


def test_more_hashes_than_are_held_are_sorted_in_a_file_and_compared_by_ranges(tmp_path, monkeypatch):
    monkeypatch.setattr(part_keys, "HELD_HASHES", 64)
    values = np.random.default_rng(0).permutation(600)
    parts = ids(values[:200], values[200:])
    reports = reports_on(parts, tmp_path, rows=50)
    for report, part in zip(reports, parts, strict=True):
        expected = np.sort(key_hashes([part["id"].combine_chunks()], ["id"]))
        assert np.array_equal(np.fromfile(report.file.path, dtype="<u8"), expected)
    assert len(ranges(reports, 1)) > 2 * 600 // 64 - 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0.keys", "1.keys"]
    assert refusal(parts, tmp_path) is None
    values[-1] = values[0]
    assert f"1 rows repeat the key of an earlier one: id={values[0]} (2 times)" in (
        refusal(ids(values[:200], values[200:]), tmp_path) or ""
    )


def test_one_key_in_more_rows_than_are_held_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(part_keys, "HELD_HASHES", 64)
    parts = ids([7] * 200 + [1], [2] + [7] * 300)
    message = refusal(parts, tmp_path) or ""
    assert "499 rows repeat the key of an earlier one: id=7 (500 times) (table x)" in message


def test_more_duplicates_than_are_verified_are_still_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(part_keys, "MOST_VERIFIED", 10)
    values = np.random.default_rng(0).permutation(500)
    assert "500 rows repeat" in (refusal(ids(values, values), tmp_path) or "")
    assert MOST_VERIFIED > 10


def test_ranges_cover_all_hashes_without_a_gap(tmp_path):
    reports = reports_on(ids(range(100)), tmp_path)
    edges = ranges(reports, 7)
    assert (len(edges), edges[0][0], edges[-1][1]) == (7, 0, 2**64)
    assert all(one[1] == other[0] for one, other in pairwise(edges))
    assert ranges([], 7) == ranges(reports_on(ids([1]), tmp_path), 7) == [(0, 2**64)]


def test_a_range_is_found_in_a_file_of_any_hashes(tmp_path):
    """Evenly spread hashes are found at once; those of few keys by halving."""
    for hashes in ([], [0], [2**64 - 1], [5] * 5000, [5] * 3000 + [2**63] * 3000, list(range(4000))):
        np.array(hashes, dtype="<u8").tofile(tmp_path / "keys")
        file = Location.parse(tmp_path / "keys")
        for low, high in ((0, 2**64), (0, 5), (5, 6), (6, 2**63), (2**63, 2**64), (1000, 1010)):
            inside = [each for each in hashes if low <= each < high]
            found = repeated_in_range([file], low, high)
            assert found.surplus == len(inside) - len(set(inside))
            assert found.hashes.tolist() == sorted(each for each in set(inside) if inside.count(each) > 1)


@pytest.mark.parametrize("held", [3, 1 << 22])
def test_a_range_is_found_in_a_file_that_is_not_sorted(tmp_path, monkeypatch, held):
    monkeypatch.setattr(part_keys, "HELD_HASHES", held)
    file = Location.parse(tmp_path / "keys")
    hashes = np.array([9, 2**63, 9, 3, 9, 2**64 - 1, 2**63, 9], dtype=np.uint64)
    write_hashes(file, [hashes[:3], hashes[:0], hashes[3:]], is_sorted=False)
    for low, high, repeated, surplus in ((0, 2**64, [9, 2**63], 4), (0, 10, [9], 3), (10, 2**64, [2**63], 1)):
        found = repeated_in_range([file], low, high)
        assert (found.hashes.tolist(), found.surplus) == (repeated, surplus)


def test_rising_keys_are_not_sorted_before_somebody_has_to_compare_them(tmp_path):
    """The common table needs none of it; of one whose parts overlap each file is sorted once."""
    parts = ids(range(0, 400, 2), range(1, 400, 2), [7])
    reports = reports_on(parts, tmp_path, rows=30)
    assert [report.is_sorted for report in reports] == [False, False, False]
    files = [report.file for report in reports]
    edges = ranges(reports, 5)
    before = [repeated_in_range(files, low, high) for low, high in edges]
    for file in files * 2:
        sort_hashes(file)
    for file, part in zip(files, parts, strict=True):
        hashes = key_hashes([part["id"].combine_chunks()], ["id"])
        assert np.array_equal(np.fromfile(file.path, dtype="<u8"), np.sort(hashes))
    after = [repeated_in_range(files, low, high) for low, high in edges]
    assert [each.hashes.tolist() for each in before] == [each.hashes.tolist() for each in after]
    assert sum(each.surplus for each in before) == sum(each.surplus for each in after) == 1
    assert needs_merge(reports)


def test_a_file_that_is_gone_or_damaged_is_named(tmp_path):
    report = report_on(ids([1, 2])[0], tmp_path)
    Path(report.file.path).write_bytes(b"twelve bytes")
    with pytest.raises(TableError, match=r"key hashes is damaged \(file://.*part\.keys\)"):
        repeated_in_range([report.file], 0, 2**64)
    report.file.remove()
    with pytest.raises(TableError, match=r"key hashes is gone.*part\.keys\)"):
        repeated_in_range([report.file], 0, 2**64)


def test_files_of_hashes_lie_in_object_stores_too(tmp_path):
    parts = ids([3, 1], [2, 1])
    reports = []
    for number, part in enumerate(parts):
        keys = PartKeys(["id"], None, tmp_path)
        keys.add(part.to_batches()[0])
        reports.append(keys.finish(Location.parse(f"memory://part-keys/{number}.keys")))
    found = repeated_in_range([report.file for report in reports], 0, 2**64)
    assert found.hashes.tolist() == list(key_hashes([pa.array([1])], ["id"]))
    assert found.surplus == 1
    reports[0].file.remove()
    with pytest.raises(TableError, match=r"key hashes is gone.*0\.keys"):
        repeated_in_range([report.file for report in reports], 0, 2**64)
    reports[1].file.remove()


def test_a_type_that_cannot_identify_a_row(tmp_path):
    with pytest.raises(TableError, match="Row key column 'id' has type list"):
        report_on(pa.table({"id": [[1], [2]]}), tmp_path)
