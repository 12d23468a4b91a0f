"""What Dagster's page shows of a model: words for everything, few numbers, a picture, links."""

import base64
import logging
import re
from dataclasses import replace
from types import SimpleNamespace
from xml.etree import ElementTree

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlops_assets.arrow.key_agreement import KeyAgreement
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.checks import explanations, samples
from mlops_assets.component import build_model_definitions
from mlops_assets.errors import ConfigurationError
from mlops_assets.explain.report.top_features_svg import top_features_svg
from mlops_assets.metadata import SHOWN_WITHOUT_CLICK, TOP_FEATURES_PICTURE, most_bytes_without_click, picture_metadata
from mlops_assets.resources.tracking import TrackedRun
from mlops_assets.scoring import check_parts

ROWS = pd.DataFrame({"a": np.arange(30.0), "b": np.arange(30.0) % 4})
TARGET = (ROWS["a"] > 12).astype(int)
EVERYTHING = {
    "inputs": {"path": "inputs.parquet", "row_key": ["id"]},
    "outputs": {"path": "tables", "joined": True},
    "tracking": {"enabled": True},
}
# The numbers that a page plots over time; anything else is text, a table or JSON.
PLOTTED = {
    "champion_model": {"version"},
    "model_signature": set(),
    "input_samples": {"rows_read", "rows_accepted", "rows_rejected"},
    "rejected_samples": {"rows_read", "rows_accepted", "rows_rejected"},
    "predictions": {"model_version", "prediction/mean"},
    "sample_explanations": {"model_version"},
    "model_explanations": {"rows_explained"},
    "explanation_report": {"rows_explained"},
    "predictions_explained": set(),
}
OF_EVERY_TABLE = {"dagster/row_count", "size_bytes"}


@pytest.fixture(scope="module", params=[{}, {"automation": "eager"}, {"partitions": "dynamic"}], ids=str)
def family(request, tmp_path_factory):
    settings = EVERYTHING | request.param
    if "partitions" in settings:
        settings |= {"inputs": {"path": "{partition}.parquet", "row_key": ["id"]}}
    return build_model_definitions("m", tmp_path_factory.mktemp("project"), **settings)


def test_every_asset_says_what_it_holds_and_one_row_per_what(family):
    texts = {spec.key.path[-1]: spec.description or "" for spec in family.resolve_all_asset_specs()}
    assert {"inputs", "predictions", "predictions_explained", "explanation_report"} <= set(texts)
    for name, text in texts.items():
        assert 12 <= len(text.split()) <= 110, (name, text)
        if name not in ("champion_alias", "explanation_report"):
            assert re.search(r"[Oo]ne (row per|JSON document)", text), (name, text)


def test_every_check_says_what_it_compares_and_what_to_do(family):
    texts = {key.name: family.resolve_asset_graph().get(key).description or "" for key in _check_keys(family)}
    assert len(texts) == 14
    for name, text in texts.items():
        assert re.search("Compares|Counts|Adds|Predicts|Explains|Looks|Brings", text), (name, text)
        assert "If it fails: " in text, (name, text)


def _check_keys(family: dg.Definitions) -> set[dg.AssetCheckKey]:
    return set(family.resolve_asset_graph().asset_check_keys)


def test_every_job_sensor_and_op_has_a_description(family):
    repository = family.get_repository_def()
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    # Steps of assets and checks have those of their assets and checks.
    ops = [node for job in jobs for node in job.all_node_defs if not job.asset_layer.executable_asset_keys]
    assert len(jobs) == 5
    assert len(ops) == 3
    for thing in (*jobs, *repository.sensor_defs, *ops):
        assert len((thing.description or "").split()) >= 8, (thing.name, thing.description)


def test_every_field_of_run_config_is_described(family):
    repository = family.get_repository_def()
    fields = {
        (node.name, name): field
        for job in repository.get_all_jobs()
        for node in job.all_node_defs
        if isinstance(node, dg.OpDefinition) and isinstance(shape := node.config_schema.config_type, dg.Shape)
        for name, field in shape.fields.items()
    }
    assert {name for _, name in fields} >= {"alias", "params", "limit", "seed", "target", "new", "rows"}
    assert [key for key, field in fields.items() if len((field.description or "").split()) < 3] == []


