"""Published rows and sensors' cursors as they were before the house was rebuilt: moving code may not change them.

Three families (trees over a table with a text key, a pipeline with categories and rejected rows, a model that only the
permutation explainer can explain) and the memory of each sensor that launches runs. Models are made of exact numbers,
and numbers are compared to nine digits, so that neither another processor nor another version of a library shows up.

To accept a change that is meant, delete published_rows.json and run this file: it is written anew.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from mlflow.models import infer_signature
from mlflow.pyfunc import PythonModel
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeRegressor

GOLDEN = Path(__file__).parent / "published_rows.json"
TABLES = (
    "input_samples",
    "rejected_samples",
    "predictions",
    "sample_explanations",
    "model_explanations",
    "sample_explanations_background",
)


class Product(PythonModel):
    """Multiplies two columns and adds the third: no explainer knows it by name."""

    def predict(self, context, model_input, params=None):
        return (model_input["a"] * model_input["b"] + model_input["c"]).to_numpy()


def trees(registry) -> dict[str, Any]:
    numbers = np.arange(64)
    frame = pd.DataFrame({"a": numbers % 8, "b": numbers // 8, "c": numbers * 3 % 7}).astype("float64")
    target = 4.0 * (frame.a > 3.5) + 2.0 * (frame.b > 1.5) + 1.0 * (frame.c > 4.5) * (frame.a > 3.5)
    registry.add_sklearn(DecisionTreeRegressor(random_state=0).fit(frame, target), frame)
    return {"inputs": frame.assign(id=[f"row-{number:02}" for number in numbers]), "row_key": ["id"]}


def categories(registry) -> dict[str, Any]:
    frame = pd.DataFrame({"city": ["Oslo", "Rome", "Kyiv"] * 8, "age": np.arange(24.0) * 2, "n": np.arange(24)})
    columns = ColumnTransformer([("city", OneHotEncoder(), ["city"])], remainder="passthrough")
    model = make_pipeline(columns, LinearRegression()).fit(frame, np.arange(24.0))
    model[-1].coef_, model[-1].intercept_ = np.array([0.5, -1.0, 2.0, 0.25, -0.125]), 3.0
    registry.add_sklearn(model, frame)
    with_holes = frame.assign(age=[np.nan if number % 5 == 0 else float(number) for number in range(24)])
    keyed = with_holes.set_index(pd.Index(np.arange(24) + 100, name="place"))
    return {"inputs": keyed, "contract": {"max_rejected": 10}}


def permutation(registry) -> dict[str, Any]:
    frame = pd.DataFrame({"a": np.arange(12.0), "b": np.arange(12.0) % 4, "c": np.arange(12.0) // 3})
    registry.add_pyfunc(Product(), signature=infer_signature(frame, np.arange(12.0)))
    return {"inputs": frame, "trust": {"allow_pickle": True}, "explain": {"background_rows": 4}}


FAMILIES = {"trees": trees, "categories": categories, "permutation": permutation}


def described(path: Path) -> dict[str, Any]:
    """A table's columns with their types, the number of its rows, and a digest of its values."""
    table = pq.read_table(path)
    digest = hashlib.sha256()
    for row in table.to_pylist():
        # The digest of a model's files differs from one version of MLflow to the next.
        digest.update(
            json.dumps({name: plain(value) for name, value in row.items() if name != "model_digest"}).encode()
        )
    columns = {field.name: str(field.type) for field in table.schema}
    return {"columns": columns, "rows": table.num_rows, "digest": digest.hexdigest()[:32]}


def plain(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.9g}" if abs(value) > 1e-9 else "0"
    if isinstance(value, list):
        return [plain(each) for each in value]
    return {name: plain(each) for name, each in value.items()} if isinstance(value, dict) else value


def check(name: str, found: dict[str, Any]) -> None:
    golden = json.loads(GOLDEN.read_text("utf-8")) if GOLDEN.exists() else {}
    if name not in golden:
        GOLDEN.write_text(json.dumps(golden | {name: found}, indent=2) + "\n", "utf-8")
        pytest.fail(f"{name} was not in {GOLDEN.name}; it is now: review and commit it")
    assert found == golden[name]


@pytest.mark.fast
@pytest.mark.parametrize("family", list(FAMILIES))
def test_the_published_rows_are_those_of_before(family, registry, run):
    done = run(**FAMILIES[family](registry))
    assert done.success
    paths = {table: done.tables / f"{table}.parquet" for table in TABLES}
    check(family, {table: described(path) for table, path in paths.items() if path.exists()})


def without_times(cursor: dict[str, Any]) -> dict[str, Any]:
    """A cursor without what is different each time: when things were registered, seen, and where a file lies."""
    kept = {name: value for name, value in cursor.items() if name != "since" and not name.endswith("registered")}
    return {name: value.partition("#")[0] if name == "seen" and value else value for name, value in kept.items()}


@pytest.mark.fast
def test_the_sensors_remember_what_they_remembered_before(registry, run, instance):
    from mlops_assets_tests.sensors.conftest import Model

    settings = trees(registry)
    registry.client.set_registered_model_alias("m", "Champion", "1")
    folder = registry.folder.parent
    settings["inputs"].to_parquet(folder / "inputs.parquet")
    os.truncate(folder / "inputs.parquet", 1000)
    os.utime(folder / "inputs.parquet", ns=(0, 1_700_000_000_000_000_000))
    model = Model(folder, registry.resource, instance)
    found = {}
    for sensor in ("champion", "inputs", "new_version"):
        first = model.tick(f"m_{sensor}_sensor")
        keys = [request.run_key for request in first.run_requests or []]
        found[sensor] = {"cursor": without_times(json.loads(first.cursor)), "run_keys": keys}
    check("sensors", found)
