"""What breaks in the middle: killed processes, two runs at once, full disks, inputs that are replaced."""

import errno
import multiprocessing
import os
import random
import time
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from mlops_assets.io_managers.inputs import InputsIOManager
from mlops_assets.scoring.predict import Scorer
from mlops_assets.signatures.contract.contract import Contract
from mlops_assets_tests.breaking import run_once
from mlops_assets_tests.waiting import LONGEST_SECONDS

KILLS = 14


@pytest.fixture(scope="module")
def processes():
    """Children that have everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mlops_assets_tests.breaking"])
    return context


@pytest.fixture
def place(registry, tmp_path, processes):
    """Two states of the world, ``a`` and ``b``: other inputs and another version; and a way to run towards each."""
    features, target = load_iris(return_X_y=True, as_frame=True)
    for strength in (1.0, 0.01):
        registry.add_sklearn(LogisticRegression(C=strength, max_iter=500).fit(features, target), features)
    features.insert(0, "flower", [f"flower-{number}" for number in range(150)])
    features.iloc[:100].to_parquet(tmp_path / "a.parquet", index=False)
    features.iloc[20:].to_parquet(tmp_path / "b.parquet", index=False)
    large = pd.DataFrame(np.random.default_rng(0).uniform(0, 8, (1200, 4)), columns=features.columns[1:])
    large.insert(0, "flower", [f"flower-{number}" for number in range(1200)])
    large.to_parquet(tmp_path / "large.parquet", index=False)

    def start(state: str, **options):
        arguments = (tmp_path, registry.uri, f"{state}.parquet", 2 if state == "b" else 1)
        process = processes.Process(target=run_once, args=arguments, kwargs=options)
        process.start()
        return process

    def run(state: str, **options) -> int:
        verdict = options.setdefault("verdict", tmp_path / "verdict")
        process = start(state, **options)
        process.join()
        if process.exitcode:
            print(verdict.read_text())
        return process.exitcode

    return SimpleNamespace(root=tmp_path, tables=tmp_path / "tables", start=start, run=run, features=features)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder; those that vanish while one looks are not there."""
    found = {}
    for path in folder.rglob("*"):
        try:
            if path.is_file():
                found[str(path.relative_to(folder))] = path.read_bytes()
        except FileNotFoundError:
            continue
    return found


def undisturbed(place) -> dict[str, dict[str, bytes]]:
    states = {}
    for state in ("a", "b"):
        assert place.run(state) == 0
        states[state] = contents(place.tables)
    return states


def visible(tables: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in tables.items() if not name.startswith(".")}


def leftovers(place) -> list[str]:
    """Files that only a run in progress should have."""
    state = place.root / ".mlops_assets"
    below = [*place.tables.rglob(".*"), *state.rglob("*.tmp")]
    for folder in ("scratch", "cache/models/incoming"):
        below += (state / folder).iterdir()
    return [str(path) for path in below]


@pytest.mark.slow
def test_killed_at_any_moment_tables_are_whole_and_the_next_run_mends_all(place, tmp_path):
    """Eight moments between two steps of work on files, six at any time; the tables are watched meanwhile."""
    states = undisturbed(place)
    told, started = tmp_path / "told", time.monotonic()
    assert place.run("b", verdict=told) == 0
    length, moments = time.monotonic() - started, int(told.read_text())
    chance = random.Random(5)
    points: list[int | None] = [*sorted(chance.sample(range(1, moments + 1), 8)), *[None] * (KILLS - 8)]
    before, after, switched = "b", "a", []

    def torn() -> list[str]:
        now = visible(contents(place.tables))
        return [name for name in now if now[name] not in (states[before].get(name), states[after].get(name))]

    for point in points:
        process = place.start(after, killed_at=point)
        deadline = time.monotonic() + (chance.uniform(0.2, 0.9) * length if point is None else LONGEST_SECONDS)
        while process.is_alive() and time.monotonic() < deadline:
            assert torn() == []
            time.sleep(0.003)
        process.kill()
        process.join()
        assert torn() == []
        now = visible(contents(place.tables))
        assert set(now) == set(states[before])
        switched.append(sum(now[name] != states[before][name] for name in now))
        assert place.run(after) == 0
        assert contents(place.tables) == states[after]
        assert leftovers(place) == []
        before, after = after, before
    assert len(set(switched)) >= 4, f"the moments were not spread over the run: {switched}"


