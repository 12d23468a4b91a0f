"""What breaks in the middle: killed processes, two runs at once, full disks, inputs that are replaced."""

import multiprocessing
import random
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from mlops_assets_tests.breaking import run_once

KILLS = 20


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

    def start(state: str, **options):
        arguments = (tmp_path, registry.uri, f"{state}.parquet", {"a": 1, "b": 2}[state])
        process = processes.Process(target=run_once, args=arguments, kwargs=options)
        process.start()
        return process

    def run(state: str, **options) -> int:
        process = start(state, **options)
        process.join()
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
    temporary = [path for path in (*place.tables.rglob(".*"), *state.rglob("*.tmp"))]
    return [str(path) for path in (*temporary, *(state / "scratch").iterdir(), *(state / "cache/models/incoming").iterdir())]


@pytest.mark.slow
def test_killed_at_any_moment_tables_are_whole_and_the_next_run_mends_all(place):
    states = undisturbed(place)
    started = time.monotonic()
    assert place.run("b") == 0
    length = time.monotonic() - started
    moments = random.Random(5)
    before, after, reached = "b", "a", []
    for _ in range(KILLS):
        process = place.start(after)
        deadline = time.monotonic() + moments.uniform(0.0, length)
        while time.monotonic() < deadline and process.is_alive():
            torn = [name for name, data in visible(contents(place.tables)).items() if data not in (states[before][name], states[after][name])]
            assert torn == []
        process.kill()
        process.join()
        now = visible(contents(place.tables))
        assert set(now) == set(states[before])
        assert [name for name, data in now.items() if data not in (states[before][name], states[after][name])] == []
        reached.append(sum(now[name] != states[before][name] for name in now))
        assert place.run(after) == 0
        assert contents(place.tables) == states[after]
        assert leftovers(place) == []
        before, after = after, before
    print("tables switched when killed:", reached, "a run takes", length)
    assert len(set(reached)) > 2  # the moments were spread over the run
