"""Reasons of rows whose reasons are known."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from mlops_assets.arrow.value_text import values_as_text
from mlops_assets.errors import ConfigurationError
from mlops_assets.explain.reasons.catalogue import parse_catalogue
from mlops_assets.explain.reasons.reason_rows import Reasoner, _rank_block, _Ranked, _reason_lists
from mlops_assets.explain.reasons.rules import ReasonRules
from mlops_assets.explain.reasons.strongest import find_strongest

FEATURES = ("age", "salary", "bonus", "city")
INPUTS = {
    "age": [31.0, None, 50.5],
    "salary": [1200, 800, 2000],
    "bonus": [10.0, float("nan"), 30.25],
    "city": ["Bern", "Genf", None],
}
KEY = {"branch": ["a", "a", "b"], "number": [1, 2, 1]}


def reasons(attributions, outputs=("y",), rules=None, residual=0.0, inputs=INPUTS, error=None, precision="float64"):
    """The reasons of three rows: `attributions` are (rows x outputs, 4)."""
    values = np.asarray(attributions, dtype=float)
    places, rules = np.repeat(np.arange(3), len(outputs)), rules or ReasonRules()
    ledger = {name: pa.array(values).take(pa.array(places)) for name, values in KEY.items()}
    ledger |= {"output": pa.array([str(output) for output in outputs] * 3), "explained_value": values.sum(axis=1)}
    ledger |= {"base_value": np.zeros(len(values)), "residual": np.full(len(values), residual)}
    if error is not None:
        ledger["standard_error"] = pa.array(error, pa.float64())
    ledger |= {f"shap_{name}": np.ascontiguousarray(values[:, at]) for at, name in enumerate(FEATURES)}
    batch = pa.RecordBatch.from_pydict(ledger)
    key = pa.schema([batch.schema.field(name) for name in KEY])
    kind = pa.int64() if str(outputs[0]).isdigit() else pa.string()
    reasoner = Reasoner(rules, FEATURES, key, kind, precision, 3, "d" * 64)
    return reasoner.reasons(batch, pa.RecordBatch.from_pydict(inputs), places).to_pylist()


ROWS = [[-0.5, 0.2, -3.0, 1.0], [0.0, 0.1, 0.2, -0.3], [1.0, 2.0, 3.0, 4.0]]


def listed(rows, *columns):
    return [tuple(row[column] for column in columns) for row in rows]


def test_the_column_that_pulls_a_row_down_is_its_first_reason():
    found = reasons(ROWS, rules=ReasonRules(toward="lower"))
    assert listed(found, "branch", "number", "rank", "feature", "value", "attribution") == [
        ("a", 1, 1, "bonus", "10", -3.0),
        ("a", 1, 2, "age", "31", -0.5),
        ("a", 2, 1, "city", "Genf", -0.3),
    ]
    assert found[0]["share"] == pytest.approx(3.0 / 4.7)
    assert all(row["stable"] for row in found)
    assert {(row["model_version"], row["model_digest"]) for row in found} == {(3, "d" * 64)}
    assert {row["code"] for row in found} == {row["text"] for row in found} == {None}


@pytest.mark.parametrize(
    ("toward", "top", "names"),
    [
        ("higher", 4, [["city", "salary"], ["bonus", "salary"], ["city", "bonus", "salary", "age"]]),
        ("both", 2, [["bonus", "city"], ["city", "bonus"], ["city", "bonus"]]),
        ("lower", 1, [["bonus"], ["city"], []]),
    ],
)
def test_reasons_point_the_way_that_is_asked_for(toward, top, names):
    found = reasons(ROWS, rules=ReasonRules(top, toward))
    by_row = [
        [row["feature"] for row in found if (row["branch"], row["number"]) == key]
        for key in zip(*KEY.values(), strict=True)
    ]
    assert by_row == names
    assert [row["rank"] for row in found] == [rank for each in names for rank in range(1, len(each) + 1)]


def test_each_output_has_reasons_of_its_own():
    rows = np.asarray(ROWS)
    both = np.stack([rows, -rows], axis=1).reshape(6, 4)
    found = reasons(both, (0, 1), ReasonRules(1, "higher"))
    assert listed(found, "branch", "number", "output", "feature") == [
        ("a", 1, 0, "city"),
        ("a", 1, 1, "bonus"),
        ("a", 2, 0, "bonus"),
        ("a", 2, 1, "city"),
        ("b", 1, 0, "city"),
    ]


def test_equal_attributions_keep_the_order_of_the_columns_and_are_not_stable():
    found = reasons([[1, 1, 0, 0], [1, 0.5, 0, 0], [1, 1 - 1e-3, 0, 0]], rules=ReasonRules(1))
    assert listed(found, "feature", "stable") == [("age", False), ("age", True), ("age", True)]


@pytest.mark.parametrize(
    ("changed", "stable"),
    [
        ({"residual": 1e-3}, False),
        ({"residual": 1e-5}, True),
        ({"precision": "float32"}, False),
        ({"error": [1e-3, 0.0, 1e-5]}, False),
        ({"error": [None, 0.0, 0.0]}, False),
        ({"error": [1e-5, 0.0, 1e-3]}, True),
        ({"residual": float("nan")}, False),
    ],
)
def test_a_list_is_stable_where_no_error_of_the_method_could_change_it(changed, stable):
    """Two reasons of the first row are a thousandth apart."""
    rows = [[1.0, 0.999, 0, 0], [1.0, 0.2, 0, 0], [1.0, 0.2, 0, 0]]
    if changed.get("precision"):
        rows[0][1] = 1 - 1e-5
    assert reasons(rows, rules=ReasonRules(2), **changed)[0]["stable"] is stable


def test_what_is_barely_on_the_other_side_could_be_a_reason():
    rows = np.array([[-1.0, 1e-9, 0.0, 0.0], [-1.0, 1e-15, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0]]).T
    error = np.full(3, 1e-12)
    assert find_strongest(rows, "lower", 2, error).stable.tolist() == [True, False, True]
    # The list is full: nothing else gets into it.
    assert find_strongest(rows, "lower", 1, error).stable.tolist() == [True, True, True]


def test_a_list_that_is_called_stable_is_the_same_after_any_change_within_the_error():
    """The claim itself, on many rows with many near ties."""
    rng = np.random.default_rng(0)
    values = np.round(rng.normal(size=(6, 4000)), 1)
    error = np.full(4000, 0.02)
    for toward in ("lower", "higher", "both"):
        before = find_strongest(values, toward, 3, error)
        moved = np.where(values == 0, 0.0, values + rng.uniform(-0.02, 0.02, values.shape))
        after = find_strongest(moved, toward, 3, error)
        meant = np.arange(3)[:, None] < before.counts
        same = (before.counts == after.counts) & ((before.places == after.places) | ~meant).all(axis=0)
        assert same[before.stable].all()
        assert 0.05 < before.stable.mean() < 0.95


GROUPS = {"income": ("salary", "bonus")}


def test_the_attributions_of_a_group_are_one_reason():
    found = reasons(ROWS, rules=ReasonRules(2, "both", GROUPS))
    assert listed(found, "feature", "value", "attribution")[:4] == [
        ("income", "bonus = 10", -2.8),
        ("city", "Bern", 1.0),
        ("income", "bonus = missing", pytest.approx(0.3)),
        ("city", "Genf", -0.3),
    ]
    assert found[0]["share"] == pytest.approx(2.8 / 4.3)


CATALOGUE = """
reasons:
  income:
    - {when: bonus is None, code: I0, text: No bonus is known}
    - {when: salary < 1500, code: I1, text: Income is low}
    - {code: I2, text: Income}
  city: {code: C1, text: Place of residence}
