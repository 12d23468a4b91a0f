"""Models whose predictions are a line of arithmetic, tables of inputs, and a registry that holds the models."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from mlflow import MlflowClient

from mlops_assets.validation.verdict import TAG

VARIANTS = 4
MODEL = "m"
Rows = Mapping[int, tuple[float | None, float | None]]


def predict(variant: int, a: float, b: float) -> float:
    """What a version of this variant predicts."""
    return (variant + 1) * a - 0.5 * b + 10 * variant


def save_variants(folder: Path) -> None:
    """One saved model for each variant."""
    import mlflow.sklearn
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.linear_model import LinearRegression

    points = pd.DataFrame({"a": [0.0, 1.0, 0.0], "b": [0.0, 0.0, 1.0]})
    for variant in range(VARIANTS):
        target = [predict(variant, a, b) for a, b in points.itertuples(index=False)]
        mlflow.sklearn.save_model(
            LinearRegression().fit(points, target),
            folder / str(variant),
            signature=infer_signature(points, pd.DataFrame({"prediction": target})),
            pip_requirements=["scikit-learn"],
            serialization_format="skops",
        )


def make_rows(file: int, seed: int) -> dict[int, tuple[float | None, float | None]]:
    """The rows of one file: keys that no other file has, and now and then a value that is missing."""
    chance = np.random.default_rng([file, seed])
    count = int(chance.integers(1, 6))
    values = chance.uniform(-9, 9, (count, 2)).round(3)
    missing = chance.random(count) < 0.2
    return {
        file * 1_000 + number: (None if missing[number] else float(values[number, 0]), float(values[number, 1]))
        for number in range(count)
    }


def write_rows(rows: Rows, path: Path) -> None:
    """A Parquet file, switched into place whole."""
    columns = {
        "id": pa.array(list(rows), pa.int64()),
        "a": pa.array([a for a, _ in rows.values()], pa.float64()),
        "b": pa.array([b for _, b in rows.values()], pa.float64()),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    pq.write_table(pa.table(columns), draft)
    draft.replace(path)


class SimulatedRegistry:
    """A real MLflow registry in SQLite, which one history after the other uses."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        folder.mkdir(parents=True)
        self.uri = f"sqlite:///{folder / 'mlflow.db'}"
        self.client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
        self.saved, self.folder = folder / "saved", folder / "files"
        save_variants(self.saved)
        # Version -> variant, of the model as it is registered now.
        self.variants: dict[int, int] = {}
        # Version -> how many versions were registered before it, of whatever model of this name.
        self.serials: dict[int, int] = {}
        self._registered = 0
        # How often anything was changed: until then it answers as before.
        self.changes = 0
        self._exists = False
        self._aliases: dict[str, int] = {}

    def clear(self) -> None:
        self.delete()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._registered = 0

    def register(self, variant: int) -> int:
        """The number of the new version."""
        self.changes += 1
        if not self._exists:
            self.client.create_registered_model(MODEL)
            self._exists = True
        self._registered += 1
        place = self.folder / str(self._registered)
        shutil.copytree(self.saved / str(variant), place)
        number = int(self.client.create_model_version(MODEL, source=place.as_uri()).version)
        self.variants[number] = variant
        self.serials[number] = self._registered
        return number

    def delete(self) -> None:
        """The model with all of its versions."""
        self.changes += 1
        if self._exists:
            self.client.delete_registered_model(MODEL)
        self._exists = False
        self.variants.clear()
        self.serials.clear()
        self._aliases.clear()

    def judge(self, version: int) -> None:
        """Give a version a verdict, where it is still there."""
        self.changes += 1
        if version in self.variants:
            self.client.set_model_version_tag(MODEL, str(version), TAG, "passed")

    def set_alias(self, alias: str, version: int | None) -> None:
        self.changes += 1
        if version is None:
            self.client.delete_registered_model_alias(MODEL, alias)
            self._aliases.pop(alias, None)
        else:
            self.client.set_registered_model_alias(MODEL, alias, str(version))
            self._aliases[alias] = version

    def alias(self, alias: str) -> int | None:
        """The version that it points at: what was set, for nobody else sets it."""
        return self._aliases.get(alias)


def accepted(rows: Rows) -> dict[int, tuple[float, float]]:
    """The rows that the contract accepts."""
    return {key: (a, b) for key, (a, b) in rows.items() if a is not None and b is not None}


def merge(files: Sequence[Rows]) -> dict[int, tuple[float | None, float | None]]:
    return {key: value for rows in files for key, value in rows.items()}