def test_every_column_is_described_and_every_number_is_one_to_plot(registry, run):
    registry.add_sklearn(LogisticRegression().fit(ROWS, TARGET), ROWS)
    done = run(ROWS.assign(id=range(30), other="x"), row_key=["id"], outputs={"path": "tables", "joined": True})
    assert done.success
    for name, plotted in PLOTTED.items():
        shown = done.metadata(name)
        # A point in time is shown as one, and not plotted.
        numbers = {key for key, value in shown.items() if type(value) in (int, float) and key != "registered"}
        assert numbers - OF_EVERY_TABLE == plotted, name
        if "dagster/column_schema" in shown:
            assert all(column.description for column in shown["dagster/column_schema"].columns), name
    columns = {column.name: column for column in done.metadata("model_explanations")["dagster/column_schema"].columns}
    assert columns["mean_abs_shap"].description.endswith("Unit: log-odds.")
    assert done.metadata("predictions")["work"]["rows_computed"] == 30
    for (asset, name), check in done.checks.items():
        assert len(check.metadata) <= 8, (asset, name)


def observation(instance, partition=None):
    found = instance.fetch_observations(dg.AssetRecordsFilter(dg.AssetKey(["m", "inputs"])), 1).records
    return found[0].asset_observation


def test_each_run_observes_the_columns_of_the_inputs(registry, run, instance):
    registry.add_sklearn(LogisticRegression().fit(ROWS, TARGET), ROWS)
    assert run(ROWS.assign(id=range(30), other="x"), row_key=["id"]).success
    seen = observation(instance)
    columns = {column.name: column for column in seen.metadata["dagster/column_schema"].value.columns}
    assert [columns[name].type for name in ("a", "id", "other")] == ["double", "int64", "string"]
    assert "Row key" in columns["id"].description
    assert columns["a"].description == "Input of the model."
    assert columns["other"].description == "Not read by the model."
    assert [record.data["column"] for record in seen.metadata["columns"].value.records] == list(columns)
    assert seen.metadata["rows_read"].value == 30
    assert "dagster/data_version" not in seen.tags


def test_an_observation_keeps_the_version_that_somebody_reported(registry, run, instance):
    registry.add_sklearn(LogisticRegression().fit(ROWS, TARGET), ROWS)
    reported = dg.AssetMaterialization(dg.AssetKey(["m", "inputs"]), tags={"dagster/data_version": "monday"})
    instance.report_runless_asset_event(reported)
    assert run(ROWS, job="inference").success
    assert observation(instance).tags["dagster/data_version"] == "monday"
    # And the one after it, which finds an observation.
    assert run(ROWS, job="inference").success
    assert observation(instance).tags["dagster/data_version"] == "monday"


def test_nothing_becomes_stale_because_the_inputs_were_observed(registry, run, instance):
    registry.add_sklearn(LogisticRegression().fit(ROWS, TARGET), ROWS)
    done = run(ROWS)
    graph = done.definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    keys = [key for key in graph.materializable_asset_keys if "background" not in key.path[-1]]
    found = {key.path[-1]: resolver.get_status(key) for key in keys}
    assert {name for name, status in found.items() if status != StaleStatus.FRESH} == set()


