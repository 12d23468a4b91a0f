"""Drift as it is published: since the run before, a partition, or a table; by whoever made the profile."""

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlops_assets.component import build_model_definitions
from mlops_assets.engines.local import LocalEngine
from mlops_assets.errors import ConfigurationError
from mlops_assets.explain.drift.profile_table import THIS, read_profiles
from mlops_assets.explain.drift.profile_tables import RunTables, profile_run
from mlops_assets.metadata import quote_markdown, unquote_markdown
from mlops_assets.storage.location import Location
from mlops_assets.tables import part_size
from mlops_assets.tables.parquet_writer import ParquetWriter
from mlops_assets.tables.staged_table import SourcePart

CHECKS = ("inputs_have_not_drifted", "predictions_have_not_drifted", "changes_add_up")
KEY = ["number"]


def people(count: int, seed: int, *, older: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "number": range(count),
            "age": rng.normal(size=count) + older,
            "income": rng.normal(size=count),
            "country": rng.choice(["NO", "SE"], count),
        }
    )


@pytest.fixture
def model(registry):
    """A linear model of two numbers; `country` is a column of its signature that has a small weight."""
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    rows = people(300, 0)[["age", "income", "country"]]
    target = 2 * rows["age"] - rows["income"] + (rows["country"] == "NO") * 0.1
    encoder = make_column_transformer((OneHotEncoder(), ["country"]), remainder="passthrough")
    return registry.add_sklearn(make_pipeline(encoder, LinearRegression()).fit(rows, target), rows)


def columns_of(table: pd.DataFrame, segment: str = "all rows") -> pd.DataFrame:
    return table[(table["segment"] == segment) & table["output"].isna()].set_index("column_name")


def test_since_the_run_before(model, run, tmp_path):
    people(100, 0).drop(columns="number").to_parquet(tmp_path / "background.parquet")
    explain = {"background": {"path": "background.parquet"}, "changes": {}}
    settings = {"monitor": {"segments": ["country"]}, "explain": explain}
    first = run(people(400, 1), row_key=KEY, **settings)
    assert first.success
    assert first.table("drift").empty
    assert first.metadata("drift")["reference"] == "none: there is no profile of another run before"
    report = (first.tables / "explanation_report.html").read_text("utf-8")
    assert "Nothing is compared: there is no profile of another run before." in report
    assert "Nothing is compared: there is no other version." in report
    assert all(first.checks["drift", name].passed for name in CHECKS)
    mean_before = first.table("predictions")["prediction"].mean()

    run(people(500, 2, older=1.0), row_key=KEY, **settings)
    published = (tmp_path / "tables" / "drift.parquet").read_bytes()
    # The same rows are no run before.
    second = run(people(500, 2, older=1.0), row_key=KEY, **settings)
    assert second.success
    assert (tmp_path / "tables" / "drift.parquet").read_bytes() == published
    drift = second.table("drift")
    columns = columns_of(drift)
    assert columns.index[0] == "age"
    drifted = columns["drifted"].astype(bool).to_dict()
    assert drifted == {"age": True, "income": False, "country": False, "prediction": True}
    check = second.checks["drift", "inputs_have_not_drifted"]
    assert not check.passed
    assert check.metadata["drifted"].value.startswith("age, age (country=")
    assert not second.checks["drift", "predictions_have_not_drifted"].passed
    assert second.checks["drift", "changes_add_up"].passed
    shown = second.metadata("drift")
    assert shown["age/jensen_shannon"] == pytest.approx(columns["jensen_shannon"]["age"])
    assert shown["decomposition"] == "adds up to the change of each mean explained value"

    # What the parts say is what the predictions did, and age alone did it.
    parts = drift[(drift["segment"] == "all rows") & drift["output"].notna()].set_index("role")
    of_columns = parts.loc["attribution"].set_index("column_name")["mean_change"]
    changed = second.table("predictions")["prediction"].mean() - mean_before
    assert parts["mean_change"]["explained_value"] == pytest.approx(changed)
    assert of_columns.sum() == pytest.approx(changed, rel=1e-9)
    assert abs(parts["mean_change"]["base_value"]) < 1e-12
    assert of_columns["age"] == pytest.approx(2.0, abs=0.3)
    # Segments are the same rows cut: their means, weighted, are those of all rows.
    cut = drift[(drift["role"] == "explained_value") & (drift["segment"] != "all rows")]
    assert np.average(cut["mean"], weights=cut["rows"]) == pytest.approx(parts["mean"]["explained_value"])

    report = (second.tables / "explanation_report.html").read_text("utf-8")
    assert "1 of 3 inputs drifted against the run before." in report
    assert "Drift of age" in report
    assert "and which columns its change comes from" in report
    assert "country=NO" in report


