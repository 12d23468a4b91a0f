"""`score` and `explain` give what a graph publishes for the same model, table and settings, to the bit."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow.models import infer_signature
from mlflow.pyfunc import PythonModel
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

import mlops_assets
from mlops_assets.arrow.plain_types import plain_schema
from mlops_assets.cli import main

pytestmark = pytest.mark.slow

FEATURES = ["age", "income", "tenure"]


class Product(PythonModel):
    """A model that only the permutation explainer can explain."""

    def predict(self, context, model_input, params=None):
        return (model_input["age"] * model_input["income"] + model_input["tenure"]).to_numpy()


@pytest.fixture
def customers(tmp_path) -> pd.DataFrame:
    """Saved as ``inputs.parquet``, which the graph reads as well."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(300, 3)), columns=FEATURES)
    frame = frame.assign(customer_id=[f"c{number:03}" for number in range(300)])
    frame.to_parquet(tmp_path / "inputs.parquet", index=False)
    return frame


def register(registry, customers, model) -> dict[str, bool]:
    """Register a model as the Champion of `m`; returns what its loading needs."""
    features = customers[FEATURES]
    if isinstance(model, PythonModel):
        answers = model.predict(None, features)
        registry.add_pyfunc(model, signature=infer_signature(features, answers))
        return {"allow_pickle": True}
    registry.add_sklearn(model.fit(features, np.digitize(features.age, [-0.5, 0.5])), features)
    return {}


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(20, random_state=0),
        HistGradientBoostingClassifier(max_iter=20, random_state=0),
        LogisticRegression(),
        MLPClassifier((5,), max_iter=50, random_state=0),
        Product(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_the_same_rows_as_the_graph(model, registry, run, customers, tmp_path):
    trust = register(registry, customers, model)
    done = run({"path": "inputs.parquet", "row_key": ["customer_id"]}, trust=trust)
    assert done.success
    given = {"row_key": "customer_id", "tracking_uri": registry.uri, **trust}
    for name, result in (
        ("predictions", mlops_assets.score("m", tmp_path / "inputs.parquet", **given)),
        ("sample_explanations", mlops_assets.explain("m@Champion", customers, **given)),
    ):
        published = pq.read_table(done.tables / f"{name}.parquet")
        # A writer keeps plain types; the same rows are the same bytes in them.
        assert result.cast(plain_schema(result.schema)).equals(published)
        assert result.schema.metadata == published.schema.metadata


def test_the_command_writes_what_the_function_returns(registry, run, customers, tmp_path, monkeypatch, capsys):
    register(registry, customers, RandomForestClassifier(5, random_state=0))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    assert main(["score", "m", "inputs.parquet", "p.parquet", "--key", "customer_id", "--method", "predict_proba"]) == 0
    scored = mlops_assets.score("m", customers, row_key="customer_id", method="predict_proba")
    assert pq.read_table("p.parquet").equals(scored)
    assert main(["explain", "models:/m/1", "inputs.parquet", "e.csv", "--key", "customer_id", "--limit", "7"]) == 0
    explained = mlops_assets.explain("m/1", customers, row_key="customer_id", limit=7)
    assert pd.read_csv("e.csv", float_precision="round_trip")["shap_age"].tolist() == explained["shap_age"].to_pylist()
    told = capsys.readouterr()
    assert "300 rows scored by m (version 1; predict_proba): p.parquet" in told.out
    assert "21 rows explained by m (version 1; TreeExplainer" in told.out
    assert told.err == ""
    # The files alone: nothing hidden beside them, and no state in a folder of data.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.csv", "inputs.parquet", "p.parquet", "registry"]


@pytest.mark.parametrize("model", [HistGradientBoostingClassifier(max_iter=5), LogisticRegression()], ids=["t", "l"])
def test_a_background_of_ones_own_is_the_graphs(model, registry, run, customers, tmp_path, monkeypatch):
    register(registry, customers, model)
    compared = customers[FEATURES].sample(400, replace=True, random_state=0)
    compared.to_parquet(tmp_path / "background.parquet", index=False)
    done = run(
        {"path": "inputs.parquet", "row_key": ["customer_id"]}, explain={"background": {"path": "background.parquet"}}
    )
    assert done.success
    published = pq.read_table(done.tables / "sample_explanations.parquet")
    for background in (compared, tmp_path / "background.parquet"):
        result = mlops_assets.explain(
            "m", customers, row_key="customer_id", background=background, tracking_uri=registry.uri
        )
        assert result.cast(plain_schema(result.schema)).equals(published)
        assert result.schema.metadata == published.schema.metadata
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    given = ["explain", "m", "inputs.parquet", "e.parquet", "--key", "customer_id"]
    assert main([*given, "--background", "background.parquet"]) == 0
    assert pq.read_table("e.parquet").equals(published)
    of_inputs = mlops_assets.explain("m", customers, row_key="customer_id", tracking_uri=registry.uri)
    assert not result.equals(of_inputs)
    if isinstance(model, HistGradientBoostingClassifier):
        mode = "path_dependent"
        chosen = mlops_assets.explain(
            "m", customers, row_key="customer_id", background=compared, mode=mode, tracking_uri=registry.uri
        )
        assert chosen["base_value"].equals(of_inputs["base_value"])


def test_rows_that_are_selected_have_the_values_that_they_have_among_all(registry, customers):
    trust = register(registry, customers, Product())
    given = {"row_key": "customer_id", "tracking_uri": registry.uri, **trust}
    whole = mlops_assets.explain("m", customers, **given)
    one = mlops_assets.explain("m", customers, where="customer_id == 'c007'", **given)
    assert one.equals(whole.slice(7, 1))
    assert mlops_assets.explain("m", customers, limit=5, **given).equals(whole.slice(0, 5))


def test_each_kind_of_table(registry, customers, tmp_path):
    register(registry, customers, RandomForestClassifier(5, random_state=0))
    table = pa.Table.from_pandas(customers, preserve_index=False)
    customers.to_csv(tmp_path / "c.csv", index=False)
    customers.to_json(tmp_path / "c.jsonl", orient="records", lines=True, double_precision=15)
    (tmp_path / "folder").mkdir()
    pq.write_table(table.slice(0, 100), tmp_path / "folder" / "1.parquet")
    pq.write_table(table.slice(100), tmp_path / "folder" / "2.parquet")
    expected = mlops_assets.score("m", table, row_key=["customer_id"], tracking_uri=registry.uri)
    for each in (table.to_reader(), customers, str(tmp_path / "c.csv"), tmp_path / "c.jsonl", tmp_path / "folder"):
        scored = mlops_assets.score("m", each, row_key=["customer_id"], tracking_uri=registry.uri)
        assert scored.equals(expected), each
    indexed = mlops_assets.score("m", customers.set_index("customer_id"), tracking_uri=registry.uri)
    assert indexed.equals(expected)


def test_a_model_without_a_signature_gets_the_graphs(registry, run, customers):
    features = customers[FEATURES]
    model = RandomForestClassifier(5, random_state=0).fit(features, features.age > 0)
    registry.add_sklearn(model, features, signature=None)
    done = run({"path": "inputs.parquet", "row_key": ["customer_id"], "columns": FEATURES}, job="inference")
    assert done.success
    scored = mlops_assets.score("m", customers, row_key="customer_id", tracking_uri=registry.uri)
    assert scored.schema.metadata == pq.read_schema(done.tables / "predictions.parquet").metadata
