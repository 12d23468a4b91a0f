"""Changes of rows whose changes are known."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from mlops_assets.errors import ConfigurationError, ExplanationError
from mlops_assets.explain.compare.change_facts import ChangeFacts
from mlops_assets.explain.compare.change_rows import change_batches
from mlops_assets.explain.compare.change_rules import ChangeLimits, ChangeRules
from mlops_assets.explain.compare.change_summary import ChangesOrigin, ChangeSummary
from mlops_assets.explain.compare.change_sums import ChangeSums, segment_labels
from mlops_assets.explain.compare.change_verdict import judge_changes
from mlops_assets.explain.compare.changes_table import ChangesTask
from mlops_assets.explain.compare.comparable import VersionOrigin
from mlops_assets.explain.compare.comparison import Comparison
from mlops_assets.explain.compare.row_change import compare_row, values_alone
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.report.decision import describe_change
from mlops_assets.explain.spaces import to_response_scale
from mlops_assets.settings.changes import ChangesSettings

KEY = pa.schema([pa.field("row", pa.int64())])
OLD = {"age": [0.5, -1.0, 0.25, 2.0], "income": [1.0, 0.5, -2.0, 0.0]}
NEW = {"age": [0.5, -1.0, 0.25, 2.0], "debt": [-2.0, 0.5, 4.0, 0.0]}


def version_of(number, features, outputs=("1",), **facts):
    """How a version was explained."""
    known = {"explainer": "TreeExplainer", "space": "log-odds", "background_digest": None} | facts
    origin = LedgerProvenance(
        ExplainConfig(),
        reason="",
        output_type=pa.int64() if outputs[0].isdigit() else pa.string(),
        outputs=tuple(outputs),
        features=tuple(features),
        precision=np.dtype(np.float64),
        native_importance=None,
        selection="every row",
        every_row=True,
        in_order_from_start=True,
        **known,
    )
    return VersionOrigin(number, str(number) * 64, origin)


def ledger(of, attributions, base=0.0, residual=0.0, first=0):
    """A ledger with these attributions, each (rows x outputs)."""
    values = {name: np.asarray(numbers, dtype=float) for name, numbers in attributions.items()}
    count, outputs = len(next(iter(values.values()))), of.origin.outputs
    explained = sum(values.values()) + base + residual
    columns = {
        "row": np.repeat(np.arange(first, first + count // len(outputs)), len(outputs)),
        "output": pa.array([*outputs] * (count // len(outputs))),
        "space": [of.origin.space] * count,
        "explained_value": explained,
        "base_value": np.full(count, base),
        "residual": np.full(count, residual),
        **{f"shap_{name}": numbers for name, numbers in values.items()},
    }
    return pa.RecordBatch.from_pydict(columns)


def changed(before=None, after=None, rules=None, scored="after"):
    """The comparison, both ledgers, and the changes of four rows."""
    before, after = before or version_of(1, OLD), after or version_of(2, NEW)
    comparison = Comparison(before, after, scored, KEY, rules or ChangeRules())
    old, new = ledger(before, OLD, base=0.1), ledger(after, NEW, base=0.3, residual=1e-15)
    pair = (new, old) if scored == "after" else (old, new)
    # However the two streams are cut.
    cut = [pair[0].slice(0, 1), pair[0].slice(1)]
    return comparison, pair, pa.Table.from_batches(change_batches(comparison, cut, [pair[1]]))


def sigmoid(values):
    return to_response_scale(np.asarray(values, float)[:, None], "log-odds")[:, 0]


def test_each_column_has_its_part_and_they_add_up():
    comparison, _, table = changed()
    rows = table.to_pylist()
    assert comparison.features == ("age", "debt", "income")
    assert (comparison.only_before, comparison.only_after) == (("income",), ("debt",))
    assert [row["change_age"] for row in rows] == [0.0] * 4
    assert [row["change_income"] for row in rows] == [-1.0, -0.5, 2.0, 0.0]
    assert [row["change_debt"] for row in rows] == NEW["debt"]
    for row in rows:
        parts = sum(value for name, value in row.items() if name.startswith("change_"))
        assert row["difference"] == pytest.approx(parts + row["base_change"] + row["residual_change"], abs=1e-15)
        assert row["base_change"] == pytest.approx(0.2)
    np.testing.assert_allclose(table["prediction_after"], sigmoid(table["value_after"]))
    # From 0.5 on a row of two classes is the second.
    assert table["swap"].to_pylist() == ["down", None, "up", None]
    assert table["changed"].to_pylist() == [True] * 4
    assert {(row["output"], row["version_before"], row["version_after"]) for row in rows} == {(1, 1, 2)}


def test_the_other_version_may_come_after():
    """A candidate's ledger is the one that is made; signs stay those of after minus before."""
    _, _, of_new = changed()
    comparison, _, of_old = changed(scored="before")
    assert comparison.features == ("age", "income", "debt")
    assert of_old.select(sorted(of_old.column_names)).equals(of_new.select(sorted(of_new.column_names)))