otherwise: {code: X9, text: Other information}
"""


def test_a_reason_has_the_text_whose_condition_is_true():
    rules = ReasonRules(4, "both", GROUPS, parse_catalogue(CATALOGUE, GROUPS, "reasons.yaml"))
    found = reasons(ROWS, rules=rules)
    assert [code for feature, code in listed(found, "feature", "code") if feature == "income"] == ["I1", "I0", "I2"]
    assert {(row["code"], row["text"]) for row in found if row["feature"] == "age"} == {("X9", "Other information")}
    assert {row["text"] for row in found if row["feature"] == "city"} == {"Place of residence"}
    assert rules.uncatalogued(FEATURES) == ["age"]
    assert rules.unknown_columns(("age", "salary")) == ["bonus", "city"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("reasons: {}", "needs the keys"),
        ("reasons: {}\notherwise: {code: X, text: Y}", "no entry for the groups 'income'"),
        (CATALOGUE.replace("    - {code: I2, text: Income}\n", ""), "no condition takes"),
        (CATALOGUE.replace("when: bonus is None, ", ""), "never used"),
        (CATALOGUE.replace("bonus is None", "age is None"), "no condition on 'salary', 'bonus'"),
        (CATALOGUE.replace("bonus is None", "bonus +"), "no expression"),
        (CATALOGUE.replace("code: C1, ", ""), "not a code and a text"),
        (CATALOGUE.replace("code: C1", "code: 1"), "texts"),
        (CATALOGUE.replace("  city:", "  salary:"), "entries are never used"),
        ("reasons: [", "cannot be read as YAML"),
        (CATALOGUE.replace("  city:", "  income:"), "the key 'income' is there twice"),
        (CATALOGUE.replace("  city:", "  city: {code: C0, text: City}\n  city:"), "'city' is there twice"),
        (CATALOGUE.replace("code: C1,", "code: C1, code: C2,"), "'code' is there twice"),
        (CATALOGUE.replace("salary < 1500", "(`bonus` is   None)"), "Entry 2 has the condition of entry 1"),
        (CATALOGUE.replace("Place of", '"\\e[31m"').replace(" residence", ""), "control character"),
        ("reasons: []\notherwise: {code: X, text: Y}", "maps columns and groups"),
    ],
)
def test_a_catalogue_with_a_gap_is_refused(text, part):
    with pytest.raises(ConfigurationError, match=part) as error:
        parse_catalogue(text, GROUPS, "reasons.yaml")
    assert "reasons.yaml" in str(error.value)


def test_a_condition_is_asked_of_the_columns_that_the_model_has():
    groups = {"income": ("salary", "pension")}
    text = CATALOGUE.replace("bonus is None", "pension is None").replace("salary < 1500", "salary < 1000")
    rules = ReasonRules(4, "both", groups, parse_catalogue(text, groups, "reasons.yaml"))
    found = [row for row in reasons(ROWS, rules=rules) if row["feature"] == "income"]
    # A group is one, of however many columns a model has; what it lacks is not said to be missing.
    assert listed(found, "value", "code") == [("salary = 1200", "I2"), ("salary = 800", "I1"), ("salary = 2000", "I2")]
    reasoner = Reasoner(rules, FEATURES, pa.schema([]), pa.string(), "float64", 3, "d" * 64)
    reasoner.check_conditions(pa.RecordBatch.from_pydict(INPUTS).schema)
    with pytest.raises(ConfigurationError, match=r"another type.*explain.reasons.catalogue, reasons.income"):
        reasoner.check_conditions(pa.schema([(name, pa.string()) for name in FEATURES]))


def test_the_reasons_of_a_row_are_the_same_alone_and_beside_others():
    random, features = np.random.default_rng(0), tuple(f"x{n}" for n in range(40))
    values, rules = random.normal(size=(50, 40)), ReasonRules(3, "both", {"many": features[10:]})
    reasoner = Reasoner(rules, features, pa.schema([]), pa.string(), "float64", 3, "d" * 64)
    ledger = {name: np.zeros(50) for name in ("explained_value", "base_value", "residual")}
    columns = {f"shap_{name}": np.ascontiguousarray(values[:, at]) for at, name in enumerate(features)}
    batch = pa.RecordBatch.from_pydict({"output": pa.array(["y"] * 50)} | ledger | columns)
    inputs = pa.RecordBatch.from_pydict({name: np.zeros(50) for name in features})
    alone = [reasoner.reasons(batch.slice(row, 1), inputs, np.array([row])).to_pylist() for row in range(50)]
    assert [line for lines in alone for line in lines] == reasoner.reasons(batch, inputs, np.arange(50)).to_pylist()


def test_a_group_has_no_name_of_another_column():
    with pytest.raises(ConfigurationError, match="other names"):
        ReasonRules(groups={"age": ("salary",)}).units(FEATURES)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array([1.5, 2.0, float("nan"), None]), ["1.5", "2", None, None]),
        (pa.array([True, None]), ["true", None]),
        (pa.array(["x" * 300, "y"]), ["x" * 199 + "…", "y"]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        (pa.array([[1, 2], None]), ["[1, 2]", None]),
        (pa.array([b"\xff\x00"]), ["2 bytes"]),
        (pa.array([datetime(2026, 1, 31, 6, tzinfo=UTC)]), ["2026-01-31 06:00:00.000000Z"]),
        (pa.nulls(2), [None, None]),
        (pa.array([], pa.float64()), []),
    ],
)
def test_values_of_every_kind_have_a_text(values, texts):
    assert values_as_text(values).to_pylist() == texts


@pytest.mark.slow
def test_compiled_texts_of_numbers_are_those_of_arrow():
    rng = np.random.default_rng(0)
    numbers = np.concatenate(
        [
            rng.integers(0, 2**63, 100_000, dtype=np.uint64).view(np.float64),
            rng.standard_normal(50_000),
            rng.integers(-(10**6), 10**6, 20_000) / 100,
            rng.integers(-(10**12), 10**12, 20_000).astype(np.float64),
            *([np.ldexp(1.0, np.arange(-1074, 1024)) * factor for factor in (1.0, 1 - 2**-53, 1 + 2**-52)]),
            *(np.float64(f"1e{power}") * np.array([1, -1, 9.999999999999999]) for power in range(-307, 308)),
            [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1.7976931348623157e308, 9_999_999_999.5, 1e10, 1e-6, 1e-7],
        ]
    )
    values = pa.array(numbers, mask=rng.random(len(numbers)) < 0.1)
    for each in (values, values.slice(5, 100), values.slice(0, 0), pa.array(["a", None])):
        assert values_as_text(each, compiled=True).equals(values_as_text(each))


@pytest.mark.slow
@pytest.mark.parametrize("toward", ["lower", "higher", "both"])
@pytest.mark.parametrize(("units", "top"), [(1, 1), (4, 3), (4, 4), (12, 5)])
def test_compiled_reasons_are_the_same(units, top, toward):
    rng = np.random.default_rng(units)
    # Many are equal, many are zero.
    values = np.where(rng.random((units, 3_000)) < 0.3, -0.0, np.round(rng.standard_normal((units, 3_000)), 1))
    values[:, 1_000:] = rng.standard_normal((units, 2_000))
    error, rules = rng.choice([0.0, 1e-9, 0.05, 0.5, np.inf], 3_000), ReasonRules(top, toward)
    lists = _reason_lists(3_100, rules)
    lists.add(values[:, :100], error[:100], 0)
    lists.add(values, error, 100)
    plain = [_rank_block(values[:, :100], error[:100], rules, 0), _rank_block(values, error, rules, 100)]
    for one, other in zip(map(np.concatenate, zip(*plain, strict=True)), _Ranked.of(lists), strict=True):
        np.testing.assert_array_equal(one, other)
