"""What another asset hands over, as an input table."""

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from mlops_assets.arrow.foreign_tables import from_arrow_like
from mlops_assets.errors import TableError

TABLE = pa.table({"id": [2, 1], "s": pa.array(["a", "b"]).dictionary_encode()})


class Stream:
    """What DuckDB hands over: a stream that nobody knows the length of."""

    def __init__(self, table=TABLE):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


class Frame(Stream):
    """What polars hands over: a frame in memory, with text as views."""

    def __len__(self):
        return len(self._table)


def content(table):
    return table.reader().read_all().to_pydict()


@pytest.mark.parametrize(
    "make",
    [
        lambda: TABLE,
        lambda: ds.dataset(TABLE),
        lambda: TABLE.to_batches()[0],
        lambda: TABLE.to_reader(),
        lambda: TABLE.to_pandas(),
        lambda: Stream(),
        lambda: Frame(TABLE.cast(pa.schema([("id", pa.int64()), ("s", pa.string())]))),
        lambda: Frame(pa.table({"id": [2, 1], "s": pa.array(["a", "b"], pa.string_view())})),
    ],
    ids=["Table", "Dataset", "RecordBatch", "RecordBatchReader", "DataFrame", "stream", "frame", "views"],
)
def test_every_kind_gives_the_same_rows(make):
    table = from_arrow_like(make(), ["id"], uri="asset x")
    assert content(table) == {"id": [2, 1], "s": ["a", "b"]}
    assert (table.schema.types, table.row_key, table.uri) == ([pa.int64(), pa.string()], ("id",), "asset x")


@pytest.mark.parametrize("make", [lambda: TABLE, lambda: ds.dataset(TABLE), lambda: TABLE.to_pandas(), lambda: Frame()])
def test_what_is_in_memory_can_be_read_again(make):
    table = from_arrow_like(make(), ["id"])
    assert content(table) == content(table)


@pytest.mark.parametrize("make", [lambda: TABLE.to_reader(), lambda: Stream()])
def test_a_stream_is_read_once_and_says_so(make):
    table = from_arrow_like(make(), ["id"], uri="asset x")
    content(table)
    with pytest.raises(TableError, match=r"only once \(asset x\)"):
        content(table)


def test_columns_and_limit():
    table = from_arrow_like(TABLE, ["id"], columns=["s"], limit=1)
    assert content(table) == {"id": [2], "s": ["a"]}


def test_batches_are_of_bounded_size():
    table = from_arrow_like(pa.table({"id": range(200_000)}), ["id"])
    assert [batch.num_rows for batch in table.batches()] == [65_536, 65_536, 65_536, 3_392]


@pytest.mark.parametrize(
    ("index", "key"),
    [
        (pd.RangeIndex(2), ("row_number",)),
        (pd.RangeIndex(2, name="n"), ("n",)),
        (pd.Index([5, 6]), ("index",)),
        (pd.Index(["x", "y"], name="patient"), ("patient",)),
        (pd.MultiIndex.from_tuples([(1, "a"), (1, "b")], names=["site", "visit"]), ("site", "visit")),
    ],
    ids=["range", "named range", "unnamed", "named", "levels"],
)
def test_the_index_of_a_dataframe_is_its_key(index, key):
    table = from_arrow_like(pd.DataFrame({"x": [1.5, 2.5]}, index=index))
    assert table.row_key == key
    assert content(table)["x"] == [1.5, 2.5]


def test_the_pandas_index_of_a_table_is_its_key():
    frame = pd.DataFrame({"x": [1]}, index=pd.Index([7], name="patient"))
    assert from_arrow_like(pa.Table.from_pandas(frame)).row_key == ("patient",)


def test_a_column_of_many_types_is_named_and_its_values_are_not():
    with pytest.raises(TableError, match="column mixed") as caught:
        from_arrow_like(pd.DataFrame({"mixed": [1, "SECRET", 2.5]}))
    assert "SECRET" not in str(caught.value)


def test_two_columns_of_one_name():
    with pytest.raises(TableError, match="More than one column is called 'a'"):
        from_arrow_like(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_an_index_named_like_a_column_keeps_both():
    table = from_arrow_like(pd.DataFrame({"a": [1]}, index=pd.Index([5], name="a")))
    assert (table.row_key, content(table)) == (("index",), {"a": [1], "index": [5]})


def test_anything_else_is_refused_with_its_type():
    with pytest.raises(TableError, match=r"A builtins\.dict is not a table \(asset x\).*pandas DataFrame"):
        from_arrow_like({"a": [1]}, uri="asset x")


def test_a_stream_that_fails_fails_with_its_own_error():
    def failing():
        yield pa.record_batch({"id": [1]})
        raise ZeroDivisionError

    reader = pa.RecordBatchReader.from_batches(pa.schema([("id", pa.int64())]), failing())
    with pytest.raises(ZeroDivisionError):
        content(from_arrow_like(reader, ["id"]))
