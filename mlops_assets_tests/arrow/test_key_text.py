"""Keys are read as they are shown."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from mlops_assets.arrow.key_text import parse_key_value, split_assignment


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (time(8, 19), pa.time64("us")),
        (timedelta(days=-1, seconds=7, microseconds=500_000), pa.duration("us")),
        (timedelta(seconds=499), pa.duration("s")),
        (datetime(2026, 1, 1, tzinfo=UTC), pa.timestamp("us", "Europe/Oslo")),
        (Decimal("1.25"), pa.decimal128(5, 2)),
        (" =%'\n", pa.string()),
    ],
)
def test_a_key_is_read_as_it_is_shown(value, kind):
    shown = str(pa.scalar(value, kind).as_py())
    assert parse_key_value(shown, kind) == pa.scalar(value, kind)


@pytest.mark.parametrize(("text", "kind"), [("noon", pa.time32("s")), ("long", pa.duration("s")), ("x", pa.int64())])
def test_what_is_no_such_value_is_refused(text, kind):
    with pytest.raises((pa.ArrowInvalid, pa.ArrowNotImplementedError)):
        parse_key_value(text, kind)


def test_a_column_of_the_key_may_have_the_sign_in_its_name():
    split = [split_assignment(text, ("a", "a=b")) for text in ("a=b=c", "a=c", "x=y")]
    assert split == [("a=b", "c"), ("a", "c"), ("x", "y")]
