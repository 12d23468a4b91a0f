"""Input tables in files: what counts as a row, a column and a key, and what each defect says."""

import gzip
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_assets.errors import ConfigurationError, MlopsAssetsError, TableError
from mlops_assets.progress.report import Reporter, report_to
from mlops_assets.storage.location import Location
from mlops_assets.tables import csv_files, json_lines_files
from mlops_assets.tables.source import TableSource
from mlops_assets_tests.progress.clock import Clock
from mlops_assets_tests.progress.test_report import Lines


def source(path, **settings) -> TableSource:
    return TableSource(Location.parse(str(path)), **settings)


def rows(table):
    return table.reader().read_all().to_pydict()


def refusal(path, **settings) -> str:
    """The message of the error that opening or reading the table ends with."""
    with pytest.raises(MlopsAssetsError) as caught:
        list(source(path, **settings).open().batches())
    return str(caught.value)


@pytest.fixture
def parquet(tmp_path):
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"id": [3, 1, 2], "x": [0.5, None, 1.5], "s": ["a", "b", None]}), path)
    return path


class TestParquet:
    def test_rows_come_with_their_types_and_key(self, parquet):
        table = source(parquet, row_key=("id",)).open()
        assert rows(table) == {"id": [3, 1, 2], "x": [0.5, None, 1.5], "s": ["a", "b", None]}
        assert table.schema.types == [pa.int64(), pa.float64(), pa.string()]
        assert (table.row_key, table.text_columns, table.uri) == (("id",), frozenset(), parquet.as_uri())

    def test_a_row_number_is_made_where_there_is_no_key(self, parquet):
        table = source(parquet, columns=("x",)).open()
        assert table.row_key == ("row_number",)
        assert rows(table) == {"row_number": [0, 1, 2], "x": [0.5, None, 1.5]}

    def test_columns_come_in_the_order_asked_for_with_the_key_before_them(self, parquet):
        assert list(rows(source(parquet, row_key=("id",), columns=("s", "x")).open())) == ["id", "s", "x"]
        assert list(rows(source(parquet, row_key=("id",), columns=("s", "id")).open())) == ["s", "id"]

    def test_batches_can_be_read_again(self, parquet):
        table = source(parquet).open()
        assert rows(table) == rows(table)

    def test_a_folder_is_read_in_the_order_of_its_paths_without_hidden_files(self, tmp_path):
        (tmp_path / "_staging").mkdir()
        for name, value in {"b": 2, "a": 1, ".hidden": 8, "_tmp": 9, "_staging/c": 7}.items():
            pq.write_table(pa.table({"v": [value]}), tmp_path / f"{name}.parquet")
        (tmp_path / "readme.txt").write_text("not a table")
        assert rows(source(tmp_path).open()) == {"row_number": [0, 1], "v": [1, 2]}

    def test_hive_folders_become_columns(self, tmp_path):
        for year, country in [(2023, "de%20x"), (2024, "__HIVE_DEFAULT_PARTITION__")]:
            folder = tmp_path / f"year={year}" / f"country={country}"
            folder.mkdir(parents=True)
            pq.write_table(pa.table({"v": [year * 10]}), folder / "part.parquet")
        table = source(tmp_path, row_key=("v",)).open()
        assert rows(table) == {"v": [20230, 20240], "year": ["2023", "2024"], "country": ["de x", None]}
        assert table.schema.field("year").type == pa.string()
        assert table.dataset().to_table().to_pydict() == rows(table)

    def test_a_folder_column_that_is_not_all_integers_stays_text(self, tmp_path):
        for region in ("007", "12"):
            (tmp_path / f"region={region}").mkdir()
            pq.write_table(pa.table({"v": [1]}), tmp_path / f"region={region}/a.parquet")
        assert rows(source(tmp_path, columns=("region",)).open())["region"] == ["007", "12"]

    def test_a_folder_column_can_be_typed(self, tmp_path):
        (tmp_path / "day=2024-02-29").mkdir()
        pq.write_table(pa.table({"v": [1]}), tmp_path / "day=2024-02-29/a.parquet")
        assert source(tmp_path, types={"day": "date32"}).open().schema.field("day").type == pa.date32()

    def test_a_column_that_a_file_lacks_is_null_there(self, tmp_path):
        pq.write_table(pa.table({"a": [1]}), tmp_path / "1.parquet")
        pq.write_table(pa.table({"b": ["x"], "a": [2]}), tmp_path / "2.parquet")
        assert rows(source(tmp_path, row_key=("a",)).open()) == {"a": [1, 2], "b": [None, "x"]}

    def test_files_that_disagree_on_a_type_are_named(self, tmp_path):
        pq.write_table(pa.table({"a": [1]}), tmp_path / "1.parquet")
        pq.write_table(pa.table({"a": ["b"]}), tmp_path / "2.parquet")
        assert "Column 'a' is string here and int64 in the table's earlier files" in refusal(tmp_path)
        assert "2.parquet" in refusal(tmp_path)

    def test_dictionary_columns_come_plain(self, tmp_path):
        pq.write_table(pa.table({"c": pa.array(["a", "b", "a"]).dictionary_encode()}), tmp_path / "c.parquet")
        table = source(tmp_path / "c.parquet").open()
        assert table.schema.field("c").type == pa.string()
        assert rows(table)["c"] == ["a", "b", "a"]

    def test_the_dataset_is_offered_where_it_is_the_same_table(self, parquet):
        assert source(parquet, row_key=("id",)).open().dataset().to_table().num_rows == 3
        assert source(parquet).open().dataset() is None
        assert source(parquet, row_key=("id",), limit=1).open().dataset() is None

    @pytest.mark.slow
    def test_one_huge_row_group_is_read_in_bounded_memory(self, tmp_path):
        n = 2_000_000
        pq.write_table(
            pa.table({f"f{i}": np.random.default_rng(i).normal(size=n) for i in range(3)}),
            tmp_path / "big.parquet",
            row_group_size=n,
        )
        peak = 0
        pool = pa.default_memory_pool()
        base = pool.bytes_allocated()
        for batch in source(tmp_path / "big.parquet").open().batches():
            assert batch.num_rows <= 65_536
            peak = max(peak, pool.bytes_allocated() - base)
        assert peak < 24 << 20, f"{peak >> 20} MiB held of {3 * n * 8 >> 20}"


