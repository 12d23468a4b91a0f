"""Places that nobody can open, as a person may write them: each ends in one of this package's errors."""

import pytest

from mlops_assets.errors import MlopsAssetsError
from mlops_assets.storage.location import Location
from mlops_assets.tables.source import TableSource
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.names import TableName
from mlops_assets.tables.sql.source import SqlSource

ODD = [
    *("", "\0", "a\0b.csv", "x" * 5_000 + ".csv", "~nobody-of-this-name/x.csv", "\udc80.csv", "./\udcff.csv", "\n.csv"),
    *("file://[", "file:///a%00b.csv", "file://x.csv", "s3://", "x://y/z.csv", "::", "zip://::x", "simplecache::"),
    *(
        "ftp://127.0.0.1:1/x.csv",
        "http://[::1/x.csv",
        "http://127.0.0.1:1/x.csv",
        "reference://x.csv",
        "memory://x.csv",
    ),
]


@pytest.mark.parametrize("text", ODD, ids=ascii)
def test_a_place_that_nobody_can_open(text):
    with pytest.raises(MlopsAssetsError):
        TableSource(Location.parse(text)).open()


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
@pytest.mark.parametrize("path", ["x" * 5_000, "a%00b", "~nobody-of-this-name/x.db", "", ":memory:", "/dev/null"])
def test_a_database_that_nobody_can_open(kind, path):
    with pytest.raises(MlopsAssetsError):
        SqlSource(SqlAddress.parse(f"{kind}:///{path}"), TableName("t")).open()


def test_a_link_to_itself_on_the_way(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(MlopsAssetsError):
        TableSource(Location.parse(tmp_path / "loop" / "x.csv")).open()


def test_a_file_of_this_machine_by_its_url(tmp_path):
    (tmp_path / "a b.csv").write_text("a\n1\n")
    for text in (f"file://{tmp_path}/a%20b.csv", f"file://localhost{tmp_path}/a%20b.csv"):
        assert TableSource(Location.parse(text)).open().reader().read_all()["a"].to_pylist() == ["1"]
