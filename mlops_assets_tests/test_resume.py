"""Results are found again: after a run that died, over yesterday's table plus a file; never where they differ."""

import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from mlops_assets.explain.explainers.trees import TreeExplainer
from mlops_assets.models.loaded_model import LoadedModel

SMALL = {"predict": {"batch_rows": 20}, "explain": {"batch_rows": 20}}
RESUMED = ("predictions", "sample_explanations")


def people(count: int, start: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(start)
    return pd.DataFrame(
        {"id": range(start, start + count), "age": rng.normal(50, 9, count), "income": rng.normal(3e4, 9e3, count)}
    )


@pytest.fixture
def boosted(registry):
    rows = people(300)[["age", "income"]]
    registry.add_sklearn(HistGradientBoostingClassifier(max_iter=5).fit(rows, rows.age > 50), rows)
    return registry


def counts(done, asset):
    told = done.metadata(asset)
    return told["work"]["rows_reused"], told["work"]["rows_computed"]


def bytes_of(done, *names):
    return [(done.tables / f"{name}.parquet").read_bytes() for name in names]


def test_the_same_again_computes_nothing_and_gives_the_same_bytes(run, boosted):
    first = run(people(300), row_key=["id"], **SMALL)
    before = bytes_of(first, *RESUMED)
    again = run(people(300), row_key=["id"], **SMALL)
    for asset in RESUMED:
        assert counts(first, asset) == (0, 300)
        assert counts(again, asset) == (300, 0)
        assert first.metadata(asset)["work"]["chunks_computed"] == again.metadata(asset)["work"]["chunks_reused"] > 10
    assert bytes_of(again, *RESUMED) == before


@pytest.mark.parametrize("asset", RESUMED)
def test_a_run_that_died_redoes_what_is_missing(run, boosted, monkeypatch, asset):
    calls = []
    kind, method = (LoadedModel, "predict") if asset == "predictions" else (TreeExplainer, "explain")
    original = getattr(kind, method)

    def dies(self, *args, **kw):
        calls.append(1)
        if len(calls) > 16:
            raise MemoryError("the machine is gone")
        return original(self, *args, **kw)

    monkeypatch.setattr(kind, method, dies)
    assert not run(people(300), row_key=["id"], **SMALL).success
    monkeypatch.undo()
    done = run(people(300), row_key=["id"], **SMALL)
    reused, computed = counts(done, asset)
    assert reused + computed == 300
    assert 150 <= reused < 300
    undisturbed = run(people(300), row_key=["id"], resume={"enabled": False}, **SMALL)
    assert done.table(asset).equals(undisturbed.table(asset))


@pytest.mark.parametrize("name", ["3.parquet", "0.parquet"], ids=["sorted last", "sorted first"])
def test_one_new_file_is_one_file_of_work(run, boosted, tmp_path, name):
    folder = tmp_path / "people"
    folder.mkdir()
    people(101).to_parquet(folder / "1.parquet")
    people(57, 101).to_parquet(folder / "2.parquet")
    run({"path": "people", "format": "parquet", "row_key": ["id"]}, **SMALL)
    people(43, 1000).to_parquet(folder / name)
    done = run({"path": "people", "format": "parquet", "row_key": ["id"]}, **SMALL)
    for asset in RESUMED:
        assert counts(done, asset) == (158, 43)
    assert len(done.table("predictions")) == 201


def test_rejected_rows_do_not_move_the_cuts_between_files(run, boosted, tmp_path):
    folder = tmp_path / "people"
    folder.mkdir()
    broken = people(101)
    broken.loc[3, "age"] = None
    broken.to_parquet(folder / "1.parquet")
    lenient = {"contract": {"max_rejected": 10}, **SMALL}
    run({"path": "people", "format": "parquet", "row_key": ["id"]}, **lenient)
    people(43, 1000).to_parquet(folder / "2.parquet")
    done = run({"path": "people", "format": "parquet", "row_key": ["id"]}, **lenient)
    assert counts(done, "predictions") == (100, 43)


def test_a_changed_row_is_scored_again(run, boosted):
    rows = people(300)
    run(rows, row_key=["id"], **SMALL)
    rows.loc[150, "age"] = 20.0
    done = run(rows, row_key=["id"], **SMALL)
    for asset in RESUMED:
        reused, computed = counts(done, asset)
        assert reused + computed == 300
        assert 0 < computed <= 40


def test_another_model_finds_nothing(run, boosted):
    run(people(300), row_key=["id"], **SMALL)
    rows = people(300)[["age", "income"]]
    boosted.add_sklearn(HistGradientBoostingClassifier(max_iter=6).fit(rows, rows.age > 50), rows)
    done = run(people(300), row_key=["id"], **SMALL)
    assert [counts(done, asset) for asset in RESUMED] == [(0, 300), (0, 300)]
    assert set(done.table("predictions").model_version) == {2}


@pytest.mark.parametrize(
    ("settings", "config"),
    [
        pytest.param({"predict": {"batch_rows": 20, "method": "predict_proba"}}, {}, id="method"),
        pytest.param({"explain": {"batch_rows": 20, "mode": "interventional"}}, {}, id="explainer's mode"),
        pytest.param({}, {"m__sample_explanations": {"config": {"where": "prediction > 0"}}}, id="row filter"),
    ],
)
def test_other_settings_find_nothing(run, boosted, settings, config):
    run(people(300), row_key=["id"], **SMALL)
    done = run(people(300), row_key=["id"], config=config, **{**SMALL, **settings})
    asset = "predictions" if "predict" in settings else "sample_explanations"
    assert counts(done, asset)[0] == 0
    assert done.success


def test_explanations_against_a_background_follow_it(run, registry):
    """A linear model's attributions depend on the background, which more rows change."""
    rows = people(300)[["age", "income"]]
    registry.add_sklearn(LogisticRegression().fit(rows, rows.age > 50), rows)
    run(people(300), row_key=["id"], **SMALL)
    more = pd.concat([people(300), people(40, 1000)], ignore_index=True)
    done = run(more, row_key=["id"], **SMALL)
    assert counts(done, "sample_explanations")[0] == 0
    assert counts(done, "predictions")[0] > 250
    fresh = run(more, row_key=["id"], resume={"enabled": False}, **SMALL)
    assert done.table("sample_explanations").equals(fresh.table("sample_explanations"))


def test_it_can_be_switched_off_and_put_elsewhere(run, boosted, tmp_path):
    run(people(30), row_key=["id"], resume={"enabled": False})
    assert list(tmp_path.rglob("chunks")) == []
    run(people(30), row_key=["id"], resume={"path": "kept"})
    assert len(list((tmp_path / "kept").glob("[0-9a-f][0-9a-f]/*"))) == 2


def test_a_model_that_looks_at_its_batch_is_reported(run, registry):
    import mlflow.pyfunc

    class Relative(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input):
            return model_input["age"] - model_input["age"].mean()

    rows = people(50)[["age", "income"]]
    registry.add_pyfunc(Relative(), signature=infer_signature(rows, rows["age"]))
    done = run(people(50), row_key=["id"], job="inference", trust={"allow_pickle": True})
    check = done.checks["predictions", "same_in_any_batch"]
    assert not check.passed
    assert check.severity.value == "WARN"
    assert "50 of 50 rows got another prediction" in check.description
    assert done.success


def test_a_models_own_predictions_are_the_same_in_any_batch(run, boosted):
    done = run(people(50), row_key=["id"], job="inference")
    assert done.checks["predictions", "same_in_any_batch"].passed


@pytest.mark.slow
def test_worker_processes_make_the_same_bytes(run, boosted):
    """Fetched, verified, trusted and loaded by each worker itself."""
    here = run(people(300), row_key=["id"], engine={"KIND": "LocalEngine", "workers": 1}, **SMALL)
    before = bytes_of(here, *RESUMED)
    beside = run(
        people(300),
        row_key=["id"],
        engine={"KIND": "LocalEngine", "workers": 2},
        resume={"enabled": False},
        **SMALL,
    )
    assert bytes_of(beside, *RESUMED) == before
    assert beside.metadata("predictions")["work"]["workers"] == 2