class TestPandasIndex:
    def written(self, tmp_path, frame):
        frame.to_parquet(tmp_path / "p.parquet")
        return tmp_path / "p.parquet"

    def test_a_named_index_is_the_key(self, tmp_path):
        frame = pd.DataFrame({"x": [1.0, 2.0]}, index=pd.Index(["b", "a"], name="patient"))
        table = source(self.written(tmp_path, frame)).open()
        assert table.row_key == ("patient",)
        assert rows(table) == {"x": [1.0, 2.0], "patient": ["b", "a"]}

    def test_an_index_without_a_name_is_called_index(self, tmp_path):
        table = source(self.written(tmp_path, pd.DataFrame({"x": [1, 2]}, index=[7, 5]))).open()
        assert (table.row_key, rows(table)["index"]) == (("index",), [7, 5])

    def test_its_stored_name_stays_where_index_is_taken(self, tmp_path):
        table = source(self.written(tmp_path, pd.DataFrame({"index": [1, 2]}, index=[7, 5]))).open()
        assert table.row_key == ("__index_level_0__",)

    def test_several_levels_are_all_of_the_key(self, tmp_path):
        index = pd.MultiIndex.from_tuples([(1, "a"), (1, "b")], names=["site", None])
        table = source(self.written(tmp_path, pd.DataFrame({"x": [1, 2]}, index=index))).open()
        assert table.row_key == ("site", "level_1")

    def test_a_range_index_is_not_a_key(self, tmp_path):
        assert source(self.written(tmp_path, pd.DataFrame({"x": [1, 2]}))).open().row_key == ("row_number",)

    def test_a_configured_key_comes_first(self, tmp_path):
        frame = pd.DataFrame({"x": [1, 2]}, index=pd.Index([7, 5], name="patient"))
        assert source(self.written(tmp_path, frame), row_key=("x",)).open().row_key == ("x",)

    def test_the_index_is_kept_when_other_columns_are_selected(self, tmp_path):
        frame = pd.DataFrame({"x": [1, 2], "y": [3, 4]}, index=pd.Index([7, 5], name="patient"))
        table = source(self.written(tmp_path, frame), columns=("y",)).open()
        assert rows(table) == {"patient": [7, 5], "y": [3, 4]}


