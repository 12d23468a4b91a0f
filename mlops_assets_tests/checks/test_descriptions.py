"""Every result of every check says what was compared, and what to do when it fails."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression, LogisticRegression

import mlops_assets

ROWS = pd.DataFrame({"a": np.arange(30.0), "b": np.arange(30.0) % 4})
TARGET = (ROWS["a"] > 12).astype(int)
EVERY_CHECK = {
    "loads", "has_signature", "compatible", "not_empty", "keys_unique", "nothing_lost", "one_row_per_input",
    "within_output_signature", "finite", "same_in_any_batch", "one_row_per_prediction", "additive",
    "explains_the_stored_prediction", "like_the_previous_champion",
}  # fmt: skip


def all_described(done) -> set[str]:
    """The names of the checks that ran, each of which has a description of at least some words."""
    wordless = [name for name, check in done.checks.items() if len((check.description or "").split()) < 4]
    assert wordless == []
    return {name for _, name in done.checks}


def branches(value: ast.expr) -> list[ast.expr]:
    """What a conditional expression may come to."""
    return branches(value.body) + branches(value.orelse) if isinstance(value, ast.IfExp) else [value]


def test_no_result_is_made_without_a_description():
    results = [
        (path.name, call.lineno, next((one.value for one in call.keywords if one.arg == "description"), None))
        for path in sorted(Path(mlops_assets.__file__).parent.rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "AssetCheckResult"
    ]
    assert len(results) >= len(EVERY_CHECK)
    lacking = [
        (file, line)
        for file, line, value in results
        if value is None or any(isinstance(branch, ast.Constant) and not branch.value for branch in branches(value))
    ]
    assert lacking == []


def test_a_normal_table(registry, run):
    registry.add_sklearn(LogisticRegression().fit(ROWS, TARGET), ROWS)
    done = run(ROWS)
    assert done.success
    assert all_described(done) == EVERY_CHECK


def test_an_empty_table(registry, run):
    registry.add_sklearn(LogisticRegression().fit(ROWS, TARGET), ROWS)
    done = run(ROWS.head(0))
    assert not done.checks["input_samples", "not_empty"].passed
    assert {"loads", "compatible", "not_empty", "keys_unique"} <= all_described(done)
    assert "fill it" in done.checks["input_samples", "not_empty"].description


def test_a_second_champion_that_breaks_the_contract(registry, run):
    registry.add_sklearn(LogisticRegression().fit(ROWS, TARGET), ROWS)
    assert run(ROWS).success
    registry.add_sklearn(LogisticRegression().fit(ROWS.assign(c=1.0), TARGET), ROWS.assign(c=1.0))
    done = run(ROWS.assign(c=1.0))
    failed = done.checks["model_signature", "compatible"]
    assert not failed.passed
    assert "contract.compatibility" in failed.description
    all_described(done)


def test_a_second_champion_is_compared_in_words(registry, run):
    registry.add_sklearn(LogisticRegression().fit(ROWS, TARGET), ROWS)
    assert run(ROWS).success
    registry.add_sklearn(LogisticRegression().fit(ROWS, (ROWS["b"] > 1).astype(int)), ROWS)
    done = run(ROWS, explain={"min_ndcg": 1.0})
    assert "of version 1's on 30 rows" in done.checks["model_explanations", "like_the_previous_champion"].description
    all_described(done)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_no_signature_and_another_method(registry, run, method):
    registry.add_sklearn(LogisticRegression().fit(ROWS, TARGET), ROWS, signature=None)
    done = run(ROWS, predict={"method": method})
    assert "sign job" in done.checks["champion_model", "has_signature"].description
    assert all_described(done) == EVERY_CHECK


def test_outputs_that_are_not_those_of_the_signature(registry, run):
    outputs = pd.DataFrame({"prediction": ["text"]})
    registry.add_sklearn(LinearRegression().fit(ROWS, TARGET), ROWS, signature=infer_signature(ROWS, outputs))
    done = run(ROWS)
    failed = done.checks["predictions", "within_output_signature"]
    assert not failed.passed
    assert "log it again with the outputs that it returns" in failed.description
    all_described(done)


def test_a_sample_of_the_rows(registry, run):
    registry.add_sklearn(LogisticRegression().fit(ROWS, TARGET), ROWS)
    assert all_described(run(ROWS, explain={"sample": 0.5})) == EVERY_CHECK
