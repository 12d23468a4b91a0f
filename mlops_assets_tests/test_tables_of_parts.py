"""A large table is worked on part by part, by whoever is there; what is published is the same as in one pass."""

import sqlite3
from contextlib import closing, suppress

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from mlflow.models import infer_signature
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.neighbors import KNeighborsRegressor

from mlops_assets.arrow.part_keys import KeyReport
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.engines.engine import Engine
from mlops_assets.errors import TableError
from mlops_assets.explain.compare import ledger_parts
from mlops_assets.explain.explainers import background_parts
from mlops_assets.explain.explainers.sampling import HASHES
from mlops_assets.explain.explainers.trees import TreeExplainer
from mlops_assets.explain.report import input_rows, ledger_facts
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.scoring.key_parts import refuse_repeated_keys
from mlops_assets.storage.location import Location
from mlops_assets.tables import part_size
from mlops_assets_tests.engines.hostile_engines import do_late
from mlops_assets_tests.leftovers import leftovers

ROWS, FILES = 60, 5
FOLDER = {"path": "people", "format": "parquet", "row_key": ["id"]}
TABLES = ("input_samples", "predictions", "sample_explanations")


def people(count: int, start: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(start)
    return pd.DataFrame(
        {"id": range(start, start + count), "age": rng.normal(50, 9, count), "income": rng.normal(3e4, 9e3, count)}
    )


@pytest.fixture
def boosted(registry):
    rows = people(300)[["age", "income"]]
    registry.add_sklearn(HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(rows, rows.age > 50), rows)
    return registry


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "people"
    place.mkdir()
    for number in range(FILES):
        people(ROWS, number * ROWS).to_parquet(place / f"{number}.parquet")
    return place


@pytest.fixture
def small_parts(monkeypatch):
    """Each file is a part."""
    monkeypatch.setattr(part_size, "PART_ROWS", ROWS)


def files_of(done, asset):
    return {path.name: path.read_bytes() for path in sorted((done.tables / f"{asset}.parquet").iterdir())}


def version_of(done, asset):
    return next(
        event.materialization.tags["dagster/data_version"]
        for event in done.result.get_asset_materialization_events()
        if event.asset_key.path[-1] == asset
    )


def test_the_tables_are_those_of_one_pass(run, boosted, folder, monkeypatch):
    whole = run(FOLDER)
    assert whole.success is True
    tables = {name: whole.table(name) for name in (*TABLES, "model_explanations")}
    versions = {name: version_of(whole, name) for name in (*tables, "explanation_report")}
    statistics = whole.metadata("predictions")["statistics_exact"]
    monkeypatch.setattr(part_size, "PART_ROWS", ROWS)
    parts = run(FOLDER)
    assert parts.success is True
    for name in TABLES:
        assert len(files_of(parts, name)) == FILES + 1
        pd.testing.assert_frame_equal(parts.table(name), tables[name])
        assert version_of(parts, name) == versions[name]
    pd.testing.assert_frame_equal(parts.table("model_explanations"), tables["model_explanations"])
    # Its points, examples and their inputs are of all parts.
    assert version_of(parts, "explanation_report") == versions["explanation_report"]
    assert all(check.passed for check in parts.checks.values())
    assert parts.metadata("predictions")["statistics_exact"] == statistics


def test_each_part_of_the_inputs_is_one_of_each_table(run, boosted, folder, small_parts):
    done = run(FOLDER)
    for name in TABLES:
        manifest, *parts = files_of(done, name)
        assert manifest == "manifest.parquet"
        assert [part[:10] for part in parts] == [f"part-{number:05d}" for number in range(FILES)]
    assert Provenance.of(pq.read_schema(done.tables / "predictions.parquet" / "manifest.parquet")).row_key == ("id",)
    # Few rows are one file, as always.
    assert (done.tables / "rejected_samples.parquet").is_file()


HOSTILE = {"KIND": "mlops_assets_tests.engines.hostile_engines.HostileEngine"}
THIRD = {"KIND": "mlops_assets_tests.engines.futures_engine.FuturesEngine"}
ENGINES = {
    "every task three times, in another order": HOSTILE,
    "a third engine": THIRD,
}


@pytest.mark.parametrize("name", [next(iter(ENGINES)), pytest.param("a third engine", marks=pytest.mark.slow)])
def test_the_same_bytes_whoever_does_the_work_and_how_often(run, boosted, folder, small_parts, name):
    for number in (1, 3):
        broken = people(ROWS, number * ROWS)
        broken.loc[[number], "age"] = None
        broken.sample(frac=1, random_state=0).to_parquet(folder / f"{number}.parquet")
    rows = people(300)[["age", "income"]]
    boosted.add_sklearn(HistGradientBoostingClassifier(max_iter=3, random_state=0).fit(rows, rows.age > 52), rows)
    settings = {
        "contract": {"max_rejected": 2},
        "explain": {"reasons": {"toward": "lower"}, "changes": {"against": 1, "segments": {"age": [50]}}},
        "monitor": {"reference": {"path": "people", "format": "parquet"}},
    }
    one = run(FOLDER, engine={"KIND": "LocalEngine", "workers": 1}, resume={"enabled": False}, **settings)
    assert one.success is True
    in_parts = (*TABLES, "reasons", "changes")
    before = {name: files_of(one, name) for name in in_parts}
    other = run(FOLDER, engine=ENGINES[name], outputs={"path": "others"}, **settings)
    assert other.success is True
    do_late()
    assert {name: files_of_folder(other, name) for name in in_parts} == before
    for asset in ("rejected_samples", "model_explanations", "change_summary", "profile", "drift"):
        file = f"{asset}.parquet"
        assert (one.tables.parent / "others" / file).read_bytes() == (one.tables / file).read_bytes()


def files_of_folder(done, asset):
    place = done.tables.parent / "others" / f"{asset}.parquet"
    return {path.name: path.read_bytes() for path in sorted(place.iterdir())}


def as_csv(folder, _rows):
    for path in sorted(folder.iterdir()):
        pd.read_parquet(path).drop(columns="id").to_csv(path.with_suffix(".csv"), index=False)
        path.unlink()
    return {"path": "people", "format": "csv", "types": {"age": "double", "income": "double"}}


def as_query(folder, rows):
    database = folder.parent / "people.db"
    with closing(sqlite3.connect(database)) as connection:
        rows.to_sql("people", connection, index=False)
    return {"database": f"sqlite:///{database}", "query": "SELECT * FROM people ORDER BY income", "row_key": ["id"]}


@pytest.mark.parametrize("made", [as_csv, as_query])
def test_rows_without_numbers_and_rows_of_a_stream(run, boosted, folder, monkeypatch, made):
    """They are in parts as well, and the tables are those of one pass."""
    inputs = made(folder, pd.concat([pd.read_parquet(path) for path in sorted(folder.iterdir())]))
    whole = run(inputs, job="inference")
    assert whole.success is True
    tables = {name: whole.table(name) for name in ("input_samples", "predictions")}
    versions = {name: version_of(whole, name) for name in tables}
    monkeypatch.setattr(part_size, "PART_ROWS", ROWS)
    monkeypatch.setattr(part_size, "PART_BYTES", 2_000 if made is as_csv else 64 << 20)
    parts = run(inputs, job="inference", engine=HOSTILE)
    assert parts.success is True
    for name in tables:
        assert len(files_of(parts, name)) > 3
        pd.testing.assert_frame_equal(parts.table(name), tables[name])
        assert version_of(parts, name) == versions[name]
    again = run(inputs, job="inference")
    assert again.metadata("predictions")["work"]["rows_computed"] == 0


def test_a_selection_of_parts_is_that_of_the_whole(run, boosted, folder, monkeypatch):
    explain = {"where": "explained_value > 0 and age > 52", "sample": 0.8, "limit": 70}
    whole = run(FOLDER, explain=explain)
    assert whole.success is True
    names = ("sample_explanations", "model_explanations")
    tables = {name: whole.table(name) for name in names}
    monkeypatch.setattr(part_size, "PART_ROWS", ROWS)
    parts = run(FOLDER, explain=explain, engine=HOSTILE)
    assert parts.success is True
    for name in names:
        pd.testing.assert_frame_equal(parts.table(name), tables[name])
    assert parts.metadata("sample_explanations")["work"]["rows_computed"] == len(tables["sample_explanations"])
    assert len(tables["sample_explanations"]) == 70
    assert all(check.passed for check in parts.checks.values())


def test_the_loss_of_parts_is_that_of_the_whole(run, boosted, folder, monkeypatch):
    """Rows without a label are left out of whichever part they are in, and a sample is drawn from the others."""
    for number, place in enumerate(sorted(folder.iterdir())):
        rows = pd.read_parquet(place)
        known = np.ones(ROWS, bool) if number == 3 else np.arange(ROWS) % (number + 2) > 0
        rows.assign(older=(rows.age > 50).where(known)).to_parquet(place)
    inputs, explain = FOLDER | {"label": "older"}, {"space": "loss", "sample": 100}
    whole = run(inputs, explain=explain)
    assert whole.success is True
    expected = whole.table("sample_explanations")
    assert len(expected) == 100
    monkeypatch.setattr(part_size, "PART_ROWS", ROWS)
    parts = run(inputs, explain=explain)
    assert parts.success is True
    assert len(files_of(parts, "sample_explanations")) > 1
    labelled = parts.table("input_samples").dropna(subset="older")
    assert set(expected["id"]) <= set(labelled["id"])
    columns = ["id", "explained_value"]
    pd.testing.assert_frame_equal(parts.table("sample_explanations")[columns], expected[columns])


def test_the_same_again_computes_nothing(run, boosted, folder, small_parts):
    first = run(FOLDER)
    before = {name: files_of(first, name) for name in TABLES}
    again = run(FOLDER)
    for asset in ("predictions", "sample_explanations"):
        work = again.metadata(asset)["work"]
        assert (work["rows_reused"], work["rows_computed"]) == (ROWS * FILES, 0)
    assert {name: files_of(again, name) for name in TABLES} == before
    assert leftovers(again.tables) == []


def test_one_more_file_costs_one_file(run, boosted, folder, small_parts):
    run(FOLDER)
    people(43, 1000).to_parquet(folder / "9.parquet")
    done = run(FOLDER)
    for asset in ("predictions", "sample_explanations"):
        work = done.metadata(asset)["work"]
        assert (work["rows_reused"], work["rows_computed"]) == (ROWS * FILES, 43)
    assert len(done.table("predictions")) == ROWS * FILES + 43


@pytest.mark.parametrize("asset", ["predictions", "sample_explanations"])
def test_a_run_that_died_leaves_its_parts_to_the_next(run, boosted, folder, small_parts, monkeypatch, asset):
    calls = []
    kind, method = (LoadedModel, "predict") if asset == "predictions" else (TreeExplainer, "explain")
    original = getattr(kind, method)

    def dies(self, rows, *args, **kw):
        calls.append(len(rows))
        if calls.count(ROWS) > 2:
            raise MemoryError("the machine is gone")
        return original(self, rows, *args, **kw)

    monkeypatch.setattr(kind, method, dies)
    assert run(FOLDER).success is not True
    monkeypatch.undo()
    monkeypatch.setattr(part_size, "PART_ROWS", ROWS)
    done = run(FOLDER)
    assert done.success is True
    assert done.metadata(asset)["work"]["rows_reused"] > 0


def test_of_a_ledger_that_was_made_now_no_attribution_is_read(run, boosted, folder, small_parts, monkeypatch):
    run(FOLDER)
    # Its parts are found, and so they are read.
    found = run(FOLDER)
    for task in (ledger_facts.SummarizeLedger, input_rows.FindRows):
        monkeypatch.setattr(task, "run", lambda task: pytest.fail(f"{task.doing}: {task.part.part.location.uri}"))
    monkeypatch.setattr(ledger_parts, "judged_columns", lambda *_: pytest.fail("the attributions are read"))
    made = run(FOLDER, outputs={"path": "others"}, resume={"enabled": False})
    assert made.success is True
    for asset in ("model_explanations", "explanation_report"):
        assert version_of(made, asset) == version_of(found, asset)
    pd.testing.assert_frame_equal(made.table("model_explanations"), found.table("model_explanations"), check_exact=True)


def test_rejected_rows_are_whole_and_counted(run, boosted, folder, small_parts):
    broken = people(ROWS, 2 * ROWS)
    broken.loc[[3, 7], "age"] = None
    broken.to_parquet(folder / "2.parquet")
    refused = run(FOLDER)
    assert "refused 2 of 300 rows" in refused.error()
    assert refused.table("rejected_samples").id.tolist() == [123, 127]
    assert not (refused.tables / "input_samples.parquet").exists()
    lenient = run(FOLDER, contract={"max_rejected": 2})
    assert lenient.success is True
    assert len(lenient.table("predictions")) == 298


def test_rejected_rows_of_several_parts_are_published_and_the_refusal_tells_them(run, boosted, folder, small_parts):
    for number in (1, 3):
        broken = people(ROWS, number * ROWS)
        broken.loc[5:, "age"] = None
        broken.to_parquet(folder / f"{number}.parquet")
    refused = run(FOLDER, job="inference")
    assert "refused 110 of 300 rows" in refused.error()
    assert "id=65 (age: missing_value)" in refused.error()
    assert len(files_of(refused, "rejected_samples")) == 3
    assert len(refused.table("rejected_samples")) == 110


def test_a_key_that_occurs_in_two_parts_is_refused(run, boosted, folder, small_parts):
    again = people(ROWS, 3 * ROWS)
    again.loc[0, "id"] = 7
    again.to_parquet(folder / "3.parquet")
    refused = run(FOLDER)
    assert "The row key 'id' does not identify a row, 1 rows repeat the key of an earlier one: id=7 (2 times)" in (
        refused.error()
    )


def test_keys_in_any_order_are_no_duplicates(run, boosted, folder, small_parts):
    for number in range(FILES):
        people(ROWS, (FILES - number) * ROWS).sample(frac=1, random_state=number).to_parquet(
            folder / f"{number}.parquet"
        )
    done = run(FOLDER)
    assert done.success is True
    assert sorted(done.table("predictions").id) == list(range(ROWS, (FILES + 1) * ROWS))


def test_a_background_is_drawn_from_all_parts(run, registry, folder, monkeypatch):
    rows = people(300)[["age", "income"]]
    registry.add_sklearn(KNeighborsRegressor(3).fit(rows, rows.age), rows)
    whole = run(FOLDER, explain={"background_rows": 10})
    assert whole.success is True
    ledger, background = whole.table("sample_explanations"), whole.table("sample_explanations_background")
    monkeypatch.setattr(part_size, "PART_ROWS", ROWS)
    parts = run(FOLDER, explain={"background_rows": 10})
    assert parts.success is True
    pd.testing.assert_frame_equal(parts.table("sample_explanations_background"), background)
    pd.testing.assert_frame_equal(parts.table("sample_explanations"), ledger)


def test_a_sample_of_which_too_little_was_asked_for_is_drawn_again(run, registry, folder, small_parts, monkeypatch):
    rows = people(300)[["age", "income"]]
    registry.add_sklearn(KNeighborsRegressor(3).fit(rows, rows.age), rows)
    settings = {"background_rows": 10, "limit": None}
    done = run(FOLDER, explain=settings)
    expected = {name: version_of(done, name) for name in ("sample_explanations_background", "explanation_report")}
    for module in (background_parts, ledger_facts):
        monkeypatch.setattr(module, "hash_bound", lambda *_: HASHES // 50)
    again = run(FOLDER, explain=settings, outputs={"path": "others"}, resume={"enabled": False})
    assert again.success is True
    assert {name: version_of(again, name) for name in expected} == expected


def test_repeated_keys_are_looked_for_by_few_tasks(tmp_path):
    reports = [KeyReport(262_144, False, b"", Location.parse(tmp_path / str(number)), True) for number in range(1_000)]
    engine = Noting()
    with suppress(TableError):
        refuse_repeated_keys(reports, (), ("id",), engine, print)
    # Each opens all files.
    assert len(engine.tasks) < 150


class Noting(Engine):
    """Notes the tasks, and runs none."""

    def run_tasks(self, tasks, log=print):
        self.tasks = tasks
        raise TableError("noted")


def test_a_signature_without_outputs_is_predicted_in_one_stream(run, registry, folder, small_parts):
    rows = people(300)[["age", "income"]]
    model = HistGradientBoostingClassifier(max_iter=5).fit(rows, rows.age > 50)
    registry.add_sklearn(model, rows, signature=infer_signature(rows))
    done = run(FOLDER, job="inference")
    assert done.success is True
    assert (done.tables / "predictions.parquet").is_file()
    assert len(done.table("predictions")) == ROWS * FILES
