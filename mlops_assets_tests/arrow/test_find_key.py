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
    found = find_key(ds.dataset(tmp_path / "t.parquet"), {"size": pa.scalar(size).cast(kind)})
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
    found = find_key(dataset, {name: pa.scalar(value) for name, value in key.items()})
    expected = dataset.to_table()
    for name, value in key.items():
        expected = expected.filter(pa.compute.equal(expected[name], value))
    assert found.equals(expected)
    assert found.num_rows == rows
    # A table in memory has no row groups.
    assert find_key(ds.dataset(dataset.to_table()), {name: pa.scalar(value) for name, value in key.items()}) == found


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
    assert find_key(dataset, {"number": pa.scalar(220)}).num_rows == 2
    with pytest.raises((OSError, pa.ArrowInvalid)):
        dataset.to_table()
