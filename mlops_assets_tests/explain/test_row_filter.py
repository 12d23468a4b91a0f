"""Row filters: what they allow, what they mean, what they refuse."""

from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from mlops_assets.errors import ConfigurationError
from mlops_assets.explain.ledger.row_filter import RowFilter

COLUMNS = {
    "prediction": pa.array([0.1, 0.5, 0.9, None]),
    "age": pa.array([20, 30, 40, 50]),
    "city": pa.array(["Bern", None, "Wien", "Graz"]),
    "mean radius": pa.array([1.0, 2.0, 3.0, 4.0]),
    "member": pa.array([True, False, True, False]),
    "since": pa.array([datetime(2020 + year, 1, 1) for year in range(4)]),
    "rate": pa.array([0.1, float("nan"), 0.3, 0.4], pa.float32()),
    "price": pa.array([Decimal("1.10"), Decimal("2.00"), None, Decimal("3.50")]),
}


@pytest.mark.parametrize(
    ("text", "passing"),
    [
        ("prediction > 0.4", [1, 2]),
        ("not prediction > 0.4", [0]),
        ("0.2 < prediction <= 0.9", [1, 2]),
        ("age >= 30 and (city == 'Wien' or city == 'Graz')", [2, 3]),
        ("city in ('Bern', 'Wien')", [0, 2]),
        ("city not in ['Bern']", [2, 3]),
        ("city is None", [1]),
        ("prediction is not None", [0, 1, 2]),
        ("`mean radius` > 2.5", [2, 3]),
        ("city != 'a `quoted` text'", [0, 2, 3]),
        ("member == True", [0, 2]),
        ("age > -5", [0, 1, 2, 3]),
        ("since >= '2022-01-01'", [2, 3]),
        ("age > `mean radius`", [0, 1, 2, 3]),
        ("prediction > 0.4 or age == 50", [1, 2, 3]),
        ("1 == 2", []),
        # What is missing compares to nothing, as NaN and as null.
        ("rate != 0.1", [2, 3]),
        ("not rate < 0.35", [3]),
        ("rate not in (0.3,)", [0, 3]),
        ("rate is None", [1]),
        # Literals are what they are in the column's type.
        ("rate <= 0.1", [0]),
        ("rate in (0.1, 0.3)", [0, 2]),
        ("age in (20.5, 30.0)", [1]),
        ("age in (20, 1e30)", [0]),
        ("price in (1.1, 3.5)", [0, 3]),
        ("since in ('2021-01-01', '2023-01-01')", [1, 3]),
    ],
)
def test_it_passes(text: str, passing: list[int]) -> None:
    mask = RowFilter(text).mask(COLUMNS)
    assert [place for place, passes in enumerate(mask.to_pylist()) if passes] == passing
    assert mask.null_count == 0


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "age.__class__ == 1",
        "age[0] > 1",
        "age + 1 > 2",
        "(lambda: 1)() == 1",
        "[x for x in (1,)] == 1",
        "f'{age}' == '1'",
        "age",
        "1",
        "age > b'1'",
        "age in city",
        "age is 3",
        "-city == 3",
        "(age := 3) > 2",
        "age > (1 if member else 2)",
    ],
)
def test_it_refuses_whatever_is_no_comparison(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not allowed"):
        RowFilter(text)


@pytest.mark.parametrize("text", ["age >", "age > 1; age < 2", "", "age = 3"])
def test_it_says_that_a_text_is_no_expression(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no expression"):
        RowFilter(text)


def test_a_comparison_with_none_is_pointed_to_is(monkeypatch) -> None:
    with pytest.raises(ConfigurationError, match="Write `column is None`"):
        RowFilter("age == None")


def test_it_names_the_columns_it_needs() -> None:
    assert RowFilter("`mean radius` > 1 and not age < 3").columns == {"mean radius", "age"}


@pytest.mark.parametrize("text", ["city > 3", "age == 'x'", "since > 'soon'", "city in (1, 2)"])
def test_types_that_cannot_be_compared_are_a_clear_error(text: str) -> None:
    with pytest.raises(ConfigurationError, match="something of another type"):
        RowFilter(text).mask(COLUMNS)
