"""`explain.interactions` in a real family: the table, its check, and what is refused."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shap
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.component import build_model_definitions
from mlops_assets.errors import ConfigurationError, ExplanationError
from mlops_assets.explain.compare.interaction_sums import judge_sums
from mlops_assets.explain.ledger.interaction_columns import named_columns, strongest_columns
from mlops_assets.naming import SAMPLE_EXPLANATIONS, SAMPLE_INTERACTIONS
from mlops_assets.tables import part_size

CHECK = (SAMPLE_INTERACTIONS, "add_up_to_the_attributions")
STRONGEST = {"interactions": {"strongest": 3}}


def rows_of(count: int, start: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(start)
    return pd.DataFrame(random.normal(size=(count, 5)), columns=list("abcde"))


def target_of(rows: pd.DataFrame) -> pd.Series:
    return 3 * rows.a * rows.d + 2 * rows.d + rows.b + 0.1 * rows.c


@pytest.fixture
def boosted(registry):
    rows = rows_of(300)
    model = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(rows, target_of(rows))
    registry.add_sklearn(model, rows)
    return model


def test_the_table_holds_the_values_of_shap(boosted, run):
    rows = rows_of(40, 1)
    done = run(rows, explain=STRONGEST)
    assert done.success
    table = done.table(SAMPLE_INTERACTIONS)
    assert list(table.columns) == [
        *("row_number", "output", "space", "main_d", "main_a", "main_b"),
        *("interaction_d__a", "interaction_d__b", "interaction_a__b"),
        *("others_d", "others_a", "others_b", "model_version", "model_digest"),
    ]
    whole = shap.TreeExplainer(boosted).shap_interaction_values(rows)
    scale = np.abs(whole).sum(axis=(1, 2)).max()
    for column, values in table.items():
        kind, _, rest = column.partition("_")
        places = ["abcde".index(name) for name in rest.split("__")] if kind in ("main", "interaction", "others") else []
        if kind == "main":
            expected = whole[:, places[0], places[0]]
        elif kind == "interaction":
            expected = whole[:, places[0], places[1]]
        elif kind == "others":
            expected = whole[:, places[0], "abcde".index("c")] + whole[:, places[0], "abcde".index("e")]
        else:
            continue
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-6 * scale)
    # Named, with the reason, and reproducible from what is published.
    provenance = Provenance.of(pq.read_schema(done.tables / f"{SAMPLE_INTERACTIONS}.parquet"))
    assert json.loads(provenance.extra["interaction_columns"]) == ["d", "a", "b"]
    assert "model_explanations" in provenance.extra["interaction_columns_chosen_by"]
    check = done.checks[CHECK]
    assert check.passed
    assert check.metadata["ledger_rows"].value == 40
    shown = done.metadata(SAMPLE_INTERACTIONS)
    first = shown["strongest_pairs"].records[0].data
    assert {first["column"], first["with"]} == {"a", "d"}
    assert first["mean_abs_interaction"] == pytest.approx(table["interaction_d__a"].abs().mean(), rel=1e-3)
    assert shown["columns_left_out"] == "c, e"
    report = (done.tables / "explanation_report.html").read_text("utf-8")
    assert "What inputs do together" in report
    assert "d × a" in report
    deps = shown["dagster/column_lineage"].deps_by_column["interaction_d__a"]
    assert {dep.column_name for dep in deps} == set("abcde")


def test_all_named_columns_leave_no_others(registry, run):
    features, target = load_iris(return_X_y=True, as_frame=True)
    features.columns = list("abcd")
    registry.add_sklearn(GradientBoostingClassifier(n_estimators=3, random_state=0).fit(features, target), features)
    explain = {"interactions": {"columns": list("abcd")}, "where": "a > 6 and output == 2"}
    done = run(features, explain=explain)
    assert done.success
    assert done.checks[CHECK].passed
    table, ledger = done.table(SAMPLE_INTERACTIONS), done.table(SAMPLE_EXPLANATIONS)
    assert not [name for name in table if name.startswith("others_")]
    assert table["output"].unique().tolist() == [2]
    pairs = table[[name for name in table if name.startswith("interaction_") and "b" in name.split("__")[0] + name[-1]]]
    total = table["main_b"] + pairs[["interaction_a__b", "interaction_b__c", "interaction_b__d"]].sum(axis=1)
    np.testing.assert_allclose(total, ledger["shap_b"], rtol=0, atol=1e-12)
    # A run's own limit is followed.
    few = run(
        features,
        explain={"interactions": {"columns": ["a", "b"]}},
        config={"m__sample_explanations": {"config": {"limit": 7}}},
    )
    assert few.success
    assert len(few.table(SAMPLE_INTERACTIONS)) == 21
    other = run(
        features,
        explain={"interactions": {"columns": ["a", "b"]}},
        config={"m__sample_explanations": {"config": {"where": "a > 6"}}},
    )
    assert "explains other rows (rows where a > 6) than the settings say (every row)" in other.error()


def test_parts_by_workers_have_the_bytes_of_one_pass(boosted, run, tmp_path, monkeypatch):
    place = tmp_path / "rows"
    place.mkdir()
    for number in range(3):
        rows_of(50, number + 1).assign(id=range(50 * number, 50 * number + 50)).to_parquet(place / f"{number}.parquet")
    inputs = {"path": "rows", "format": "parquet", "row_key": ["id"]}
    whole = run(inputs, explain=STRONGEST)
    assert whole.success
    table = whole.table(SAMPLE_INTERACTIONS)
    monkeypatch.setattr(part_size, "PART_ROWS", 50)
    options = {"explain": STRONGEST | {"batch_rows": 17}, "outputs": {"path": "parts"}, "resume": {"enabled": False}}
    parts = run(inputs, engine={"KIND": "LocalEngine", "workers": 2}, **options)
    assert parts.success
    published = tmp_path / "parts" / f"{SAMPLE_INTERACTIONS}.parquet"
    assert published.is_dir()
    pd.testing.assert_frame_equal(pd.read_parquet(published), table, check_exact=True)
    assert parts.checks[CHECK].passed
    shown = [done.metadata(SAMPLE_INTERACTIONS)["strongest_pairs"] for done in (whole, parts)]
    assert shown[0] == shown[1]


def test_each_partition_has_its_own(boosted, run, tmp_path):
    days = {"one": 1, "two": 2}
    for day, seed in days.items():
        rows_of(10, seed).to_parquet(tmp_path / f"{day}.parquet", index=False)
        done = run(
            {"path": "{partition}.parquet"},
            partitions={"type": "static", "keys": list(days)},
            partition=day,
            explain={"interactions": {"columns": ["a", "d"]}},
        )
        assert done.success
        assert done.checks[CHECK].passed
    tables = [pd.read_parquet(done.tables / SAMPLE_INTERACTIONS / f"{day}.parquet") for day in days]
    whole = shap.TreeExplainer(boosted).shap_interaction_values(rows_of(10, 2))
    np.testing.assert_allclose(tables[1]["interaction_a__d"], whole[:, 0, 3], rtol=0, atol=1e-5)
    assert (tables[0]["main_a"] != tables[1]["main_a"]).any()


def test_models_without_pairs_and_without_values(registry, run):
    rows = rows_of(60)
    registry.add_sklearn(LinearRegression().fit(rows, target_of(rows)), rows)
    linear = run(rows, explain=STRONGEST)
    assert linear.success
    assert linear.checks[CHECK].passed
    table, ledger = linear.table(SAMPLE_INTERACTIONS), linear.table(SAMPLE_EXPLANATIONS)
    zero = [name for name in table if name.startswith(("interaction_", "others_"))]
    assert len(zero) == 6
    assert (table[zero] == 0).all(axis=None)
    assert (table["main_d"] == ledger["shap_d"]).all()
    registry.add_sklearn(KNeighborsRegressor(3).fit(rows[["a", "b"]], rows.a), rows[["a", "b"]])
    refused = run(rows[["a", "b"]].head(5), explain=STRONGEST)
    assert not refused.result.success
    assert "Explainer has no interaction values: exact ones are known of path-dependent trees" in refused.error()
    assert "Leave explain.interactions out" in refused.error()


@pytest.mark.parametrize(
    ("explain", "message"),
    [
        ({"interactions": {}}, "exactly one of `strongest` and `columns`"),
        ({"interactions": {"strongest": 1}}, "greater than or equal to 2"),
        ({"interactions": {"columns": ["a", "a"]}}, "names a column twice"),
        ({"interactions": "all"}, "strongest: 5"),
        ({"interactions": -1}, "0 or more"),
        (STRONGEST | {"KIND": "PermutationExplainer"}, "which PermutationExplainer does not have"),
        (STRONGEST | {"mode": "interventional"}, "are path-dependent"),
    ],
)
def test_settings_that_cannot_be_are_refused_at_load(explain, message, tmp_path):
    with pytest.raises(ConfigurationError, match=message):
        build_model_definitions("m", tmp_path, inputs={"path": "x.parquet"}, explain=explain)


def test_with_partitions_columns_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match="with partitions name them"):
        build_model_definitions(
            "m", tmp_path, inputs={"path": "{partition}.parquet"}, partitions="dynamic", explain=STRONGEST
        )


def test_the_strongest_columns_are_summed_over_outputs_and_ties_keep_their_order():
    sizes = {"x": [1.0, 0.2, 0.5, 0.5 + 1e-12], "y": [0.0, 0.9, 0.5, 0.5]}
    rows = [
        {"output": output, "feature": name, "mean_abs_shap": size}
        for output, listed in sizes.items()
        for name, size in zip("abcd", listed, strict=True)
    ]
    assert strongest_columns(pa.Table.from_pylist(rows), "abcd", 3) == ("b", "a", "c")
    with pytest.raises(ConfigurationError, match=r"no input column 'ade' \(did you mean 'age'\?\)"):
        named_columns(["ade", "income"], ["age", "income"])
    with pytest.raises(ExplanationError, match="the model has 1"):
        named_columns(["a"], ["a"])


def ledger_and_table(keys: object = range(9)) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    random = np.random.default_rng(0)
    main, others, pair = random.normal(size=(2, 9)), random.normal(size=(2, 9)), random.normal(size=9)
    key = {"id": keys, "output": ["p"] * 9}
    ledger = key | {"explained_value": np.ones(9), "base_value": np.zeros(9)}
    ledger |= {f"shap_{name}": main[place] + others[place] + pair for place, name in enumerate("ab")}
    table = key | {f"main_{name}": main[place] for place, name in enumerate("ab")}
    table |= {f"others_{name}": others[place] for place, name in enumerate("ab")} | {"interaction_a__b": pair}
    return pa.RecordBatch.from_pydict(ledger), pa.RecordBatch.from_pydict(table)


def test_the_check_can_fail():
    ledger, table = ledger_and_table()
    judged = judge_sums([ledger], [table.slice(0, 4), table.slice(4)], ["id"], ["a", "b"])
    assert judged.passed
    assert (judged.rows, judged.ledger_rows, judged.largest_ratio <= 1) == (9, 9, True)
    for name in ("main_a", "others_b", "interaction_a__b"):
        for wrong in (1e-6, np.nan):
            values = table.column(name).to_numpy().copy()
            values[3] += wrong
            place = table.schema.names.index(name)
            changed = table.set_column(place, name, pa.array(values))
            judged = judge_sums([ledger], [changed], ["id"], ["a", "b"])
            assert not judged.passed
            assert judged.listed[0]["id"] == 3
    # A key that is NaN is the same key in both.
    assert judge_sums(*([each] for each in ledger_and_table([np.nan, *range(1, 9)])), ["id"], ["a", "b"]).passed
    swapped = table.take(pa.array([1, 0, *range(2, 9)]))
    judged = judge_sums([ledger], [swapped], ["id"], ["a", "b"])
    assert (judged.passed, judged.first_difference) == (False, 0)
    assert not judge_sums([ledger], [table.slice(0, 8)], ["id"], ["a", "b"]).passed
