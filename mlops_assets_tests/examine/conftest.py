"""A project's folder with a table, and the registry that its runs ask."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from mlops_assets import MlflowModelComponent
from mlops_assets.examine.examine import examine
from mlops_assets.examine.findings import Examination
from mlops_assets.examine.request import ExaminationRequest


class Place:
    """A project's folder with a table, and the registry that its runs ask."""

    def __init__(self, root: Path, registry: Any) -> None:
        self.root, self.registry = root, registry

    def write(self, frame: pd.DataFrame | pa.Table, name: str = "data.parquet", index: bool = False) -> None:
        if isinstance(frame, pa.Table):
            pq.write_table(frame, self.root / name)
        elif name.endswith(".csv"):
            frame.to_csv(self.root / name, index=False)
        else:
            frame.to_parquet(self.root / name, index=index)

    def examine(self, model: str | None = "churn", inputs: str | None = "data.parquet", **more: Any) -> Examination:
        return examine(ExaminationRequest(model, inputs, self.root, **more))

    def launch(self, text: str, partition: str | None = None, **more: Any) -> pd.DataFrame:
        """The predictions of the whole graph, run from a YAML."""
        document = yaml.safe_load(text)
        assert document["type"] == "mlops_assets.MlflowModelComponent"
        settings = {**document["attributes"], **more}
        component = MlflowModelComponent.model_validate(settings)
        job = component.definitions(self.root).resolve_job_def(component.names.explanations_job)
        result = job.execute_in_process(raise_on_error=False, partition_key=partition)
        failed = [str(event.step_failure_data.error.message) for event in result.all_events if event.is_step_failure]
        assert result.success, failed
        name = "predictions.parquet" if partition is None else f"predictions/{partition}.parquet"
        return pd.read_parquet(self.root / settings["outputs"]["path"] / name)


@pytest.fixture
def place(tmp_path, registry, monkeypatch) -> Place:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    monkeypatch.setenv("MLOPS_ASSETS_HOME", str(tmp_path / "home"))
    root = tmp_path / "project"
    root.mkdir()
    return Place(root, registry)