@pytest.mark.parametrize(
    ("rules", "moved", "swaps"),
    [
        (ChangeRules(tolerance=0.5), [True, False, True, False], ["down", None, "up", None]),
        (ChangeRules(tolerance=0.0, decision_threshold=0.9), [True] * 4, [None, None, "up", "up"]),
    ],
)
def test_what_counts_as_a_change(rules, moved, swaps):
    _, _, table = changed(rules=rules)
    assert table["changed"].to_pylist() == moved
    assert table["swap"].to_pylist() == swaps


def test_probabilities_of_several_classes_are_of_all_of_them():
    """The other version lists its classes in another order."""
    of = {"outputs": ("a", "b", "c"), "space": "softmax margin"}
    before, after = version_of(1, ["x"], **of), version_of(2, ["x"], **of | {"outputs": ("c", "a", "b")})
    values = np.array([1.0, 2.0, 0.5, -1.0, 0.0, 3.0])
    swapped = values.reshape(2, 3)[:, [2, 0, 1]].ravel()
    comparison = Comparison(before, after, "before", KEY)
    made = change_batches(comparison, [ledger(before, {"x": values})], [ledger(after, {"x": swapped + 1})])
    table = pa.Table.from_batches(made)
    assert table["output"].to_pylist() == ["a", "b", "c"] * 2
    np.testing.assert_allclose(table["change_x"], 1.0)
    # A constant for all classes changes no probability.
    np.testing.assert_allclose(table["prediction_change"], 0.0, atol=1e-15)
    assert table["changed"].to_pylist() == [False] * 6
    assert table["swap"].null_count == 6


