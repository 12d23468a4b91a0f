"""The snippets of docs/models.md: a model that is logged like this is accepted."""

import re
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

PAGE = (Path(__file__).parent.parent / "docs" / "models.md").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [RandomForestClassifier(5, random_state=0), LogisticRegression()])
def test_a_model_that_is_logged_as_the_page_says_is_scored_and_explained(estimator, registry, run, monkeypatch):
    monkeypatch.chdir(registry.folder)
    mlflow.set_tracking_uri(registry.uri)
    rng = np.random.default_rng(0)
    inputs = pd.DataFrame(rng.normal(size=(50, 3)), columns=list("abc"))
    pipeline = make_pipeline(SimpleImputer(), estimator).fit(inputs, inputs["a"] > 0)
    snippets = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(snippets) == 2
    for snippet in snippets:
        exec(compile(snippet, "models.md", "exec"), {"inputs": inputs, "pipeline": pipeline, "mlflow": mlflow})
    done = run(inputs, model="churn")
    assert done.success
    assert (done.table("predictions")["prediction"] == pipeline.predict(inputs)).all()
    assert all(check.passed for check in done.checks.values())
