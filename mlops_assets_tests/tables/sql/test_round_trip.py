"""What is published in a database comes back as it was: types, values, order, provenance."""

import datetime
import math
from dataclasses import dataclass
from decimal import Decimal

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings

from mlops_assets.arrow.content_hash import ContentHash
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.names import TableName
from mlops_assets.tables.sql.reader import open_publication
from mlops_assets.tables.sql.writer import Target, write
from mlops_assets_tests.tables.sql.conftest import KINDS


@dataclass(frozen=True)
class Stored:
    """A table as the writer takes it."""

    table: pa.Table

    @property
    def schema(self) -> pa.Schema:
        return self.table.schema

    def reader(self) -> pa.RecordBatchReader:
        return self.table.to_reader()


def rows_of(table: pa.Table, version: str = "v1", row_key: tuple[str, ...] = ("id",)) -> Stored:
    provenance = Provenance(row_key=row_key, model="m", data_version=version, extra={"params": "{}"})
    return Stored(table.replace_schema_metadata(provenance.to_metadata()))


def back(address: SqlAddress, name: str = "t", partition: str = "") -> pa.Table:
    with open_publication(address, TableName(name), partition) as published:
        return published.reader.read_all()


def content(table: pa.Table) -> str:
    digest = ContentHash(table.schema)
    for batch in table.to_batches():
        digest.update(batch)
    return digest.hexdigest()


def scalars(kind: pa.DataType) -> st.SearchStrategy:
    """Values of a type, its ends included."""
    if pa.types.is_boolean(kind):
        return st.booleans()
    if pa.types.is_integer(kind):
        bits, unsigned = kind.bit_width, pa.types.is_unsigned_integer(kind)
        return st.integers(0 if unsigned else -(2 ** (bits - 1)), 2**bits - 1 if unsigned else 2 ** (bits - 1) - 1)
    if pa.types.is_floating(kind):
        return st.floats(width=kind.bit_width)
    if pa.types.is_decimal(kind):
        digits = 10**kind.precision - 1
        return st.integers(-digits, digits).map(lambda n: Decimal(n).scaleb(-kind.scale, context=WIDE))
    if pa.types.is_timestamp(kind):
        return st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2250, 1, 1))
    if pa.types.is_date(kind):
        return st.dates()
    if pa.types.is_time(kind):
        return st.times()
    if pa.types.is_duration(kind):
        return st.integers(-(2**62), 2**62)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return st.binary(max_size=8)
    if pa.types.is_list(kind):
        return st.lists(st.none() | scalars(kind.value_type), max_size=3)
    if pa.types.is_struct(kind):
        return st.fixed_dictionaries({kind.field(n).name: st.none() | scalars(kind.field(n).type) for n in range(2)})
    if pa.types.is_map(kind):
        return st.dictionaries(scalars(kind.key_type), st.none() | scalars(kind.item_type), max_size=3).map(
            lambda found: list(found.items())
        )
    return st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


import decimal  # noqa: E402

pytestmark = pytest.mark.slow

WIDE = decimal.Context(prec=80)
REASONS = pa.list_(pa.struct([("column", pa.string()), ("code", pa.string())]))
TYPES = [
    *(pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
    *(pa.float16(), pa.float32(), pa.float64(), pa.string(), pa.large_string(), pa.binary(), pa.large_binary()),
    *(pa.decimal128(10, 2), pa.decimal128(38, 0), pa.decimal128(38, 38), pa.decimal256(60, 20)),
    *(pa.timestamp("s"), pa.timestamp("ms", "UTC"), pa.timestamp("us"), pa.timestamp("us", "Europe/Oslo")),
    *(pa.timestamp("ns"), pa.timestamp("ns", "America/New_York")),
    *(pa.date32(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"), pa.duration("us"), pa.null()),
    *(pa.list_(pa.int64()), pa.list_(pa.float64()), pa.list_(pa.uint64()), pa.list_(pa.decimal128(20, 3)), REASONS),
    *(pa.struct([("a", pa.binary()), ("b", pa.timestamp("us", "UTC"))]), pa.map_(pa.string(), pa.float32())),
    pa.list_(pa.list_(pa.string())),
]


@st.composite
def tables(draw) -> pa.Table:
    """A few columns of any types, under any names."""
    kinds = draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=4))
    names = draw(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=15),
            min_size=len(kinds),
            max_size=len(kinds),
            unique_by=str.lower,
        )
    )
    rows = draw(st.integers(0, 5))
    columns = []
    for kind in kinds:
        if pa.types.is_null(kind):
            columns.append(pa.nulls(rows))
            continue
        values = draw(st.lists(st.none() | scalars(kind), min_size=rows, max_size=rows))
        columns.append(as_array(values, kind))
    return pa.table(columns, names=names)


def as_array(values: list, kind: pa.DataType) -> pa.Array:
    if pa.types.is_float16(kind):
        return pa.array(values, pa.float32()).cast(kind)
    if pa.types.is_timestamp(kind):
        return pa.array(values, pa.timestamp("us")).cast(pa.timestamp(kind.unit), safe=False).cast(kind)
    if pa.types.is_time(kind) and kind.bit_width == 32:
        return pa.array(values, pa.time64("us")).cast(kind, safe=False)
    return pa.array(values, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_any_table_comes_back_as_it_was(kind, request, tmp_path_factory):
    if kind == "postgresql":
        url = request.getfixturevalue("server")()
    else:
        url = f"{kind}:///{tmp_path_factory.mktemp('any') / 'file.db'}"
    address = SqlAddress.parse(url)

    @settings(max_examples=30 if kind == "postgresql" else 60, deadline=None, suppress_health_check=list(HealthCheck))
    @example(pa.table({"a": [-0.0, math.nan, -math.inf, 5e-324]}), "floats")
    @given(tables(), st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12))
    def comes_back(table: pa.Table, name: str) -> None:
        name = f"{name}."  # never the record's own
        write(rows_of(table), Target(address, TableName(name)))
        with open_publication(address, TableName(name)) as published:
            found, publication = published.reader.read_all(), published.publication
        assert found.schema.equals(table.schema)
        assert content(found) == content(table)
        assert publication.provenance == Provenance(("id",), "m", data_version="v1", extra={"params": "{}"})

    comes_back()
