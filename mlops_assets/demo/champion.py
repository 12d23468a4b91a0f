"""Train the demo's model and register it, once."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_assets.models.artifact_address import ArtifactAddress
from mlops_assets.models.trust import TRUSTED_TYPES
from mlops_assets.resources.registry import MlflowRegistry

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

MODEL, ALIAS, ROW_KEY = "breast_cancer", "Champion", "patient_id"
RECIPE_TAG = "mlops_assets.demo_recipe"
_TREES, _DEPTH, _SEED = 100, 6, 0


@dataclass(frozen=True)
class DemoChampion:
    """The version that the demo uses, and whether this call registered it or an earlier one did."""

    version: int
    registered_now: bool


def load_demo_data() -> "tuple[pd.DataFrame, pd.Series[int]]":
    """Features of 569 patients (30 float64 columns, indexed by `patient_id`), and whether the tumour is benign."""
    from sklearn.datasets import load_breast_cancer

    features, benign = load_breast_cancer(return_X_y=True, as_frame=True)
    features.index = [f"patient-{number:03d}" for number in range(1, len(features) + 1)]
    features.index.name = ROW_KEY
    return features, benign


def write_demo_table(path: Path) -> None:
    """Write the demo's inputs as Parquet, replaced as a whole; the same bytes every time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    features, _ = load_demo_data()
    temporary = path.with_name(f".{path.name}.tmp")
    pq.write_table(pa.Table.from_pandas(features.reset_index(), preserve_index=False), temporary)
    temporary.replace(path)


def register_demo_champion(registry: MlflowRegistry) -> DemoChampion:
    """Train and register the demo's model, unless a version of the same recipe is registered; make it the champion."""
    client = registry.address().client
    recipe = hashlib.sha256(f"{_TREES} {_DEPTH} {_SEED} 1".encode()).hexdigest()[:16]
    earlier = _find_version(client, recipe)
    if earlier is not None:
        client.set_registered_model_alias(MODEL, ALIAS, str(earlier))
        return DemoChampion(earlier, registered_now=False)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        _train_and_save(model)
        source = _log_model(client, registry, model)
    if not client.search_registered_models(f"name = '{MODEL}'"):
        client.create_registered_model(
            MODEL, description="Demo: is the tumour benign? scikit-learn's breast cancer data."
        )
    version = client.create_model_version(MODEL, source=source, tags={RECIPE_TAG: recipe})
    client.set_registered_model_alias(MODEL, ALIAS, str(version.version))
    return DemoChampion(int(version.version), registered_now=True)


def _find_version(client: "MlflowClient", recipe: str) -> int | None:
    versions = client.search_model_versions(f"name = '{MODEL}'")
    return next((int(version.version) for version in versions if version.tags.get(RECIPE_TAG) == recipe), None)


def _train_and_save(folder: Path) -> None:
    import mlflow.sklearn
    import sklearn
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from sklearn.ensemble import RandomForestClassifier

    features, benign = load_demo_data()
    model = RandomForestClassifier(_TREES, max_depth=_DEPTH, random_state=_SEED).fit(features, benign)
    signature = ModelSignature(
        inputs=Schema([ColSpec("double", name) for name in features.columns]),
        outputs=Schema([ColSpec("long", "benign")]),
    )
    mlflow.sklearn.save_model(
        model,
        folder,
        signature=signature,
        pip_requirements=[f"scikit-learn=={sklearn.__version__}"],
        serialization_format="skops",
        skops_trusted_types=sorted(TRUSTED_TYPES),
    )


def _log_model(client: "MlflowClient", registry: MlflowRegistry, model: Path) -> str:
    """Store the files as a logged model and return their location.

    MLflow's `create_model_version` looks up a `models:/m-...` source in its global store, so it gets the location.
    """
    name = "mlops_assets_demo"
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        artifacts = (registry.state_folder / "artifacts").as_uri() if registry.is_embedded else None
        experiment_id = client.create_experiment(name, artifact_location=artifacts)
    else:
        experiment_id = experiment.experiment_id
    logged = client.create_logged_model(experiment_id=experiment_id, name=MODEL)
    place = ArtifactAddress.parse(str(logged.artifact_location))
    registry.address().add_files(place, model, "storing the demo's model")
    client.finalize_logged_model(logged.model_id, "READY")
    return str(client.get_logged_model(logged.model_id).artifact_location)