@pytest.mark.slow
def test_two_runs_at_once_wait_for_each_other(place):
    states = undisturbed(place)
    for _ in range(2):
        both = [place.start(state) for state in ("a", "b")]
        for process in both:
            process.join()
        assert [process.exitcode for process in both] == [0, 0]
        assert contents(place.tables) in (states["a"], states["b"])


@pytest.mark.slow
def test_two_runs_that_cannot_wait_leave_the_tables_of_one(place, tmp_path):
    """Steps in processes of their own hold no lock for the whole run."""
    states = undisturbed(place)
    for turn in range(3):
        told = [tmp_path / f"told-{state}" for state in ("a", "b")]
        both = []
        for state, verdict in zip(("a", "b"), told, strict=True):
            both.append(place.start(state, executor="multiprocess", verdict=verdict))
            time.sleep(0.15 * turn)
        for process in both:
            process.join()
        assert contents(place.tables) in (states["a"], states["b"])
        outcomes = [(process.exitcode, verdict.read_text()) for process, verdict in zip(both, told, strict=True)]
        assert 0 in [code for code, _ in outcomes]
        for code, message in outcomes:
            assert code == 0 or "Another run has replaced" in message


@pytest.mark.slow
def test_a_full_disk_is_named_and_the_tables_stay(place, tmp_path):
    assert place.run("a") == 0
    before = contents(place.tables)
    told = tmp_path / "told"
    assert place.run("large", largest_file=100_000, verdict=told) == 1
    message = told.read_text()
    assert "TableError" in message
    assert "cannot be written" in message
    assert os.strerror(errno.EFBIG) in message
    assert "tables/sample_explanations.parquet" in message
    assert "Check the disk's space" in message
    assert "m/sample_explanations is as it was before this run, and this run has published" in message
    assert "'m/predictions'" in message
    after = contents(place.tables)
    assert set(after) == set(before)
    for name in ("sample_explanations.parquet", "model_explanations.parquet", "explanation_report.html"):
        assert after[name] == before[name]
    assert leftovers(place) == []
    assert place.run("a") == 0
    assert contents(place.tables) == before


@pytest.mark.slow
def test_a_full_scratch_disk_is_named(place, tmp_path):
    assert place.run("a") == 0
    before = contents(place.tables)
    told = tmp_path / "told"
    assert place.run("large", largest_file=25_000, verdict=told) == 1
    assert "TableError" in told.read_text()
    assert os.strerror(errno.EFBIG) in told.read_text()
    assert ".mlops_assets/scratch/" in told.read_text()
    after = contents(place.tables)
    assert {name for name in before if after[name] != before[name]} <= {"champion_model.json", "model_signature.json"}
    assert leftovers(place) == []


def test_a_run_whose_samples_were_replaced_fails_and_the_other_runs_tables_stand(iris, run, monkeypatch):
    """While one run predicts, another one runs from start to end; neither waits for the other."""
    features, _ = iris
    others: list[dict[str, bytes]] = []
    stream = Scorer.combine

    def meanwhile(self, batches, schema):
        if not others:
            others.append({})
            done = run(features.tail(40), executor="multiprocess")
            assert done.success
            others[0].update(contents(done.tables))
        return stream(self, batches, schema)

    monkeypatch.setattr(Scorer, "combine", meanwhile)
    done = run(features.head(60), executor="multiprocess")
    assert not done.success
    assert "ConcurrentRunError" in done.error()
    assert "Another run has replaced" in done.error()
    assert "m/input_samples" in done.error()
    assert contents(done.tables) == others[0]


