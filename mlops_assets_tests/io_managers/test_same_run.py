"""What a run has made is asked for once per table, and of each run anew."""

from collections import Counter

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from mlops_assets.io_managers import same_run


@pytest.fixture
def lookups(monkeypatch) -> Counter:
    """How often Dagster was asked what a run had made of an asset, where it had made it, and how often in vain."""
    find, count = same_run.find_made, Counter()

    def find_and_count(instance, of_run, key, partition):
        made = tuple(find(instance, of_run, key, partition))
        count[of_run.run_id, key.path[-1], partition, bool(made)] += 1
        return iter(made)

    monkeypatch.setattr(same_run, "find_made", find_and_count)
    return count


def test_each_table_is_looked_for_once_in_each_run(registry, run, lookups):
    features, target = load_iris(return_X_y=True, as_frame=True)
    registry.add_sklearn(LogisticRegression(max_iter=500).fit(features, target), features)
    first, second = run(features), run(features)
    assert first.success
    assert second.success
    for done in (first, second):
        names = {name for run_id, name, _, found in lookups if found and run_id == done.result.run_id}
        assert {"champion_model", "model_signature", "input_samples", "predictions", "sample_explanations"} <= names
    assert {count for (*_, found), count in lookups.items() if found} == {1}
