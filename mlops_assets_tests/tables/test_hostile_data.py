"""Input files that break readers: limits are checked before anything is parsed, and messages name them.

What may kill the reading library is read in a process of its own, which has to end by itself.
"""

import gzip
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_assets import errors
from mlops_assets.errors import TableError
from mlops_assets.storage.location import Location
from mlops_assets.tables.files import DEEPEST, MOST_COLUMNS
from mlops_assets.tables.source import TableSource

READ = """
import sys
from mlops_assets.errors import MlopsAssetsError
from mlops_assets.storage.location import Location
from mlops_assets.tables.source import TableSource
try:
    print("rows", sum(batch.num_rows for batch in TableSource(Location.parse(sys.argv[1])).open().reader()))
except MlopsAssetsError as error:
    print("refused", error)
"""


def read(path: Path, **settings: Any) -> pa.Table:
    return TableSource(Location.parse(path), **settings).open().reader().read_all()


def read_elsewhere(path: Path) -> str:
    done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"the reader died with {done.returncode}: {done.stderr[-500:]}"
    return done.stdout


NESTED = {
    "lists": '{"a":' + "[" * 100_000 + "]" * 100_000 + "}\n",
    "objects": '{"a":' * 100_000 + "1" + "}" * 100_000 + "\n",
    "without_an_end": '{"a":' * 100_000,
    "in_line_2": '{"a": 1}\n{"a": ' + "[" * 5_000 + "]" * 5_000 + "}\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NESTED)
def test_deep_json_is_refused_before_it_is_parsed(name, tmp_path):
    (tmp_path / "deep.jsonl").write_text(NESTED[name])
    (tmp_path / "deep.jsonl.gz").write_bytes(gzip.compress(NESTED[name].encode()))
    line = 2 if name == "in_line_2" else 1
    for file in ("deep.jsonl", "deep.jsonl.gz"):
        assert f"refused Line {line} is nested more than {DEEPEST} levels deep" in read_elsewhere(tmp_path / file)


def test_json_up_to_the_limit_is_read(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": ' + "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1) + "}\n")
    assert read(path).num_rows == 1
    path.write_text('{"a": ' + "[" * DEEPEST + "]" * DEEPEST + "}\n")
    with pytest.raises(TableError, match="Line 1 is nested more than 100 levels deep"):
        read(path)
    # As text it has no levels.
    assert read(path, types={"a": "string"})["a"].to_pylist() == ["[" * DEEPEST + "]" * DEEPEST]