def check_alone(done, instance, asset: str) -> dict[str, dg.AssetCheckEvaluation]:
    """The checks of one asset, run by themselves, as in the UI."""
    keys = {key for key in checks_of(done.definitions) if key.asset_key.path[-1] == asset}
    job = done.definitions.resolve_job_def("m_explanations_job")
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    result = job.get_subset(asset_selection=set(), asset_check_selection=keys).execute_in_process(
        instance=instance, run_config=quiet, raise_on_error=False
    )
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def checks_of(definitions: dg.Definitions) -> set[dg.AssetCheckKey]:
    return {spec.key for each in definitions.asset_checks or () for spec in each.check_specs}


def test_tables_that_two_runs_have_published_are_noticed_by_the_next_check(iris, run, tmp_path, instance):
    """Each is whole, and as many rows as before: a disk was full between them."""
    features, _ = iris
    tables = tmp_path / "tables"
    assert run(features, outputs={"path": str(tables)}).success
    kept = {path: path.read_bytes() for path in tables.glob("*.parquet")}
    other = features.copy()
    other.iloc[3, 0] += 1
    second = run(other, outputs={"path": str(tables)})
    assert second.success
    for name, check in (("rejected_samples", "nothing_lost"), ("predictions", "one_row_per_input")):
        new = (tables / f"{name}.parquet").read_bytes()
        (tables / f"{name}.parquet").write_bytes(kept[tables / f"{name}.parquet"])
        result = check_alone(second, instance, name)[check]
        assert not result.passed, name
        assert "Materialize the whole family again" in result.description
        (tables / f"{name}.parquet").write_bytes(new)
        assert check_alone(second, instance, name)[check].passed


def test_a_run_whose_pin_was_replaced_does_not_go_on_with_the_others(iris, registry, run, monkeypatch):
    features, model = iris
    registry.add_sklearn(model, features)
    read, others = InputsIOManager.open, []

    def meanwhile(self, partition=None):
        if not others:
            others.append(None)
            version = {"m__champion_model": {"config": {"version": 1}}}
            assert run(features, executor="multiprocess", job="inference", config=version).success
        return read(self, partition)

    monkeypatch.setattr(InputsIOManager, "open", meanwhile)
    done = run(features, executor="multiprocess", job="inference")
    assert not done.success
    assert "m/champion_model" in done.error()
    assert done.table("predictions")["model_version"].unique().tolist() == [1]


def test_inputs_that_are_replaced_while_they_are_read_are_read_as_they_were(iris, run, tmp_path, monkeypatch):
    """Switched into place whole, as they should be: the rows are the old ones or the new ones, never some of each."""
    features, model = iris
    monkeypatch.setattr("mlops_assets.tables.parquet_batches.BATCH_ROWS", 10)
    features.to_parquet(tmp_path / "in.parquet")
    apply, batches = Contract.apply, []

    def meanwhile(self, batch):
        if not batches:
            (features + 1).to_parquet(tmp_path / "new.parquet")
            (tmp_path / "new.parquet").replace(tmp_path / "in.parquet")
        batches.append(batch)
        return apply(self, batch)

    monkeypatch.setattr(Contract, "apply", meanwhile)
    done = run({"path": "in.parquet"}, job="inference")
    assert done.success
    assert len(batches) == 15
    assert done.table("predictions")["prediction"].tolist() == model.predict(features).tolist()


def test_inputs_that_are_cut_off_after_they_were_opened_are_named(iris, run, tmp_path, monkeypatch):
    features, _ = iris
    place = tmp_path / "in.parquet"
    features.to_parquet(place)
    read = InputsIOManager.open

    def cut(self, partition=None):
        found = read(self, partition)
        place.write_bytes(place.read_bytes()[:500])
        return found

    monkeypatch.setattr(InputsIOManager, "open", cut)
    done = run({"path": "in.parquet"}, job="inference")
    assert not done.success
    assert "TableError" in done.error()
    assert "in.parquet" in done.error()
    assert not list(done.tables.glob("predictions*"))


@pytest.fixture
def iris(registry):
    features, target = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=500).fit(features, target)
    registry.add_sklearn(model, features)
    return features, model
