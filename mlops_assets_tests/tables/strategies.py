"""Random Arrow tables of every type that a store may have to bring back, under the names that people give columns.

`FLAT` is what text can hold as well; `EVERY` adds bytes, durations, half floats and what is nested. Stores that lack a
type leave it out: ``tables({name: kind for name, kind in FLAT.items() if ...})``.
"""

import datetime as dt

import pyarrow as pa
from hypothesis import strategies as st

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
# Quotes, separators, SQL, paths, marks that combine, right-to-left, outside the basic plane; never without a letter.
ODD_NAMES = (
    *("a b", 'a"b', "a'b", "a;b", "a,b", "a.b", "a`b", "a/b", "a\\b", "a=b", "a%20b", "a{b}", "a[0]", "a\tb", "a\nb"),
    *('x"; drop table y; --', "select", "ünï", "u\u0308", "日本", "אב", "😀", " a", "_a", "-", "0", "row", "NULL"),
)
NAMES = st.sampled_from([*"abcde", *ODD_NAMES]) | st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=5
)

FLAT = {
    "int8": (pa.int8(), st.integers(-128, 127)),
    "int64": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "uint64": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "float": (pa.float32(), st.floats(width=32)),
    "double": (pa.float64(), st.floats()),
    "bool": (pa.bool_(), st.booleans()),
    "int16": (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    "int32": (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "uint8": (pa.uint8(), st.integers(0, 2**8 - 1)),
    "uint16": (pa.uint16(), st.integers(0, 2**16 - 1)),
    "uint32": (pa.uint32(), st.integers(0, 2**32 - 1)),
    "text": (pa.string(), TEXTS),
    "large_text": (pa.large_string(), st.sampled_from(["", "NA", "null", "nan", '"', "a\r\nb", "ä,ü;", " ", "\t"])),
    "decimal": (pa.decimal128(12, 3), st.decimals(-(10**8), 10**8, places=3)),
    "digits": (pa.decimal128(38, 10), st.decimals(-(10**27), 10**27, places=10)),
    "date": (pa.date32(), st.dates()),
    "date64": (pa.date64(), st.dates(dt.date(1900, 1, 1))),
    "seconds": (pa.time32("s"), st.times().map(lambda at: at.replace(microsecond=0))),
    "time": (pa.time64("us"), st.times()),
    "stamp_s": (pa.timestamp("s"), st.datetimes(dt.datetime(1900, 1, 1)).map(lambda at: at.replace(microsecond=0))),
    "clock_ms": (pa.time32("ms"), st.times().map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))),
    "stamp_ms": (
        pa.timestamp("ms", tz="UTC"),
        st.datetimes(timezones=st.just(dt.UTC)).map(lambda at: at.replace(microsecond=0)),
    ),
    "stamp_us": (pa.timestamp("us"), st.datetimes()),
    # As pandas has them; of whole microseconds, which is what Delta and most databases hold.
    "stamp_ns": (pa.timestamp("ns"), st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1))),
    "stamp_zone": (
        pa.timestamp("us", tz="Asia/Kathmandu"),
        st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC)),
    ),
    "nothing": (pa.null(), st.none()),
}
NESTED = {
    "bytes": (pa.binary(), st.binary(max_size=4)),
    "duration": (pa.duration("us"), st.timedeltas(dt.timedelta(-9), dt.timedelta(9))),
    "half": (pa.float16(), st.floats(width=16)),
    "wide_decimal": (pa.decimal256(45, 2), st.decimals(-(10**8), 10**8, places=2)),
    "list": (pa.list_(pa.int64()), st.lists(st.none() | st.integers(-5, 5), max_size=3)),
    "fixed_list": (pa.list_(pa.float64(), 2), st.lists(st.none() | st.floats(), min_size=2, max_size=2)),
    "struct": (
        pa.struct([("x", pa.list_(pa.int8(), 1)), ("y", pa.timestamp("s"))]),
        st.fixed_dictionaries({"x": st.none() | st.just([1]), "y": st.none() | st.just(dt.datetime(2020, 1, 1))}),
    ),
    "map": (
        pa.map_(pa.string(), pa.int64()),
        st.dictionaries(st.text("ab", max_size=2), st.integers(0, 9), max_size=2),
    ),
}


EVERY = {**FLAT, **NESTED}


@st.composite
def tables(draw, kinds, names=NAMES, max_rows=6):
    """A table of up to four columns of `kinds` (name -> Arrow type, values), each with nulls, under any name.

    Names differ in more than case, which not every store tells apart.
    """
    chosen = draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=4))
    called = draw(st.lists(names, min_size=len(chosen), max_size=len(chosen), unique_by=str.lower))
    rows = draw(st.integers(0, max_rows))
    columns = {}
    for name, chosen_kind in zip(called, chosen, strict=True):
        kind, values = kinds[chosen_kind]
        drawn = draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
        if pa.types.is_map(kind):
            drawn = [None if value is None else list(value.items()) for value in drawn]
        columns[name] = pa.array(drawn, kind)
    return pa.table(columns)


def assert_same(read: pa.Table, written: pa.Table) -> None:
    """Equal types, values and nulls, a NaN equal to a NaN and unequal to a null."""
    assert read.schema.types == written.schema.types
    assert repr(read.to_pylist()) == repr(written.to_pylist())
