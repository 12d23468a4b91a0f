"""What a wide table is read with is read once, and is the same as if it were read the long way."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_assets.storage.location import Location
from mlops_assets.tables.csv_files import CsvFiles
from mlops_assets.tables.parquet_files import ParquetFiles


def location_of(path: Path) -> Location:
    return Location.parse(path)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (b"a,b\n1,2\n", ["a", "b"]),
        (b'"a","b"\r\n1,2\r\n', ["a", "b"]),
        (b'"a\nx",b\n1,2\n', ["a\nx", "b"]),
        (b'"a,x",b\n1,2\n', ["a,x", "b"]),
        (b'"a""x",b\n1,2\n', ['a"x', "b"]),
        (b"\n\na,b\n1,2\n", ["a", "b"]),
        (b"a,b\r1,2\r", ["a", "b"]),
        (b'\xef\xbb\xbf"a",b\n1,2\n', ["a", "b"]),
    ],
)
def test_a_csv_header_is_found_wherever_it_ends(tmp_path: Path, text: bytes, names: list[str]) -> None:
    (tmp_path / "table.csv").write_bytes(text)
    assert CsvFiles().schema(location_of(tmp_path / "table.csv")).names == names


def test_a_parquet_file_that_was_replaced_has_its_own_schema(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    for schema in (pa.schema([("a", pa.int64())]), pa.schema([("a", pa.int32())], metadata={"key": "value"})):
        pq.write_table(pa.table([[1, 2]], schema=schema), path)
        assert ParquetFiles().schema(location_of(path)).equals(schema, check_metadata=True)