def test_the_same_rows_explained_otherwise_are_no_run_before(model, run):
    run(people(200, 1), row_key=KEY, monitor={})
    second = run(people(200, 2, older=1.0), row_key=KEY, monitor={})
    again = run(people(200, 2, older=1.0), row_key=KEY, monitor={"segments": ["country"]}, explain={"limit": 50})
    assert again.success
    columns = [columns_of(each.table("drift")) for each in (second, again)]
    assert columns[1]["mean_change"]["age"] == columns[0]["mean_change"]["age"] != 0
    assert not again.checks["drift", "inputs_have_not_drifted"].passed


def test_another_version_is_compared_but_not_decomposed(registry, model, run, instance):
    run(people(200, 1), row_key=KEY, monitor={})
    rows = people(300, 0)[["age", "income", "country"]]
    registry.add_sklearn(LinearRegression().fit(rows[["age", "income"]], rows["age"]), rows[["age", "income"]])
    done = run(people(200, 1), row_key=KEY, monitor={})
    assert done.success
    assert "another model version (versions 1 and 2)" in done.metadata("drift")["decomposition"]
    assert set(done.table("drift")["role"]) == {"input", "prediction"}

    # Where drift cannot be made, importances are published all the same; the report says so when it is made.
    failed = run(people(300, 3), row_key=KEY, monitor={"segments": ["contry"]})
    made = {event.asset_key.path[-1] for event in failed.result.get_asset_materialization_events()}
    assert "'contry'" in failed.error()
    assert "model_explanations" in made
    assert "explanation_report" not in made
    job = failed.definitions.resolve_job_def("m_explanations_job")
    assert job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey(["m", "explanation_report"])]).success
    report = (failed.tables / "explanation_report.html").read_text("utf-8")
    assert "the published table drift is of other rows or of another version" in report
    assert "2 of 3 inputs drifted" not in report
    assert done.checks["drift", "changes_add_up"].passed


def test_the_profile_takes_sums_from_the_run_and_is_the_same_without(model, run, instance, tmp_path, monkeypatch):
    monkeypatch.setattr(part_size, "PART_ROWS", 40)
    given = []

    def profile_and_note(tables: RunTables, *arguments):
        given.append(tables.ledger_sums)
        return profile_run(tables, *arguments)

    monkeypatch.setattr("mlops_assets.assets.drift.profile_run", profile_and_note)
    (tmp_path / "people").mkdir()

    def explain(older: float):
        for number in range(3):
            rows = people(40, number, older=older).assign(number=range(number * 40, number * 40 + 40))
            rows.to_parquet(tmp_path / "people" / f"{number}.parquet")
        return run({"path": "people", "format": "parquet", "row_key": KEY}, monitor={})

    assert explain(0.0).success
    done = explain(1.0)
    assert done.success
    # `model_explanations` has read the ledger in the same process.
    assert [set(sums) for sums in given] == [{"prediction"}] * 2
    assert given[1]["prediction"].rows == 120
    published = {name: (done.tables / f"{name}.parquet").read_bytes() for name in ("profile", "drift")}
    job = done.definitions.resolve_job_def("m_explanations_job")
    for asked in (["profile", "drift"], ["drift"]):
        (done.tables / "drift.parquet").unlink()
        again = job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey(["m", name]) for name in asked])
        assert again.success
        assert [event.asset_key.path[-1] for event in again.get_asset_materialization_events()] == asked
        assert {check.check_name for check in again.get_asset_check_evaluations()} == set(CHECKS)
        for name, content in published.items():
            assert (done.tables / f"{name}.parquet").read_bytes() == content
    assert given[-1] is None


