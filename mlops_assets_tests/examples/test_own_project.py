"""examples/own_project: the README's commands end in predictions, explanations and a report."""

import pandas as pd
import pytest


@pytest.mark.slow
def test_the_readme_ends_in_predictions_and_explanations(example):
    project = example("own_project")
    printed = project.follow_readme()
    assert "diabetes version 1 is the champion" in printed
    tables = project.folder / "tables" / "diabetes"
    patients = pd.read_parquet(project.folder / "data" / "patients.parquet")
    predictions = pd.read_parquet(tables / "predictions.parquet")
    assert predictions["patient"].tolist() == patients["patient"].tolist()
    ledger = pd.read_parquet(tables / "sample_explanations.parquet")
    assert ledger["patient"].tolist() == patients["patient"].tolist()
    assert {f"shap_{name}" for name in patients.columns if name != "patient"} <= set(ledger.columns)
    assert (tables / "explanation_report.html").is_file()
