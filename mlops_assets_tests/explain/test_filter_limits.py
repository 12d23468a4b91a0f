"""`explain.where`: whatever is written there, an answer or an error of this package, in a moment."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.errors import ConfigurationError
from mlops_assets.explain.ledger.row_filter import RowFilter

COLUMNS = {
    "a": pa.array([1, 2, None]),
    "b": pa.array(["x", "y", None]),
    "c": pa.array([1.5, float("nan"), 2]),
    "d": pa.array([True, False, None]),
    "e": pa.array([1, 2, 2**64 - 1], pa.uint64()),
    "t": pa.array([0, 1, 2], pa.timestamp("us")),
}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not " * 60 + "a > 1", "more than 50 levels"),
        ("not " * 20_000 + "a > 1", "more than 50 levels"),
        ("(" * 60 + "a > 1" + ")" * 60, "more than 50 levels"),
        ("(" * 5_000 + "a > 1" + ")" * 5_000, "more than 50 levels"),
        ("a == " + "-" * 1_000 + "1", "more than 50 levels"),
        (" and ".join(["a > 1"] * 3_000), "more than 2000 terms"),
        ("a in (" + "1, " * 40_000 + "1)", "characters; 100000 is the most"),
        ("a > " + "9" * 20, "an integer that no column can hold"),
        ("a > " + "9" * 5_000, "an integer that no column can hold"),
        ("a > 18446744073709551615", "an integer that no column can hold"),
        ("a in (1, 99999999999999999999)", "an integer that no column can hold"),
        ("b == '\\ud800'", "half of a surrogate pair"),
    ],
)
def test_a_filter_beyond_a_limit_is_refused_by_its_name(text, why):
    with pytest.raises(ConfigurationError, match=why):
        RowFilter(text).mask(COLUMNS)


@pytest.mark.parametrize(
    ("text", "passing"),
    [
        ("not " * 40 + "a > 1", [False, True, False]),
        ("(" * 45 + "a > 1" + ")" * 45, [False, True, False]),
        (" or ".join(["a > 1"] * 1_999), [False, True, False]),
        ("e == 18446744073709551615", [False, False, True]),
        ("a > -9223372036854775807", [True, True, False]),
        ("b == '((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((('", [False, False, False]),
        ("c > 1e400", [False, False, False]),
    ],
)
def test_a_filter_within_the_limits_is_applied(text, passing):
    assert RowFilter(text).mask(COLUMNS).to_pylist() == passing


PARTS = st.sampled_from(
    [
        "a",
        "b",
        "c",
        "d",
        "e",
        "t",
        "not",
        "and",
        "or",
        "in",
        "is",
        "None",
        "True",
        "False",
        "(",
        ")",
        "[",
        "]",
        ",",
        "==",
        "!=",
        "<",
        ">",
        "<=",
        ">=",
        "1",
        "-1",
        "1.5",
        "1e999",
        "'x'",
        '"y"',
        "'2020-01-01'",
        "9999999999999999999",
        "-",
        "+",
        "~",
        ".",
        "`",
        "`a`",
        "lambda",
        ":",
        ":=",
        "if",
        "else",
        "for",
        "*",
        "**",
        "@",
        "#",
        "\\",
        "\n",
        "\x00",
        "�",
        "λ",
        "0x",
        "1_0",
        "b'x'",
        "f'{a}'",
        "...",
    ]
)


@given(st.lists(PARTS, max_size=25))
def test_any_text_gives_a_mask_or_an_error_of_this_package(parts):
    try:
        row_filter = RowFilter(" ".join(parts))
        row_filter.check_columns(COLUMNS)
        mask = row_filter.mask(COLUMNS)
    except ConfigurationError:
        return
    assert mask.type == pa.bool_()
    assert mask.null_count == 0