class TestCsv:
    def test_untyped_columns_are_text_whatever_they_hold(self, tmp_path):
        (tmp_path / "a.csv").write_text('id,n,d\n1,007,2020-01-01\n2,"",\n')
        table = source(tmp_path / "a.csv", row_key=("id",)).open()
        assert rows(table) == {"id": ["1", "2"], "n": ["007", ""], "d": ["2020-01-01", None]}
        assert table.text_columns == {"id", "n", "d"}

    def test_declared_types_are_read_as_such(self, tmp_path):
        (tmp_path / "a.csv").write_text("id,when,x\n1,2020-01-01T00:00:00Z,nan\n2,,\n")
        types = {"id": "int64", "when": "timestamp[us, tz=UTC]"}
        table = source(tmp_path / "a.csv", row_key=("id",), types=types).open()
        assert table.schema.types == [pa.int64(), pa.timestamp("us", tz="UTC"), pa.string()]
        assert table.text_columns == {"x"}

    def test_a_generated_row_number_is_not_text(self, tmp_path):
        (tmp_path / "a.csv").write_text("x\n1\n2\n")
        assert source(tmp_path / "a.csv").open().text_columns == {"x"}

    @pytest.mark.parametrize(("name", "settings"), [("a.csv", {"delimiter": ";"}), ("a.tsv", {})])
    def test_delimiters(self, tmp_path, name, settings):
        mark = settings.get("delimiter", "\t")
        (tmp_path / name).write_text(f"a{mark}b\n1{mark}x,y\n")
        assert rows(source(tmp_path / name, **settings).open()) == {"row_number": [0], "a": ["1"], "b": ["x,y"]}

    def test_line_breaks_in_quotes_and_a_byte_order_mark(self, tmp_path):
        (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbfa,b\n"x\ny",2\n')
        assert rows(source(tmp_path / "a.csv").open()) == {"row_number": [0], "a": ["x\ny"], "b": ["2"]}

    def test_what_stands_for_null_can_be_said(self, tmp_path):
        (tmp_path / "a.csv").write_text('a\nNA\n"NA"\n')
        assert rows(source(tmp_path / "a.csv").open())["a"] == ["NA", "NA"]
        assert rows(source(tmp_path / "a.csv", null_values=("", "NA")).open())["a"] == [None, "NA"]

    def test_compressed_files(self, tmp_path):
        (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a\n1\n"))
        assert rows(source(tmp_path / "a.csv.gz").open())["a"] == ["1"]

    def test_a_header_alone_is_a_table_without_rows(self, tmp_path):
        (tmp_path / "a.csv").write_text("a,b\n")
        table = source(tmp_path / "a.csv", row_key=("a",)).open()
        assert (list(table.batches()), table.schema.names) == ([], ["a", "b"])

    def test_hive_folders_are_text_too(self, tmp_path):
        (tmp_path / "year=2024").mkdir()
        (tmp_path / "year=2024/a.csv").write_text("a\n1\n")
        table = source(tmp_path).open()
        assert (rows(table)["year"], table.text_columns) == (["2024"], {"a", "year"})

    def test_many_blocks_keep_their_order(self, tmp_path, monkeypatch):
        monkeypatch.setattr(csv_files, "_BLOCK_BYTES", 1000)
        (tmp_path / "a.csv").write_text("id\n" + "\n".join(map(str, range(5000))) + "\n")
        table = source(tmp_path / "a.csv", types={"id": "int64"}).open()
        assert rows(table)["id"] == list(range(5000))

    def test_a_ragged_row_is_located(self, tmp_path, monkeypatch):
        monkeypatch.setattr(csv_files, "_BLOCK_BYTES", 64)
        (tmp_path / "a.csv").write_text("a,b\n" + "1,2\n" * 50 + '"x\ny",3\n' + "SECRET,2,3\n")
        message = refusal(tmp_path / "a.csv")
        assert "Line 54 has 3 fields, the header has 2" in message
        assert "SECRET" not in message
        assert (tmp_path / "a.csv").as_uri() in message

    def test_a_value_of_the_wrong_type_names_the_column_and_not_the_value(self, tmp_path):
        (tmp_path / "a.csv").write_text("a,b\n1,2\n1,SECRET\n")
        message = refusal(tmp_path / "a.csv", types={"b": "int64"})
        assert "Column 'b' holds a value that is not int64" in message
        assert "types" in message
        assert "SECRET" not in message

    def test_bytes_that_are_not_utf8_name_the_column(self, tmp_path):
        (tmp_path / "a.csv").write_bytes(b"a,b\n1,caf\xe9\n")
        assert "Column 'b' holds bytes that are not UTF-8" in refusal(tmp_path / "a.csv")

    def test_two_columns_of_one_name_are_refused(self, tmp_path):
        (tmp_path / "a.csv").write_text("a,b,a\n1,2,3\n")
        assert "More than one column is called 'a'" in refusal(tmp_path / "a.csv")

    def test_a_type_for_a_column_that_is_not_there(self, tmp_path):
        (tmp_path / "a.csv").write_text("age\n1\n")
        message = refusal(tmp_path / "a.csv", types={"agee": "int64"})
        assert "'agee', which is not in the table (did you mean 'age'?)" in message


class TestJsonLines:
    def written(self, tmp_path, *lines, name="a.jsonl"):
        (tmp_path / name).write_text("".join(line + "\n" for line in lines))
        return tmp_path / name

    def test_objects_become_rows_with_nested_types(self, tmp_path):
        path = self.written(tmp_path, '{"id": 1, "m": [{"role": "user"}]}', '{"id": 2, "new": 0.5}')
        table = source(path, row_key=("id",)).open()
        assert rows(table) == {"id": [1, 2], "m": [[{"role": "user"}], None], "new": [None, 0.5]}
        assert table.text_columns == frozenset()

    def test_declared_types_hold_even_where_the_first_block_says_nothing(self, tmp_path, monkeypatch):
        monkeypatch.setattr(json_lines_files, "_BLOCK_BYTES", 64)
        path = self.written(tmp_path, *['{"a": null}'] * 20, '{"a": 1.5}')
        assert rows(source(path, types={"a": "double"}).open())["a"] == [None] * 20 + [1.5]

    def test_ndjson_is_the_same(self, tmp_path):
        assert rows(source(self.written(tmp_path, '{"a": 1}', name="a.ndjson")).open())["a"] == [1]

    @pytest.mark.parametrize(
        ("late", "column", "expected"),
        [
            ('{"a": "TEXT", "b": 1}', "a", ["1", "1", '"TEXT"']),
            ('{"a": 1.25, "b": 1}', "a", [1.0, 1.0, 1.25]),
            ('{"a": 1, "b": 1, "c": 5}', "c", [None, None, 5]),
            ('{"a": [1, "x"]}', "a", ["1", "1", '[1, "x"]']),
        ],
    )
    def test_what_does_not_fit_later_is_read(self, tmp_path, monkeypatch, late, column, expected):
        monkeypatch.setattr(json_lines_files, "_BLOCK_BYTES", 64)
        path = self.written(tmp_path, *['{"a": 1, "b": 2}'] * 20, late)
        assert rows(source(path).open())[column][18:] == expected

    def test_a_line_that_is_no_json_is_named(self, tmp_path, monkeypatch):
        monkeypatch.setattr(json_lines_files, "_BLOCK_BYTES", 64)
        path = self.written(tmp_path, *['{"a": 1, "b": 2}'] * 20, '{"a": 1, "b": SECRET}')
        message = refusal(path)
        assert "A line is not valid JSON at row 20" in message
        assert path.as_uri() in message
        assert "SECRET" not in message

    def test_a_json_array_is_not_json_lines(self, tmp_path):
        assert "not jsonl" in refusal(self.written(tmp_path, '[{"a": 1}]'))

    def test_one_type_for_all_files(self, tmp_path):
        self.written(tmp_path, '{"a": null}', name="1.jsonl")
        self.written(tmp_path, '{"a": 2, "b": "x"}', name="2.jsonl")
        assert rows(source(tmp_path).open()) == {"row_number": [0, 1], "a": [None, 2], "b": [None, "x"]}


class TestKeysAndLimits:
    def test_an_unknown_key_is_named_with_its_neighbour(self, parquet):
        message = refusal(parquet, row_key=("idd",))
        assert "Row key column 'idd' (did you mean 'id'?) not in the table" in message
        assert "'id', 'x', 's'" in message

    def test_an_unknown_column_is_named_with_the_available_ones(self, parquet):
        message = refusal(parquet, columns=("zz",))
        assert "Column 'zz' not in the table" in message
        assert "'id', 'x', 's'" in message

    def test_a_null_key_is_located(self, tmp_path):
        pq.write_table(pa.table({"id": [1, None, 3, None]}), tmp_path / "n.parquet")
        assert "Row key column 'id' is null at row 1, 3 (counting from 0)" in refusal(
            tmp_path / "n.parquet", row_key=("id",)
        )

    def test_row_number_is_not_made_where_it_is_taken(self, tmp_path):
        pq.write_table(pa.table({"row_number": [1]}), tmp_path / "n.parquet")
        assert "has a column 'row_number'" in refusal(tmp_path / "n.parquet")
        assert source(tmp_path / "n.parquet", row_key=("row_number",)).open().row_key == ("row_number",)

    @pytest.mark.parametrize("limit", [0, 1, 70_000, 10**9])
    def test_a_limit_takes_the_first_rows_across_files(self, tmp_path, limit):
        for number in range(2):
            pq.write_table(pa.table({"v": np.arange(66_000) + number * 66_000}), tmp_path / f"{number}.parquet")
        table = source(tmp_path, row_key=("v",), limit=limit).open()
        assert rows(table)["v"] == list(range(min(limit, 132_000)))

    def test_row_numbers_go_on_across_files_and_batches(self, tmp_path):
        for number in range(2):
            pq.write_table(pa.table({"v": np.zeros(66_000)}), tmp_path / f"{number}.parquet")
        assert rows(source(tmp_path).open())["row_number"] == list(range(132_000))

    def test_a_table_without_rows_is_a_table(self, tmp_path):
        pq.write_table(pa.table({"a": pa.array([], pa.int64())}), tmp_path / "e.parquet")
        assert rows(source(tmp_path / "e.parquet").open()) == {"row_number": [], "a": []}


class TestRefusals:
    @pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.jsonl", "folder"])
    def test_a_missing_file(self, tmp_path, name):
        message = refusal(tmp_path / name)
        assert "No such file or folder" in message
        assert (tmp_path / name).as_uri() in message

    @pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.jsonl"])
    def test_an_empty_file(self, tmp_path, name):
        (tmp_path / name).touch()
        message = refusal(tmp_path / name)
        assert "The file is empty (0 bytes)" in message
        assert (tmp_path / name).as_uri() in message

    @pytest.mark.parametrize("name", ["a.xlsx", "a.XLS", "folder/a.ods"])
    def test_a_spreadsheet(self, tmp_path, name):
        """No format would make it readable, so none is proposed."""
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"PK\3\4")
        message = refusal((tmp_path / name).parent if "/" in name else tmp_path / name)
        assert "A spreadsheet is not read: a." in message
        assert "Save it as CSV or Parquet" in message
        assert "format" not in message

    @pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
    def test_blank_lines_alone(self, tmp_path, name):
        (tmp_path / name).write_text("\n\n")
        assert (tmp_path / name).as_uri() in refusal(tmp_path / name)

    @pytest.mark.parametrize(
        ("name", "content", "expected"),
        [
            ("a.parquet", b"id,x\n1,2\n", "not Parquet, it looks like text"),
            ("a.parquet", b'{"id": 1}\n', "not Parquet, it looks like JSON Lines"),
            ("a.parquet", b"\0\1\2\3garbage", "not Parquet, it looks like unknown bytes"),
            ("a.parquet", b"PAR1 cut off in the middle", "damaged or was not written to its end"),
            ("a.csv", b"PAR1" + b"\0" * 20, "not csv, it looks like a Parquet file"),
            ("a.csv", b"\x1f\x8b\x08" + b"\0" * 20, "not csv, it looks like a gzip archive"),
            ("a.csv", b'{"id": 1}\n', "not csv, it looks like JSON Lines"),
            ("a.csv", "id,x\n".encode("utf-16"), "not csv, it looks like UTF-16 text"),
            ("a.csv", b"a\0b", "not csv, it looks like unknown bytes"),
            ("a.jsonl", b"id,x\n1,2\n", "not jsonl, it looks like text"),
            ("a.jsonl", b"PAR1" + b"\0" * 20, "not jsonl, it looks like a Parquet file"),
            ("a.csv.gz", b"id,x\n1,2\n", "cannot be read"),
        ],
    )
    def test_a_file_of_another_format(self, tmp_path, name, content, expected):
        (tmp_path / name).write_bytes(content)
        message = refusal(tmp_path / name)
        assert expected in message
        assert (tmp_path / name).as_uri() in message

    def test_a_folder_without_files_of_the_format(self, tmp_path):
        (tmp_path / "a.csv").write_text("a\n1\n")
        message = refusal(tmp_path, format="parquet")
        assert "The folder holds no parquet files" in message
        assert ".parquet or .pq" in message

    def test_an_extension_that_says_nothing(self, tmp_path):
        (tmp_path / "a.dat").write_text("a\n1\n")
        assert "Set format to one of parquet, csv, jsonl" in refusal(tmp_path / "a.dat")
        assert rows(source(tmp_path / "a.dat", format="csv").open())["a"] == ["1"]

    def test_a_folder_of_several_formats(self, tmp_path):
        (tmp_path / "a.csv").write_text("a\n1\n")
        (tmp_path / "b.jsonl").write_text('{"a": 1}\n')
        assert "files of several formats" in refusal(tmp_path)

    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            ({"format": "parquett"}, "did you mean 'parquet'"),
            ({"limit": -1}, "limit is -1"),
            ({"delimiter": "ab"}, "delimiter is 'ab'"),
        ],
    )
    def test_settings_that_cannot_be(self, tmp_path, settings, expected):
        with pytest.raises(ConfigurationError, match=expected):
            source(tmp_path / "a.csv", **settings)

    def test_a_type_that_does_not_exist(self, tmp_path):
        (tmp_path / "a.csv").write_text("a\n1\n")
        assert "'int46' is not the name of a type (did you mean 'int64'?)" in refusal(
            tmp_path / "a.csv", types={"a": "int46"}
        )

    def test_types_for_a_parquet_column(self, parquet):
        assert "did you mean 'x'" in refusal(parquet, types={"xx": "int64"})

    def test_a_column_in_files_and_folders(self, tmp_path):
        (tmp_path / "a=1").mkdir()
        pq.write_table(pa.table({"a": [1]}), tmp_path / "a=1/x.parquet")
        assert "Column 'a' is both in the files and in their folders' names" in refusal(tmp_path)

    def test_a_fixed_size_list_that_is_null(self, tmp_path):
        table = pa.table({"c": pa.array([[1.0], None], pa.list_(pa.float64(), 1))})
        pq.write_table(table, tmp_path / "f.parquet")
        assert "Write the column as a list without a fixed size" in refusal(tmp_path / "f.parquet")