@pytest.mark.parametrize(
    ("before", "after", "part"),
    [
        ({"space": "identity"}, {}, "in identity and those of version 2 in log-odds"),
        ({"space": "margin"}, {"space": "margin", "explainer": "LinearExplainer"}, "no common unit"),
        ({"outputs": ("a",)}, {"outputs": ("b",)}, "none in common"),
        (
            {"space": "softmax margin", "outputs": ("a", "b", "c")},
            {"space": "softmax margin", "outputs": ("a", "b", "d")},
            "classes of one model only",
        ),
        ({}, {"explainer": "LinearExplainer", "background_digest": "x"}, "one of methods"),
        ({"explainer": "ModelExplainer"}, {}, "explain.KIND"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(before, after, part):
    with pytest.raises(ExplanationError, match=part):
        Comparison(version_of(1, OLD, **before), version_of(2, NEW, **after), "after", KEY)


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        (lambda new: new.slice(1), "of other rows"),
        (lambda new: new.set_column(0, "row", pa.array([7, 1, 2, 3])), "of other rows"),
        (lambda new: new.set_column(1, "output", pa.array(["1", "2", "1", "1"])), "lacks some of a row's outputs"),
    ],
)
def test_other_rows_are_refused(rows, part):
    comparison, (new, old), _ = changed()
    with pytest.raises(ExplanationError, match=part):
        list(change_batches(comparison, [rows(new)], [old]))


def test_a_row_key_with_a_name_of_the_table_is_refused():
    with pytest.raises(ConfigurationError, match="swap"):
        _ = Comparison(version_of(1, OLD), version_of(2, NEW), "after", pa.schema([("swap", pa.string())])).schema


def test_one_row_is_compared_by_the_same_code():
    comparison, (new, old), table = changed()
    (change,) = compare_row(comparison, old.slice(2, 1), new.slice(2, 1))
    assert list(change.columns.items()) == [("debt", 4.0), ("income", 2.0), ("age", 0.0)]
    row = table.to_pylist()[2]
    assert (change.before, change.now, change.base_change) == (
        row["value_before"],
        row["value_after"],
        row["base_change"],
    )
    assert (change.only_before, change.only_now) == (("income",), ("debt",))
    (alone,) = values_alone(old.slice(2, 1).to_pylist(), new.slice(2, 1).to_pylist(), "they are of two kinds")
    assert (alone.before, alone.now, alone.columns) == (change.before, change.now, {})
    assert "not compared: they are of two kinds" in describe_change(alone)[0]


@pytest.mark.parametrize(
    "other",
    [
        {"work": "another model"},
        {"source": "other rows"},
        {"ledger": "another ledger"},
        {"rules": ChangeRules(tolerance=0.1)},
        {"rules": ChangeRules(decision_threshold=0.1)},
        {"scored": "before"},
        {"version": 3},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_part_is_found_under_all_that_it_depends_on(other):
    def key(work="w", source="s", ledger="l", rules=None, scored="after", version=2):
        comparison = Comparison(version_of(1, OLD), version_of(version, NEW), scored, KEY, rules or ChangeRules())
        parts = [SimpleNamespace(content=content) for content in (source, ledger)]
        return ChangesTask(
            SimpleNamespace(identity=work), parts[0], None, 1, KEY, ledger=parts[1], comparison=comparison
        ).key

    assert key() == key(rules=ChangeRules(segments={"age": (1.0,)}))
    assert key(**other) != key()


def facts_of(table, features, segments=None, rows=None):
    sums = ChangeSums(features, segments or {})
    for batch in table.combine_chunks().to_batches():
        sums.add(batch, rows)
    return sums


def test_who_is_affected_and_by_which_columns():
    comparison, _, table = changed()
    inputs = pa.RecordBatch.from_pydict({"region": ["n", "s", "n", None], "years": [20.0, 30.0, 45.0, float("nan")]})
    segments = {"region": (), "years": (30.0, 60.0)}
    whole = facts_of(table, comparison.features, segments, inputs)
    parts = [facts_of(table.slice(at, 2), comparison.features, segments, inputs.slice(at, 2)) for at in (0, 2)]
    merged = parts[0].merge(parts[1])
    overall, *of_segments = whole.facts()
    assert [each.segment for each in of_segments] == ["(missing)", "n", "s", "below 30", "30 to 60", "(missing)"]
    for one, other in zip(whole.facts(), merged.facts(), strict=True):
        np.testing.assert_allclose([*one.columns.values()], [*other.columns.values()])
        assert (one.rows, one.swapped_up, one.max_abs_change) == (other.rows, other.swapped_up, other.max_abs_change)
    assert (overall.rows, overall.swapped_up, overall.swapped_down, overall.swapped_share) == (4, 1, 1, 0.5)
    assert overall.ranked() == [
        ("debt", pytest.approx(6.5 / 4), pytest.approx(2.5 / 4)),
        ("income", pytest.approx(3.5 / 4), pytest.approx(0.5 / 4)),
        ("age", 0.0, 0.0),
    ]
    means = [mean for _, mean in overall.columns.values()]
    assert overall.mean_difference == pytest.approx(sum(means) + overall.mean_base_change, abs=1e-14)
    np.testing.assert_allclose(overall.mean_abs_change, np.abs(table["prediction_change"].to_numpy()).mean())

    origin = ChangesOrigin.of_comparison(comparison)
    summary = ChangeSummary(origin, whole.facts(), ChangeLimits(0.5, 0.6, 0.001))
    assert [text.split(",")[0] for text in summary.beyond_limits()] == [
        "changed share of 1 is 1",
        f"mean abs change of 1 is {overall.mean_abs_change:.4g}",
    ]
    without = replace(summary, origin=replace(origin, thresholds=None), limits=ChangeLimits(max_swapped_share=0.6))
    assert without.beyond_limits() == [
        "max_swapped_share needs a threshold, and there is none: set explain.changes.decision_threshold"
    ]
    published = summary.table()
    assert published.num_rows == 7 * 3
    first = [row for row in published.to_pylist() if row["segment_column"] is None]
    assert ChangeFacts.of_rows(first) == overall
    assert "50.00% change sides" in summary.sentence()


def test_segments_that_differ_in_the_seventh_digit_have_names_of_their_own():
    assert segment_labels([1_000_001, 1_000_002.5]) == [
        "below 1000001",
        "1000001 to 1000002.5",
        "1000002.5 and above",
    ]


def test_a_column_with_too_many_values_is_refused():
    comparison, _, table = changed()
    many = pa.concat_tables([table] * 30)
    rows = pa.RecordBatch.from_pydict({"age": np.arange(120.0)})
    with pytest.raises(ExplanationError, match="more than 100 values"):
        facts_of(many, comparison.features, {"age": ()}, rows)
    assert len(facts_of(many, comparison.features, {"age": (50.0,)}, rows).facts()) == 3
    assert segment_labels([]) == []


@pytest.mark.parametrize(
    ("column", "value", "beyond", "same"),
    [
        (None, 0.0, 0, True),
        ("change_debt", 1e-6, 1, True),
        ("residual_change", 1e-6, 1, True),
        ("value_after", 1e-9, 1, False),
        ("difference", float("nan"), 1, True),
    ],
)
def test_the_check_of_the_parts_can_fail(column, value, beyond, same):
    comparison, (new, _), table = changed()
    batch = table.combine_chunks().to_batches()[0]
    if column is not None:
        place = batch.schema.get_field_index(column)
        forged = batch.column(place).to_numpy().copy()
        forged[2] += value
        batch = batch.set_column(place, batch.schema.field(place), pa.array(forged))
    verdict = judge_changes([new], [batch], ("row",), ChangesOrigin.of_comparison(comparison))
    assert (verdict.beyond, verdict.are_the_same_rows) == (beyond, same)
    assert verdict.passed == (column is None)
    assert [line["row"] for line in verdict.listed] == [2] * beyond
    shorter = judge_changes([new], [batch.slice(1)], ("row",), ChangesOrigin.of_comparison(comparison))
    assert not shorter.passed


def test_a_version_of_float32_is_judged_as_one():
    single = version_of(2, NEW)
    single = replace(single, origin=replace(single.origin, precision=np.dtype(np.float32)))
    comparison, (new, _), _ = changed(after=single)
    old = ledger(comparison.before, OLD, base=0.1)
    new = ledger(single, NEW, base=0.3, residual=1e-6)
    table = pa.Table.from_batches(change_batches(comparison, [new], [old]))
    origin = ChangesOrigin.of_comparison(comparison)
    assert origin.precision == "float32"
    assert judge_changes([new], table.to_batches(), ("row",), origin).passed


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"against": 1, "candidate": "Next"}, "not both"),
        ({"segments": {"age": [60, 30]}}, "rising numbers"),
        ({"segments": {"age": ["old"]}}, "rising numbers"),
        ({"max_changed_share": 2}, "max_changed_share"),
        ({"tolerance": -1}, "tolerance"),
    ],
)
def test_settings_that_make_no_sense(settings, part):
    with pytest.raises(ConfigurationError, match=part):
        ChangesSettings(**settings)
