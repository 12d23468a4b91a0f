"""Both executors, in a process of their own, on the real code location."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier


@pytest.mark.slow
def test_a_job_passes_under_the_multiprocess_executor(registry, tmp_path):
    features, target = load_iris(return_X_y=True, as_frame=True)
    model = RandomForestClassifier(5, max_depth=3, random_state=0).fit(features, target)
    registry.add_sklearn(model, features)
    features.to_parquet(tmp_path / "in.parquet", index=False)
    (tmp_path / "location.py").write_text(
        f"""
from pathlib import Path
import dagster as dg
from mlops_assets import MlflowRegistry, build_model_definitions, default_resources

root = Path({str(tmp_path)!r})
defs = dg.Definitions.merge(
    build_model_definitions(
        "m", root, inputs={{"path": "in.parquet"}}, outputs={{"path": "tables"}}, executor="multiprocess"
    ),
    dg.Definitions(resources=default_resources(root) | {{
        "mlflow_registry": MlflowRegistry(tracking_uri={registry.uri!r}, state=str(root / "state"))
    }}),
)
"""
    )
    (tmp_path / "home").mkdir()
    code = """
import dagster as dg, location
with dg.DagsterInstance.get() as instance:
    # Its steps are those of the other job and more.
    result = dg.execute_job(dg.build_reconstructable_job(
        "location_jobs", "job_named", ("m_explanations_job",), {}), instance=instance)
    print(result.success, location.defs.resolve_job_def("m_inference_job").executor_def.name)
"""
    (tmp_path / "location_jobs.py").write_text(
        "import location\n\n\ndef job_named(name):\n    return location.defs.resolve_job_def(name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "DAGSTER_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["True", "multiprocess"], done.stderr[-3000:]
    tables = Path(tmp_path / "tables")
    assert pd.read_parquet(tables / "predictions.parquet")["prediction"].tolist() == model.predict(features).tolist()
    assert len(pd.read_parquet(tables / "sample_explanations.parquet")) == 450
