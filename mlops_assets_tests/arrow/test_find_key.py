"""The rows of one key: found wherever they are, and little else is read."""

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from mlops_assets.arrow.find_key import find_key

ROWS, GROUP = 1000, 100


@pytest.fixture
def place(tmp_path):
    """Two rows of each key, which meet where row groups do."""
    numbers = np.arange(ROWS) // 2
    table = pa.table(
        {
            "number": numbers,
            "name": [f"n{(7 * number) % 500:03}" for number in numbers.tolist()],
            "value": np.random.default_rng(0).normal(size=ROWS),
        }
    )
    pq.write_table(table, tmp_path / "table.parquet", row_group_size=GROUP - 1, compression="none")
    return tmp_path / "table.parquet"


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
@pytest.mark.parametrize(("size", "value"), [(float("nan"), 2), (0.5, 3)])
def test_a_key_of_any_floats_and_nan(tmp_path, kind, size, value):
    table = pa.table({"size": pa.array([1.0, float("nan"), 0.5]).cast(kind), "value": [1, 2, 3]})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=1)
    found = find_key(ds.dataset(tmp_path / "t.parquet"), {"size": pa.scalar(size).cast(kind)}).rows
    assert found["value"].to_pylist() == [value]


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        ({"number": 0}, 2),
        ({"number": 49}, 2),
        ({"number": 499}, 2),
        ({"number": 500}, 0),
        ({"name": "n007"}, 2),
        ({"number": 1, "name": "n007"}, 2),
        ({"number": 2, "name": "n007"}, 0),
    ],
)
def test_the_rows_are_those_of_a_filter(place, key, rows):
    dataset = ds.dataset(place)
    wanted = {name: pa.scalar(value) for name, value in key.items()}
    found = find_key(dataset, wanted).rows
    expected = dataset.to_table()
    for name, value in key.items():
        expected = expected.filter(pa.compute.equal(expected[name], value))
    assert found.equals(expected)
    assert found.num_rows == rows
    # A table in memory has no row groups.
    assert find_key(ds.dataset(dataset.to_table()), wanted).rows == found
    for near in (0.01, 0.3, 0.5, 0.99, 1.0):
        assert find_key(dataset, wanted, near).rows == found


def test_other_row_groups_are_not_read(place):
    """Their values are destroyed, and nobody notices."""
    metadata = pq.read_metadata(place)
    content = bytearray(place.read_bytes())
    for number in (*range(4), *range(5, metadata.num_row_groups)):
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(number).column(column)
            start = chunk.dictionary_page_offset or chunk.data_page_offset
            content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    place.write_bytes(content)
    dataset = ds.dataset(place)
    assert find_key(dataset, {"number": pa.scalar(220)}).rows.num_rows == 2
    with pytest.raises((OSError, pa.ArrowInvalid)):
        dataset.to_table()


def test_in_parts_the_rows_are_looked_for_where_another_table_has_them(tmp_path):
    """Keys in no order: statistics exclude nothing. Those of one key meet where parts and row groups do."""
    numbers = np.random.default_rng(1).permutation(400)
    names = [f"n{number:03}" for number in numbers.tolist()]
    single = pa.table({"name": names})
    several = pa.table({"name": np.repeat(names, 4), "rank": list(range(4)) * 400})
    for part in range(5):
        pq.write_table(single[part * 80 : part * 80 + 80], tmp_path / f"one-{part}.parquet", row_group_size=7)
        # Parts of other sizes, which end within the rows of a key.
        start, end = part * 330 - part % 2, (part + 1) * 330 - (part + 1) % 2 if part < 4 else 1600
        pq.write_table(several[start:end], tmp_path / f"several-{part}.parquet", row_group_size=11)
    one, many = (
        ds.dataset([str(tmp_path / f"{name}-{part}.parquet") for part in range(5)]) for name in ("one", "several")
    )
    for at in (0, 79, 80, 82, 165, 200, 399):
        key = {"name": pa.scalar(names[at])}
        found = find_key(one, key)
        assert found.place == pytest.approx(at / 400, abs=0.02)
        assert found.rows["name"].to_pylist() == [names[at]]
        for near in (0.0, found.place, 1.0 - found.place, 1.0):
            assert find_key(many, key, near).rows.equals(several[4 * at : 4 * at + 4])
    # Whatever is far away is not read.
    for part in (0, 1, 4):
        (tmp_path / f"several-{part}.parquet").write_bytes(b"")
    assert find_key(many, {"name": pa.scalar(names[200])}, 0.5).rows["rank"].to_pylist() == [0, 1, 2, 3]
    assert find_key(one, {"name": pa.scalar("missing")}).rows.num_rows == 0