def test_the_first_features_are_seen_without_a_click(registry, run):
    registry.add_sklearn(RandomForestClassifier(5, random_state=0).fit(ROWS, TARGET), ROWS)
    shown = run(ROWS).metadata("model_explanations")[TOP_FEATURES_PICTURE]
    assert len(shown) < SHOWN_WITHOUT_CLICK
    svg = base64.b64decode(shown.partition("base64,")[2].rstrip(")")).decode()
    texts = [element.text for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")]
    assert texts == ["mean |SHAP| (probability)", "a", "b"]


@pytest.mark.parametrize(
    "name", ["x" * 500, "&<>\"'" * 20, "年収" * 60, "\x01\x02bad", "😀" * 40, "a", "mean concave points"]
)
@pytest.mark.parametrize("count", [0, 1, 3, 10, 1000])
def test_whatever_the_features_are_called_the_picture_fits_and_is_valid(name, count):
    svg = top_features_svg(
        [(f"{place}{name}", 1.0 / (place + 1)) for place in range(count)], "log-odds", most_bytes_without_click("top")
    )
    shown = picture_metadata(svg, "top").value or ""
    assert len(shown) < SHOWN_WITHOUT_CLICK
    texts = [element for element in ElementTree.fromstring(svg.decode()).iter() if element.tag.endswith("text")]
    assert len(texts) >= 1 + min(count, 1)


def test_features_that_do_nothing_have_bars_of_no_length():
    assert b"h0v11" in top_features_svg([("a", 0.0)], "identity", 700)


@pytest.mark.parametrize("url", ["https://reports.example.com/churn", "http://localhost:8000/"])
def test_the_report_is_a_link_where_its_folder_is_served(registry, run, url):
    registry.add_sklearn(LinearRegression().fit(ROWS, TARGET), ROWS)
    done = run(ROWS, outputs={"path": "tables", "url": url})
    shown = done.metadata("explanation_report")
    assert shown["report"] == f"{url.rstrip('/')}/explanation_report.html"
    # Every other page says so as well.
    specs = {spec.key.path[-1]: spec for spec in done.definitions.resolve_all_asset_specs()}
    assert specs["predictions"].metadata["explanation_report"].value == shown["report"]
    assert "explanation_report" not in specs["explanation_report"].metadata
    assert shown["file"].endswith("tables/explanation_report.html")


@pytest.mark.parametrize(
    ("url", "fact"),
    [
        ("reports.example.com", "write an address such as https://"),
        ("file:///data/reports", "write an address such as https://"),
        ("https://", "write an address such as https://"),
        ("https://ann:secret@host/x", "holds a user or password"),
        ("https://host/x?token=secret", "without ? and #"),
    ],
)
def test_an_address_that_is_none_is_refused(tmp_path, url, fact):
    with pytest.raises(ConfigurationError) as refused:
        build_model_definitions("m", tmp_path, inputs={"path": "x.parquet"}, outputs={"path": "t", "url": url})
    assert fact in str(refused.value)


def errors_in(instance, done) -> list[str]:
    entries = instance.all_logs(done.result.run_id)
    return [entry.user_message for entry in entries if entry.level == logging.ERROR and not entry.is_dagster_event]


def disagree(*_args, **_kwargs) -> KeyAgreement:
    return KeyAgreement(30, 29, 4)


def lose_a_row(monkeypatch):
    real = Provenance.of
    of = lambda schema: replace(real(schema), extra={**real(schema).extra, "rows_read": "31"})  # noqa: E731
    monkeypatch.setattr(samples, "Provenance", SimpleNamespace(of=of))


BROKEN = {
    "nothing_lost": (lose_a_row, "31 rows were read: 30 are in input_samples"),
    "one_row_per_input": (
        lambda patch: patch.setattr(check_parts, "compare_keys", disagree),
        "row 4 has another key. Materialize the whole family again",
    ),
    "one_row_per_prediction": (
        lambda patch: patch.setattr(explanations, "compare_keys", disagree),
        "they are not the same rows. Materialize predictions and sample_explanations together",
    ),
    "within_output_signature": (
        lambda patch: patch.setattr(
            "mlops_assets.signatures.contract.output_contract.OutputContract.describe", lambda *_: ["no column 'x'"]
        ),
        "no column 'x'. The model returns something else",
    ),
    "additive": (
        lambda patch: patch.setattr(
            explanations, "judge_residuals", lambda *_: SimpleNamespace(
                rows=30, beyond=2, largest=0.5, largest_ratio=9.0, listed=[], passed=False
            )
        ),
        "miss the explained value in 2 of 30 rows",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_blocking_check_that_fails_is_logged_as_an_error(registry, run, instance, monkeypatch, name):
    break_it, fact = BROKEN[name]
    break_it(monkeypatch)
    registry.add_sklearn(LogisticRegression().fit(ROWS, TARGET), ROWS)
    done = run(ROWS, explain={"additivity": "block"})
    assert [check.check_name for check in done.checks.values() if not check.passed] == [name]
    assert not done.result.success
    # Dagster adds which steps are left out.
    assert [fact in message for message in errors_in(instance, done)].count(True) == 1


def test_a_family_of_which_everything_passes_logs_no_error(registry, run, instance):
    registry.add_sklearn(LogisticRegression().fit(ROWS, TARGET), ROWS)
    assert errors_in(instance, run(ROWS)) == []


def test_the_report_in_mlflow_is_a_page_where_the_server_has_pages():
    run = TrackedRun("r", "https://mlflow.example.com/#/experiments/1/runs/r")
    assert run.artifact_page("x.html") == "https://mlflow.example.com/#/experiments/1/runs/r/artifacts/x.html"
    assert TrackedRun("r", None).artifact_page("x.html") is None