class TestRemote:
    @pytest.mark.parametrize("name", ["t/a.csv", "t/b.jsonl", "t/c.parquet"])
    def test_a_file_behind_a_url(self, memory_root, name):
        place = memory_root.child(name)
        if name.endswith("parquet"):
            with place.replace_atomically() as temporary:
                pq.write_table(pa.table({"a": [1]}), temporary.path, filesystem=temporary.filesystem)
        else:
            place.write_text_atomically("a\n1\n" if name.endswith("csv") else json.dumps({"a": 1}) + "\n")
        table = TableSource(place, types={} if name.endswith("parquet") else {"a": "int64"}).open()
        assert rows(table) == {"row_number": [0], "a": [1]}
        assert table.uri == place.uri

    def test_a_partitioned_folder_behind_a_url(self, memory_root):
        for year in (2023, 2024):
            memory_root.child(f"year={year}/a.csv").write_text_atomically("a\n1\n")
        assert rows(TableSource(memory_root).open())["year"] == ["2023", "2024"]

    def test_a_missing_file_behind_a_url(self, memory_root):
        with pytest.raises(TableError, match=r"No such file or folder \(memory:"):
            TableSource(memory_root.child("none.csv")).open()


def test_opening_reads_no_rows(tmp_path):
    pq.write_table(pa.table({"a": np.zeros(3_000_000)}), tmp_path / "big.parquet")
    before = pa.total_allocated_bytes()
    source(tmp_path / "big.parquet").open()
    assert pa.total_allocated_bytes() - before < 1 << 20


