"""Outcomes beside published predictions: what counts, what does not, and that the order of rows says nothing."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, roc_auc_score

from mlops_assets.arrow.foreign_tables import from_arrow_like
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.errors import ConfigurationError, TableError
from mlops_assets.performance import matcher
from mlops_assets.performance.assess import Assessment, assess
from mlops_assets.performance.history import PredictionHistory
from mlops_assets.performance.outcome_rows import OutcomeColumns
from mlops_assets.performance.problem import Asked
from mlops_assets.performance.tables import PerformanceFacts, overall_markdown
from mlops_assets.performance.verdicts import judge_change, judge_floor
from mlops_assets.storage.location import Location

ROWS = 200
DAYS = pd.Series(pd.date_range("2026-01-01", periods=ROWS).astype("datetime64[us]"))


@pytest.fixture
def history(tmp_path):
    return PredictionHistory(Location.parse(str(tmp_path / "prediction_history")))


def publish(history, rows: pd.DataFrame, version: int = 1, partition=None, samples=None, segments=(), keep=None):
    """Keep these predictions, as a run of that version would."""
    table = pa.Table.from_pandas(rows, preserve_index=False)
    table = table.append_column("model_version", pa.array([version] * len(rows)))
    table = table.append_column("model_digest", pa.array(["d"] * len(rows)))
    source = Provenance(
        row_key=("id",), model="m", model_uri=f"models:/m/{version}", data_version=f"{version} {rows.to_json()}"
    )
    if samples is not None:
        source = replace(source, inputs_version="of the samples")
        described = Provenance(row_key=("id",), data_version="of the samples").to_metadata()
        samples = ds.dataset(pa.Table.from_pandas(samples, preserve_index=False).replace_schema_metadata(described))
    predictions = ds.dataset(table.replace_schema_metadata(source.to_metadata()))
    return history.add(predictions, samples, segments, partition, keep)


def look(
    history, outcomes: pd.DataFrame | pa.Table, *, task=None, positive=None, min_rows=30, candidate=None, **columns
) -> Assessment:
    table = from_arrow_like(outcomes, row_key=["id"], columns=None, limit=None, uri="outcomes.parquet")
    return assess(history, table, OutcomeColumns("y", **columns), Asked(task, positive=positive), min_rows, candidate)


def overall(done: Assessment, version: int) -> dict[str, float | None]:
    return {name: each.value for name, each in done.evaluation.overall(version).items()}


def people(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=ROWS)
    return pd.DataFrame({"id": np.arange(ROWS), "y": truth, "prediction": truth + rng.normal(0, 0.5, ROWS)})


def classes(labels, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    truth = rng.random(ROWS) < 0.4
    score = np.clip(rng.normal(0.4 + 0.25 * truth, 0.2), 0, 1)
    probabilities = {f"probability_{labels[0]}": 1 - score, f"probability_{labels[1]}": score}
    return pd.DataFrame({"id": np.arange(ROWS), "y": np.where(truth, labels[1], labels[0]), **probabilities})


def test_the_order_of_rows_and_the_size_of_blocks_change_nothing(history, tmp_path, monkeypatch):
    rows = people()
    rows["region"] = np.where(rows["id"] % 3, "north", "south")
    samples = rows[["id", "region"]]
    publish(history, rows[["id", "prediction"]], 1, samples=samples, segments=["region"])
    publish(history, rows[["id"]].assign(prediction=rows["prediction"] + 1), 2, samples=samples, segments=["region"])
    done = look(history, rows[["id", "y"]], segments=("region",))

    monkeypatch.setattr(matcher, "BLOCK_ROWS", 7)
    other = PredictionHistory(Location.parse(str(tmp_path / "other")))
    mixed = rows.sample(frac=1, random_state=1)
    samples = mixed[["id", "region"]]
    publish(other, mixed[["id", "prediction"]], 1, samples=samples, segments=["region"])
    publish(other, mixed[["id"]].assign(prediction=mixed["prediction"] + 1), 2, samples=samples, segments=["region"])
    again = look(other, rows[["id", "y"]].sample(frac=1, random_state=2), segments=("region",))
    assert again.performance.equals(done.performance)
    assert again.calibration.equals(done.calibration)

    assert overall(done, 1)["mae"] == pytest.approx(mean_absolute_error(rows["y"], rows["prediction"]))
    table = done.performance.to_pandas()
    south = table[(table["segment_value"] == "south") & (table["metric"] == "mae") & (table["model_version"] == 1)]
    of_south = rows[rows["region"] == "south"]
    assert south["value"].item() == pytest.approx(mean_absolute_error(of_south["y"], of_south["prediction"]))
    assert south["rows"].item() == len(of_south)
    change = table[table["compared_with"].notna() & table["segment"].isna() & (table["metric"] == "mean_error")]
    assert change["value"].item() == pytest.approx(1)
    assert change["paired"].item()
    judged = judge_change(done.performance.to_pylist(), done.facts, (), 30)
    assert not judged.passed
    assert "rmse of version 2" in judged.description
    bins = done.calibration.to_pandas()
    assert bins[bins["model_version"] == 1]["rows"].sum() == ROWS


def test_a_key_counts_as_it_was_last_published_in_its_partition(history):
    rows = people()[["id", "prediction"]]
    publish(history, rows.assign(prediction=9.0), 1, "day1")
    publish(history, rows, 1, "day2")
    publish(history, rows.iloc[:150], 1, "day1")
    assert not publish(history, rows.iloc[:150], 1, "day1")[1]
    outcomes = people()[["id", "y"]].iloc[100:]
    done = look(history, outcomes)
    table = done.performance.to_pandas().query("metric == 'mae'").set_index("partition", drop=False)
    truth = people().iloc[100:]
    first = np.where(truth["id"] < 150, truth["prediction"], 9.0)
    assert table.loc["day1", "value"] == pytest.approx(mean_absolute_error(truth["y"], first))
    assert table.loc["day2", "value"] == pytest.approx(mean_absolute_error(truth["y"], truth["prediction"]))
    assert table[table["partition"].isna()]["rows"].item() == 200
    assert done.facts.predictions_without_outcome == 50 + 100
    # Predictions that come back after others are the newest, and kept once.
    back, new = publish(history, rows.assign(prediction=9.0), 1, "day1", keep=2)
    assert new
    assert [each.number for each in history.publications()] == [2, 3, back.number]

    done = look(history, outcomes.assign(day="day2"), partition="day")
    assert done.facts.matched == len(outcomes)


@pytest.mark.parametrize(
    ("labels", "written"),
    [
        (("no", "yes"), ["no", "yes"]),
        ((0, 1), [0.0, 1.0]),
        ((0, 1), ["0.0", "1.0"]),
        ((0, 1), ["false", "TRUE"]),
        ((0.0, 1.0), [False, True]),
        ((-1, 1), [-1.0, 1.0]),
        ((1, 2), ["1", "2"]),
        ((0, 1), [Decimal("0.00"), Decimal("1.00")]),
        ((False, True), [0, 1]),
        (("False", "True"), ["false", "TRUE"]),
    ],
)
def test_classes_are_found_however_they_are_written(history, labels, written):
    rows = classes(labels)
    publish(history, rows.drop(columns="y"))
    truth = rows["y"].to_numpy() == labels[1]
    outcomes = pd.DataFrame({"id": rows["id"], "y": [written[int(each)] for each in truth]})
    done = look(history, outcomes)
    scores = rows[f"probability_{labels[1]}"]
    assert overall(done, 1)["roc_auc"] == pytest.approx(roc_auc_score(truth, scores))
    assert overall(done, 1)["accuracy"] == pytest.approx(accuracy_score(truth, scores >= 0.5))
    assert done.facts.outcomes.unknown_label == 0
    floor = judge_floor(done.performance.to_pylist(), done.facts, {"roc_auc": 0.99, "mae": 1}, 30)
    assert [each.passed for each in floor.verdicts] == [False, False]
    assert "at least 0.99" in floor.description
    assert "mae is no metric of these binary predictions" in floor.description


def test_labels_and_scores_of_several_classes(history):
    rng = np.random.default_rng(1)
    names = np.array(["a", "b", "c"])
    truth = rng.integers(0, 3, ROWS)
    scores = rng.dirichlet([1, 1, 1], ROWS) + np.eye(3)[truth]
    scores /= scores.sum(axis=1, keepdims=True)
    outcomes = pd.DataFrame({"id": range(ROWS), "y": names[truth]})
    table = pd.DataFrame({"id": range(ROWS), **{f"probability_{n}": scores[:, at] for at, n in enumerate(names)}})
    publish(history, table, 1)
    values = overall(look(history, outcomes), 1)
    assert values["accuracy"] == pytest.approx(accuracy_score(truth, scores.argmax(axis=1)))
    assert values["macro_roc_auc"] == pytest.approx(roc_auc_score(truth, scores, multi_class="ovr"))
    publish(history, pd.DataFrame({"id": range(ROWS), "prediction": names[scores.argmax(axis=1)]}), 2)
    done = look(history, outcomes)
    assert done.facts.publications_left_out == 1
    assert overall(done, 2)["accuracy"] == values["accuracy"]
    assert set(overall(done, 2)) == {"accuracy", "macro_f1"}


def test_what_does_not_count_is_counted(history):
    rows = people()
    rows.loc[0, "prediction"] = np.inf
    publish(history, rows[["id", "prediction"]].iloc[:150])
    values = [*map(str, rows["y"].iloc[:196]), "n/a", "inf", None, "1"]
    outcomes = pd.DataFrame({"id": rows["id"], "y": values, "at": ["2026-01-01"] * ROWS})
    again = outcomes.iloc[[5, 6]].assign(at=["2026-01-02", "2026-01-01"], y=["0", values[6]])
    done = look(history, pd.concat([outcomes, again]), at="at")
    counts = done.facts.counted()
    assert counts["outcomes"] == 202
    wrong = ("without_value", "of_wrong_type", "not_finite", "repeated", "superseded")
    assert [counts[f"outcomes_{name}"] for name in wrong] == [1, 1, 1, 1, 1]
    assert counts["predictions_not_finite"] == 1
    assert counts["matched"] == 149
    assert counts["outcomes_without_prediction"] == 197 - 149
    assert done.outcomes.newest.startswith("2026-01-02")
    assert PerformanceFacts.from_extra(done.facts.to_extra()) == done.facts

    publish(history, classes(("no", "yes")).drop(columns="y"), 2)
    done = look(history, pd.DataFrame({"id": [1, 2, 3], "y": ["no", "yes", "perhaps"]}))
    assert done.facts.outcomes.unknown_label == 1
    assert done.facts.matched == 2
    assert judge_floor(done.performance.to_pylist(), done.facts, {"accuracy": 1}, 30).verdicts[0].passed is None
    nobody = look(history, pd.DataFrame({"id": [-1], "y": ["no"]}))
    assert nobody.performance.num_rows == 0
    assert nobody.facts.version is None
    assert judge_change([], nobody.facts, (), 30).passed


def two_outcomes(rows):
    return pd.concat([rows, rows.iloc[:3].assign(y=1e6)])


@pytest.mark.parametrize(
    ("change", "columns", "part"),
    [
        (two_outcomes, {}, "3 row keys have outcomes that differ.*set outcomes.at"),
        (lambda rows: two_outcomes(rows).assign(at=1), {"at": "at"}, "outcomes.at, at, is the same"),
        (lambda rows: rows.rename(columns={"y": "yy"}), {}, "no column 'y'.*did you mean 'yy'"),
        (lambda rows: rows.assign(id="a"), {}, "'id' is string in the outcomes and int64 in the predictions"),
        (lambda rows: rows.assign(id=None), {}, "null"),
        (lambda rows: rows.assign(y="high"), {}, "'y' is string, and the predictions are numbers"),
        (lambda rows: rows.assign(at="soon"), {"at": "at"}, "text that is no time"),
        (lambda rows: two_outcomes(rows).assign(at=None), {"at": "at"}, "outcomes.at, at, is the same"),
        (lambda rows: rows.assign(y=[{"a": 1.0}] * ROWS), {}, "'y' is struct.*which no prediction"),
        (lambda rows: rows.assign(y=[[1.0]] * ROWS), {}, "'y' is list.*which no prediction"),
        (lambda rows: rows, {"segments": ("region",)}, "segments region are columns neither"),
        (lambda rows: rows, {"task": "multiclass"}, "predict.method: predict_proba"),
        (lambda rows: rows, {"task": "binary"}, "Set outcomes.positive"),
    ],
)
def test_what_is_wrong_is_refused_with_what_to_do(history, change, columns, part):
    rows = people()
    publish(history, rows[["id", "prediction"]])
    with pytest.raises((TableError, ConfigurationError), match=part):
        look(history, change(rows[["id", "y"]]), **columns)


@pytest.mark.parametrize(
    ("keys", "written"),
    [
        (pd.Series(range(ROWS)), pd.Series(range(ROWS)).astype("string")),
        (pd.Series([Decimal(each).scaleb(-2) * 100 for each in range(ROWS)]), pd.Series(range(ROWS))),
        (DAYS, DAYS.dt.date),
        (DAYS.dt.date, DAYS),
        (DAYS, DAYS.dt.tz_localize("UTC")),
    ],
)
def test_keys_are_converted_without_loss(history, keys, written):
    rows = people()
    publish(history, rows[["prediction"]].assign(id=keys))
    assert look(history, rows[["y"]].assign(id=written)).facts.matched == ROWS
    if str(written.dtype).startswith("datetime") and keys.dtype == object:
        with pytest.raises(TableError, match="values that cannot be converted"):
            look(history, rows[["y"]].assign(id=written + pd.Timedelta(hours=1)))


def test_keys_of_local_times_do_not_match_those_without_a_zone(history):
    # A time without a zone may be a local one: matched as one of UTC it would be the key of another row.
    rows, hours = people(), pd.date_range("2026-01-01", periods=ROWS, freq="h").astype("datetime64[us]")
    publish(history, rows[["prediction"]].assign(id=hours))
    with pytest.raises(TableError, match="values that cannot be converted"):
        look(history, rows[["y"]].assign(id=hours.tz_localize("Europe/Oslo")))
    zoned = PredictionHistory(history.folder.child("zoned"))
    publish(zoned, rows[["prediction"]].assign(id=hours.tz_localize("Europe/Oslo")))
    with pytest.raises(TableError, match="values that cannot be converted"):
        look(zoned, rows[["y"]].assign(id=hours))
    # The same moments in two zones are the same keys.
    assert look(zoned, rows[["y"]].assign(id=hours.tz_localize("Europe/Oslo").tz_convert("UTC"))).facts.matched == ROWS


@pytest.mark.parametrize("name", ["numbers", "texts"])
def test_what_is_missing_is_no_outcome_and_no_segment_of_its_own(history, name):
    rows = people() if name == "numbers" else classes((0, 1))
    publish(history, rows.drop(columns="y"))
    values = rows["y"].to_numpy(float).copy()
    values[:50] = np.nan
    sizes = pa.array(np.where(np.arange(ROWS) % 2, 3.0, np.nan), from_pandas=False)
    table = pa.table({"id": range(ROWS), "y": pa.array(values, from_pandas=False), "size": sizes})
    done = look(history, table, segments=("size",))
    counts = done.facts.counted()
    assert (counts["outcomes_without_value"], counts["matched"]) == (50, 150)
    assert not counts["outcomes_not_finite"] + counts["outcomes_of_unknown_class"]
    shown = done.performance.to_pandas().dropna(subset="segment_value")
    assert dict(zip(shown["segment_value"], shown["rows"], strict=True)) == {"(missing)": 75, "3": 75}


def test_outcomes_that_are_none_of_the_labels_are_noticed(history):
    rows = pd.DataFrame({"id": np.arange(ROWS), "prediction": np.where(np.arange(ROWS) % 2, "yes", "no")})
    publish(history, rows)
    assert look(history, rows[["id"]].assign(y="yes")).facts.share_labels
    facts = look(history, rows[["id"]].assign(y=1.5)).facts
    assert not facts.share_labels
    assert PerformanceFacts.from_extra(facts.to_extra()) == facts


def test_a_metric_that_one_version_does_not_have_is_not_compared(history):
    rows = classes((0, 1))
    publish(history, rows.drop(columns="y"))
    publish(history, rows.drop(columns="y").head(60).assign(id=np.arange(60) + ROWS), 2)
    done = look(history, pd.concat([rows[["id", "y"]], pd.DataFrame({"id": np.arange(60) + ROWS, "y": 1})]))
    judged = judge_change(done.performance.to_pylist(), done.facts, ["roc_auc", "accuracy"], 30)
    assert judged.verdicts[0].passed is None
    assert "not defined for these rows of both versions" in judged.verdicts[0].detail


def test_a_metric_that_is_not_defined_has_its_rows(history):
    rows = classes((0, 1))
    publish(history, rows.drop(columns="y"))
    outcomes = rows[["id", "y"]].assign(size=np.where(np.arange(ROWS) < 3, "few", "many"), y=np.arange(ROWS) >= 3)
    shown = look(history, outcomes, segments=("size",)).performance.to_pandas()
    few = shown[(shown["segment_value"] == "few") & (shown["metric"] == "roc_auc")]
    assert few["value"].isna().all()
    assert few["rows"].tolist() == [3]


@pytest.mark.parametrize("written", [DAYS[:2], DAYS[:2].dt.date, DAYS[:2].dt.strftime("%Y-%m-%d")])
def test_partitions_of_outcomes_may_be_dates(history, written):
    rows = people()
    for day in ("2026-01-01", "2026-01-02"):
        publish(history, rows[["id", "prediction"]], 1, day)
    outcomes = rows[["id", "y"]].assign(day=[written[each % 2] for each in range(ROWS)])
    assert look(history, outcomes, partition="day").facts.matched == ROWS


def test_times_may_have_a_zone(history):
    rows = people()[["id", "prediction"]]
    publish(history, rows)
    outcomes = people()[["id", "y"]].assign(at="2026-01-01T12:00:00+01:00")
    done = look(history, pd.concat([outcomes, outcomes.iloc[:5].assign(at="2026-01-01T11:30:00Z", y=0.0)]), at="at")
    assert done.facts.outcomes.superseded == 5
    assert (done.outcomes.values == 0).sum() == 5


@pytest.mark.parametrize(("positive", "passed"), [("left", True), ("lefft", False)])
def test_a_misspelled_positive_class_is_noticed(history, positive, passed):
    labels = classes(("stayed", "left"))
    publish(history, labels[["id"]].assign(prediction=labels["y"]))
    done = look(history, labels[["id", "y"]], positive=positive)
    assert (done.facts.outcomes.never_positive == 0) == passed
    # 1 names the class of labels that are true or false.
    publish(history, labels[["id"]].assign(prediction=labels["y"] == "left"), 2)
    done = look(history, labels[["id"]].assign(y=labels["y"] == "left"), positive="1")
    assert overall(done, 2)["recall"] == 1


def test_a_candidate_is_compared_on_the_same_rows(history, tmp_path):
    rows, better = people(), people()[["id"]]
    publish(history, rows[["id", "prediction"]], 1)
    tried = PredictionHistory(Location.parse(str(tmp_path / "challenger")))
    publish(tried, better.assign(prediction=(rows["prediction"] + rows["y"]) / 2).iloc[50:], 2)
    done = look(history, rows[["id", "y"]], candidate=tried)
    assert (done.facts.version, done.facts.before, done.facts.candidate) == (1, None, 2)
    change = done.evaluation.differences(2)["mae"]
    of_both = rows.iloc[50:]
    assert change.value == pytest.approx(-mean_absolute_error(of_both["y"], of_both["prediction"]) / 2)
    assert (change.rows, change.paired) == (150, True)
    assert change.interval.high < 0
    assert "Candidate:" in overall_markdown(done.evaluation)
    publish(history, better.assign(prediction=0.0), 2)
    promoted = look(history, rows[["id", "y"]], candidate=tried)
    assert (promoted.facts.version, promoted.facts.candidate) == (2, None)


def test_nothing_was_kept(history):
    with pytest.raises(TableError, match="Materialize prediction_history"):
        look(history, people()[["id", "y"]])


@pytest.mark.parametrize("predicted", ["int", "float as text", "true", "True"])
@pytest.mark.parametrize("known", ["int", "float", "bool", "float as text", "true", "True"])
def test_labels_are_the_same_however_outcomes_write_them(history, predicted, known):
    ways = {
        "int": lambda labels: labels,
        "float": lambda labels: labels.astype(float),
        "bool": lambda labels: labels.astype(bool),
        "float as text": lambda labels: labels.astype(float).astype(str),
        "true": lambda labels: np.where(labels == 1, "true", "false"),
        "True": lambda labels: np.where(labels == 1, "True", "False"),
    }
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, ROWS)
    labels = np.where(rng.random(ROWS) < 0.8, truth, 1 - truth)
    publish(history, pd.DataFrame({"id": np.arange(ROWS), "prediction": ways[predicted](labels)}))
    done = look(history, pd.DataFrame({"id": np.arange(ROWS), "y": ways[known](truth)}))
    assert overall(done, 1)["accuracy"] == pytest.approx(accuracy_score(truth, labels))
    assert overall(done, 1)["macro_f1"] == pytest.approx(f1_score(truth, labels, average="macro"))


def test_labels_that_predictions_tell_apart_are_two(history):
    labels = np.array(["1", "1.0", "a", "A"] * 50)
    publish(history, pd.DataFrame({"id": np.arange(ROWS), "prediction": labels}))
    done = look(history, pd.DataFrame({"id": np.arange(ROWS), "y": np.roll(labels, 1)}))
    assert overall(done, 1)["accuracy"] == 0
