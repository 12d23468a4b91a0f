"""The order of modules: pytest-xdist gives the next one to the process that has done its last."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Those that take a minute and more: none of them is left to one process while the other has nothing to do.
LONGEST = (
    "newcomer/test_newcomer.py",
    "engines/test_spark_engine.py",
    "simulation/test_histories.py",
    "simulation/test_points.py",
    "test_breakage.py",
    "scaffold/test_init.py",
    "fuzz/test_native.py",
    "scaffold/test_registry_scaffolder.py",
    "test_readme.py",
    "commands/test_in_a_project.py",
    "commands/test_docs.py",
    "sensors/test_daemon.py",
    "sensors/test_new_version.py",
    "resources/test_tracking.py",
    "test_public_api.py",
    "test_kills_of_stores.py",
    "resources/test_dagster_mlflow.py",
    "tables/test_law_of_readers.py",
    "sensors/test_restart.py",
    "assets/test_predictions_explained.py",
    "zoo/test_zoo.py",
)


def put_longest_first(items: list[pytest.Item]) -> None:
    """Sort tests: those of `LONGEST` in its order, then all others in theirs."""
    ranks = {HERE / name: rank for rank, name in enumerate(LONGEST)}
    missing = [str(path) for path in ranks if not path.exists()]
    assert not missing, f"the longest modules have other names now: {missing}"
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))