@pytest.mark.parametrize(
    ("suffix", "first", "last"),
    [
        ("csv", "0 rows (33 % of the input)", "200 rows (100 % of the input)"),
        ("jsonl", "0 rows (33 % of the input)", "200 rows (100 % of the input)"),
        ("csv.gz", "0 rows so far, the total is not known", "200 rows (67 % of the input)"),
        ("parquet", "0 of 300 rows (0 %)", "200 of 300 rows (67 %)"),
    ],
)
def test_whoever_reads_says_how_much_by_what_the_files_say_of_themselves(tmp_path, suffix, first, last):
    write = {"csv": "to_csv", "csv.gz": "to_csv", "parquet": "to_parquet", "jsonl": "to_json"}[suffix]
    options = {"orient": "records", "lines": True} if suffix == "jsonl" else {"index": False}
    for number in range(3):
        frame = pd.DataFrame({"a": np.arange(1000, 1100)})
        getattr(frame, write)(tmp_path / f"{number}.{suffix}", **options)
    clock = Clock()
    lines = Lines(clock)
    table = TableSource(Location.parse(tmp_path)).open()
    reporter = Reporter(lines, clock, background=False)
    with report_to(reporter):
        for _ in table.batches():
            clock.now += 10
            reporter.tick()
    texts = [text for _, text in lines.shown]
    assert texts[0].startswith("reading the inputs: " + first)
    assert texts[2].startswith("reading the inputs: " + last)