@pytest.mark.parametrize("text", ["[" * 5_000, '\\"' + "{" * 5_000 + "\\\\", "]" * 500 + "[" * 500])
def test_brackets_in_text_are_no_levels(text, tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": "' + text + '"}\n' + json.dumps({"b": [{"c": 1}] * 5_000}) + "\n")
    assert read(path).num_rows == 2


def test_lines_of_other_names_each_are_refused_before_they_are_a_table(tmp_path):
    """60,000 lines of a name each, less than a megabyte, are 3.6 billion values."""
    (tmp_path / "x.jsonl").write_text("".join(f'{{"k{at}": 1}}\n' for at in range(60_000)))
    with pytest.raises(TableError, match=r"60,000 lines after line 0 have 60,000 different names"):
        read(tmp_path / "x.jsonl")
    (tmp_path / "y.jsonl").write_text("{" + ", ".join(f'"k{at}": 1' for at in range(9_000)) + "}\n" + "{}\n" * 50_000)
    with pytest.raises(TableError, match=r"50,001 lines after line 0 have 9,000 different names"):
        read(tmp_path / "y.jsonl")


def test_many_lines_of_the_same_names_are_read(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"a": 1, "b": "x: y"}\n' * 50_000)
    assert read(tmp_path / "x.jsonl").num_rows == 50_000


@pytest.mark.parametrize("number", ["9" * 5_000, "-" + "9" * 5_000, "1e999999", "9" * 50])
def test_numbers_that_no_type_holds_are_text_for_the_contract(number, tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(f'{{"a": {number}}}\n{{"a": 1}}\n')
    assert read(path)["a"].to_pylist()[0] in (number, float(number) if len(number) < 400 else number)
    assert read(path, types={"a": "string"})["a"].to_pylist()[1] == "1"


@pytest.mark.slow
def test_too_many_columns_are_refused_by_their_number(tmp_path):
    names = [f"c{at}" for at in range(MOST_COLUMNS + 1)]
    (tmp_path / "x.csv").write_text(",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    pq.write_table(pa.table({name: [1] for name in names}), tmp_path / "x.parquet")
    for file in ("x.csv", "x.parquet"):
        with pytest.raises(TableError, match=rf"100001 columns, and {MOST_COLUMNS} is the most"):
            read(tmp_path / file)


def test_a_wide_row_takes_time_in_proportion(tmp_path, monkeypatch):
    """An unknown name is compared with a few of the known ones, however many there are."""
    names = [f"a_rather_long_name_of_a_column_{at:06d}" for at in range(10_000)]
    (tmp_path / "wide.csv").write_text(",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    assert read(tmp_path / "wide.csv").num_rows == 1
    compared = []
    find = errors.get_close_matches
    monkeypatch.setattr(errors, "get_close_matches", lambda *of, **how: compared.append(len(of[1])) or find(*of, **how))
    listed = errors.list_with_suggestions([f"{name}x" for name in names], names)
    assert "did you mean 'a_rather_long_name_of_a_column_000000'" in listed
    assert sum(compared) <= 20 * 50
    assert errors.did_you_mean("x" * 1_000, ["x" * 999] * 10_000) == ""


def nested(levels: int) -> pa.Table:
    kind: pa.DataType = pa.int64()
    value: Any = 1
    for _ in range(levels):
        kind, value = pa.struct([("x", kind)]), {"x": value}
    return pa.table({"id": [1], "a": pa.array([value], kind)})


@pytest.mark.slow
def test_deep_parquet_is_read_or_limited_and_never_called_damaged(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(nested(DEEPEST), path)
    assert read(path).num_rows == 1
    for levels in (DEEPEST + 1, 200, 1_000):
        pq.write_table(nested(levels), path)
        with pytest.raises(TableError, match=f"nested more than {DEEPEST} levels deep"):
            read(path)
    pq.write_table(nested(DEEPEST + 1), path, store_schema=False)
    with pytest.raises(TableError, match=f"Column 'a' is nested more than {DEEPEST} levels deep"):
        read(path)


@pytest.mark.slow
def test_parquet_with_much_metadata_is_read(tmp_path):
    table = pa.table({"a": [1]}).replace_schema_metadata({"note": "x" * 110_000_000})
    pq.write_table(table, tmp_path / "x.parquet")
    assert read(tmp_path / "x.parquet").num_rows == 1


@pytest.mark.parametrize(
    "metadata",
    [
        "[" * 100_000,
        '{"index_columns": ' + "[" * 5_000 + "]" * 5_000 + "}",
        '{"index_columns": 5}',
        "[]",
        "null",
        '{"index_columns": [' + "9" * 5_000 + "]}",
        b"\x80",
    ],
)
def test_pandas_metadata_that_cannot_be_read_is_needed_only_without_a_row_key(metadata, tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"id": [7], "a": [1]}).replace_schema_metadata({"pandas": metadata}), path)
    with pytest.raises(TableError, match=r"pandas metadata .* cannot be read .* Set row_key"):
        read(path)
    assert read(path, row_key=("id",))["id"].to_pylist() == [7]


@pytest.fixture
def folder(tmp_path) -> Path:
    place = tmp_path / "data"
    place.mkdir()
    (place / "1.csv").write_text("a\n1\n")
    return place


def special_files(folder: Path):
    os.mkfifo(folder / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket.csv"))
    (folder / "device.csv").symlink_to("/dev/zero")
    return {"pipe.csv": "a named pipe", "socket.csv": "a socket", "device.csv": "a device"}


@pytest.mark.parametrize("name", ["pipe.csv", "socket.csv", "device.csv"])
@pytest.mark.parametrize("file_format", [None, "csv", "jsonl", "parquet"])
def test_what_is_no_file_is_refused_by_name_and_never_opened(name, file_format, folder):
    kind = special_files(folder)[name]
    with pytest.raises(TableError, match=f"This is {kind}, not a file"):
        read(folder / name, format=file_format)
    for other in {"pipe.csv", "socket.csv", "device.csv"} - {name}:
        (folder / other).unlink()
    if file_format in (None, "csv"):
        with pytest.raises(TableError, match=f"{name} is {kind}, not a file"):
            read(folder, format=file_format, follow_links=True)


def test_a_link_that_leads_back_reads_nothing_twice(folder):
    (folder / "more").mkdir()
    (folder / "more" / "2.csv").write_text("a\n2\n")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "more" / "up").symlink_to("..", target_is_directory=True)
    (folder / "self.txt").symlink_to("self.txt")
    assert read(folder)["a"].to_pylist() == ["1", "2"]
    assert Location.parse(folder).files() == ("1.csv", "more/2.csv")


def test_a_link_to_itself_that_would_count_is_refused(folder):
    (folder / "self.csv").symlink_to("self.csv")
    with pytest.raises(TableError, match=r"self\.csv is a link that leads nowhere, not a file"):
        read(folder)


def test_links_are_followed_inside_of_the_folder(folder):
    """As Kubernetes mounts volumes: the files are in a hidden folder."""
    (folder / "..2026").mkdir()
    (folder / "..2026" / "2.csv").write_text("a\n2\n")
    (folder / "..data").symlink_to("..2026", target_is_directory=True)
    (folder / "2.csv").symlink_to("..data/2.csv")
    assert read(folder)["a"].to_pylist() == ["1", "2"]


def test_links_out_of_the_folder_need_a_setting(folder, tmp_path):
    (tmp_path / "secret.csv").write_text("a\n9\n")
    (folder / "2.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(TableError, match=r"2\.csv leads out of the folder, by a link .* set follow_links: true"):
        read(folder)
    assert read(folder, follow_links=True)["a"].to_pylist() == ["1", "9"]
    (folder / "2.csv").unlink()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "3.csv").write_text("a\n3\n")
    (folder / "other").symlink_to(tmp_path / "other", target_is_directory=True)
    with pytest.raises(TableError, match=r"other/3\.csv leads out of the folder"):
        read(folder)
    assert read(folder, follow_links=True)["a"].to_pylist() == ["1", "3"]


def test_the_place_itself_may_be_a_link(folder, tmp_path):
    (tmp_path / "latest").symlink_to(folder, target_is_directory=True)
    (tmp_path / "latest.csv").symlink_to(folder / "1.csv")
    for name in ("latest", "latest.csv"):
        assert read(tmp_path / name)["a"].to_pylist() == ["1"]


def test_two_names_of_one_file_are_refused(folder):
    (folder / "again.csv").symlink_to("1.csv")
    with pytest.raises(TableError, match=r"1\.csv and again\.csv are one file, by a link"):
        read(folder)
