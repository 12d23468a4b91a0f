"""A model with some versions, its definitions, and ticks of its sensors."""

from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, Ridge

from mlops_assets.component import build_model_definitions
from mlops_assets.resources.defaults import default_resources
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets_tests.conftest import save_sklearn

ROWS = 30
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Model:
    """The definitions of the model ``m`` on a registry, and ticks of its sensors that keep their cursors."""

    def __init__(self, folder: Path, registry: MlflowRegistry, instance: dg.DagsterInstance, **settings: Any) -> None:
        self.folder, self.registry, self.instance = folder, registry, instance
        self.definitions = dg.Definitions.merge(
            build_model_definitions(
                "m", folder, **{"inputs": {"path": "inputs.parquet"}, "outputs": {"path": "tables"}, **settings}
            ),
            dg.Definitions(resources=default_resources(folder) | {"mlflow_registry": registry}),
        )
        self.cursors: dict[str, str | None] = {}

    def tick(self, sensor: str, *, keep_cursor: bool = True) -> Any:
        """Evaluate a sensor; its run requests, skip message, asset events and cursor."""
        definition = self.definitions.resolve_sensor_def(sensor)
        resources = {key: self.definitions.resources[key] for key in definition.required_resource_keys}
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursors.get(sensor),
            resources=resources,
            definitions=self.definitions,
        ) as context:
            done = definition.evaluate_tick(context)
        if keep_cursor:
            self.cursors[sensor] = done.cursor
        return done

    def keys(self, sensor: str) -> list[str | None]:
        """The run keys that one tick asks for."""
        return [request.run_key for request in self.tick(sensor).run_requests or []]

    def materialize(self, job: str = "m_inference_job", tags: dict[str, str] | None = None, **config: Any):
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, tags=tags, run_config=QUIET | config, raise_on_error=False
        )


@pytest.fixture(scope="session")
def three_saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, list[Path]]:
    """The inputs, and three models as MLflow saves them."""
    features, target = load_diabetes(return_X_y=True, as_frame=True)
    features, target = features.iloc[:ROWS, :3], target[:ROWS]
    folder = tmp_path_factory.mktemp("versions")
    places = []
    for number, model in enumerate((LinearRegression(), Ridge(0.1), Ridge(10))):
        place = folder / str(number)
        save_sklearn(model.fit(features, target), features, place)
        places.append(place)
    return features, places


@pytest.fixture
def versions(registry, three_saved, tmp_path) -> pd.DataFrame:
    """Three versions of a model, the alias at the first, and a table of inputs beside them."""
    features, places = three_saved
    for place in places:
        registry.add(place)
    registry.client.set_registered_model_alias("m", "Champion", "1")
    features.to_parquet(tmp_path / "inputs.parquet")
    return features.copy()


@pytest.fixture
def model(versions, registry, tmp_path, instance):
    """`model(**settings)` makes the definitions."""
    return lambda **settings: Model(tmp_path, settings.pop("registry", registry.resource), instance, **settings)