def test_parts_and_workers_make_the_same_profile(model, run, tmp_path, monkeypatch):
    monkeypatch.setattr(part_size, "PART_ROWS", 40)
    (tmp_path / "people").mkdir()
    for number in range(3):
        people(40, number).assign(number=range(number * 40, number * 40 + 40)).to_parquet(
            tmp_path / "people" / f"{number}.parquet"
        )
    done = run({"path": "people", "format": "parquet", "row_key": KEY}, monitor={"segments": ["country"]})
    assert done.success
    place, writer = done.tables, ParquetWriter()
    places = [Location.parse(str(place / name)) for name in ("input_samples", "predictions", "sample_explanations")]
    parts = [SourcePart.all_of(writer, each) for each in places]
    assert [len(each) for each in parts] == [3, 3, 3]
    datasets = [writer.read(each) for each in places]
    published = pq.read_table(place / "profile.parquet")
    stored = read_profiles(published)[THIS]
    by_two = profile_run(RunTables(*datasets, ("prediction",), *parts), ["country"], lambda: LocalEngine(workers=2))
    assert by_two == stored
    whole = profile_run(RunTables(*datasets, ("prediction",)), ["country"], lambda: LocalEngine(workers=1))
    for segment, rows in whole.segments.items():
        for name, column in rows.inputs.items():
            assert column.buckets == stored.segments[segment].inputs[name].buckets


def test_since_a_table_that_is_read_once(model, run, tmp_path):
    people(300, 0).drop(columns="number").to_csv(tmp_path / "training.csv", index=False)
    monitor = {"reference": {"path": "training.csv"}}
    done = run(people(400, 1).assign(income=9.0), row_key=KEY, monitor=monitor)
    assert done.success
    assert columns_of(done.table("drift")).index[0] == "income"
    assert "no model has explained" in done.metadata("drift")["decomposition"]
    report = (done.tables / "explanation_report.html").read_text("utf-8")
    assert "the change of the mean prediction comes from: no model has explained" in report
    assert done.metadata("reference_profile")["read_again"]
    again = run(people(400, 2), row_key=KEY, monitor=monitor)
    assert not again.metadata("reference_profile")["read_again"]
    assert not columns_of(again.table("drift"))["drifted"].dropna().astype(bool).any()
    people(300, 0, older=2.0).drop(columns="number").to_csv(tmp_path / "training.csv", index=False)
    third = run(people(400, 2), row_key=KEY, monitor=monitor)
    assert third.metadata("reference_profile")["read_again"]
    check = third.checks["drift", "inputs_have_not_drifted"]
    assert check.metadata["drifted"].value == "age"
    # Dagster renders it: names of columns are what somebody else chose.
    words = unquote_markdown(check.description)
    assert check.description == quote_markdown(words) != words


def test_since_the_partition_before(registry, run, tmp_path):
    features, target = load_iris(return_X_y=True, as_frame=True)
    registry.add_sklearn(LogisticRegression(max_iter=500).fit(features, target), features)
    for day, rows in (("a", features[:75]), ("b", features[75:]), ("c", features[75:])):
        rows.assign(flower=range(len(rows))).to_parquet(tmp_path / f"{day}.parquet", index=False)

    def partition(key: str, reference: dict[str, object]):
        return run(
            {"path": "{partition}.parquet", "row_key": ["flower"]},
            partitions={"type": "static", "keys": ["a", "b", "c"]},
            partition=key,
            monitor={"reference": reference},
        )

    before = {"previous": True}
    assert partition("a", before).metadata("drift")["reference"] == "none: no earlier partition has been published"
    second = partition("b", before).metadata("drift")
    assert second["reference"] == "the partition a"
    assert "different backgrounds" in second["decomposition"]
    assert partition("c", {"partition": "a"}).metadata("drift")["reference"] == "the partition a"
    report = (tmp_path / "tables" / "explanation_report.html").read_text("utf-8")
    assert '<section id="drift"><h2>Drift of the partition c</h2>' in report
    drift = pd.read_parquet(tmp_path / "tables" / "drift" / "c.parquet")
    assert drift["drifted"].dropna().astype(bool).sum() >= 4
    # Each class has its own sum.
    explained = drift[drift["role"] == "explained_value"].set_index("output")["mean_change"]
    parts = drift[drift["role"].isin(["attribution", "base_value"])].groupby("output")["mean_change"].sum()
    assert len(explained) == 3
    pd.testing.assert_series_equal(parts, explained.loc[parts.index], rtol=1e-9)


@pytest.mark.parametrize(
    ("monitor", "message"),
    [
        ({"reference": {"previous": True, "path": "a.parquet"}}, "exactly one of"),
        ({"reference": {"partition": "a"}}, "there are no partitions"),
        ({"segments": ["a", "a"]}, "names a column twice"),
        ({"false_alarm_rate": 0}, "greater than 0"),
        ({"thresholds": {"pis": 1}}, "psi"),
    ],
)
def test_wrong_settings_fail_the_definitions(tmp_path, monitor, message):
    with pytest.raises((ConfigurationError, ValueError), match=message):
        build_model_definitions("m", tmp_path, inputs={"path": "a.parquet"}, monitor=monitor)
