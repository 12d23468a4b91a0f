"""A model and a table as the package's predecessor had them: cloudpickled wrapper, transformed names, raw types."""

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

pytestmark = pytest.mark.slow


class Bikes(mlflow.pyfunc.PythonModel):
    def __init__(self, pipeline):
        self._closed = lambda: pipeline

    def get_internal_model(self):
        return self._closed()

    def predict(self, context, model_input, params=None):
        return self._closed().predict(model_input)

    def explain_model(self):
        pipeline = self._closed()
        return pd.Series(pipeline[-1].feature_importances_, pipeline[:-1].get_feature_names_out())

    def explain_samples(self, inputs):
        import shap

        pipeline = self._closed()
        made = pipeline[:-1].transform(inputs)
        values = shap.TreeExplainer(pipeline[-1]).shap_values(made)
        return pd.DataFrame(values, columns=pipeline[:-1].get_feature_names_out())


def test_a_raw_table_ends_in_predictions_and_explanations(registry, run, tmp_path) -> None:
    count = 60
    rows = pd.DataFrame(
        {
            "season": np.arange(count) % 4,
            "holiday": np.arange(count) % 7 == 0,
            "temp": np.linspace(0, 1, count),
            "dteday": pd.date_range("2011-01-01", periods=count),
        }
    )
    columns = ColumnTransformer(
        [
            ("categoricals", OneHotEncoder(sparse_output=False), ["season", "holiday"]),
            ("numericals", StandardScaler(), ["temp"]),
        ]
    )
    forest = RandomForestRegressor(10, random_state=0)
    pipeline = Pipeline([("columns", columns), ("forest", forest)]).fit(rows, rows["temp"] + rows["season"])
    names: list[ColSpec | TensorSpec] = [
        ColSpec("long", "season"),
        ColSpec("boolean", "holiday"),
        ColSpec("double", "temp"),
        ColSpec("datetime", "dteday"),
    ]
    registry.add_pyfunc(Bikes(pipeline), signature=ModelSignature(Schema(names), Schema([ColSpec("double")])))
    raw = rows.assign(
        holiday=rows["holiday"].astype(int), dteday=rows["dteday"].dt.strftime("%Y-%m-%d"), id=range(100, 100 + count)
    )
    raw.loc[3, "holiday"] = 2
    raw.to_parquet(tmp_path / "raw.parquet", index=False)
    inputs = {"path": "raw.parquet", "row_key": ["id"], "types": {"holiday": "bool", "dteday": "timestamp[ns]"}}
    done = run(inputs, trust={"allow_pickle": True}, contract={"max_rejected": 1})
    assert done.success, done.error()
    assert done.table("rejected_samples")["holiday"].tolist() == [2]
    ledger = done.table("sample_explanations")
    total = ledger["base_value"] + ledger[["shap_season", "shap_holiday", "shap_temp", "shap_dteday"]].sum(axis=1)
    np.testing.assert_allclose(total, pipeline.predict(rows.drop(index=3)))


class Tired(mlflow.pyfunc.PythonModel):
    """Explains itself, but not the rows of the last chunk."""

    def __init__(self, forest, failure):
        self.forest, self.failure = forest, failure

    def predict(self, context, model_input, params=None):
        return self.forest.predict(model_input)

    def explain_samples(self, inputs):
        import shap

        if (inputs["a"] > 280).any() and self.failure == "raise":
            raise RuntimeError("no more")
        answer = pd.DataFrame(
            shap.TreeExplainer(self.forest).shap_values(inputs), columns=inputs.columns, index=inputs.index
        )
        if (inputs["a"] > 280).any():
            return answer.iloc[:-1] if self.failure == "rows" else answer.rename(columns={"a": "A"})
        return answer

    def explain_model(self):
        raise SystemError("never")


@pytest.mark.parametrize("failure", ["raise", "rows", "columns"])
def test_a_later_chunk_that_cannot_be_explained_leaves_all_rows_to_one_exact_explainer(
    failure, registry, run, tmp_path
) -> None:
    rows = pd.DataFrame({"a": np.arange(300.0), "b": np.sin(np.arange(300))})
    forest = RandomForestRegressor(5, random_state=0).fit(rows, rows["a"] * rows["b"])
    names: list[ColSpec | TensorSpec] = [ColSpec("double", "a"), ColSpec("double", "b")]
    registry.add_pyfunc(Tired(forest, failure), signature=ModelSignature(Schema(names), Schema([ColSpec("double")])))
    rows.assign(id=range(300)).to_parquet(tmp_path / "raw.parquet", index=False)
    # The background is drawn from all rows: a seed whose sample has none of the last ones.
    done = run(
        {"path": "raw.parquet", "row_key": ["id"]},
        trust={"allow_pickle": True},
        explain={"background_rows": 3, "batch_rows": 50},
    )
    assert done.success, done.error()
    ledger = done.table("sample_explanations")
    assert len(ledger) == 300
    total = ledger["base_value"] + ledger[["shap_a", "shap_b"]].sum(axis=1)
    np.testing.assert_allclose(total, forest.predict(rows))
    metadata = done.metadata("sample_explanations")
    assert metadata["explainer"] == "TreeExplainer"
    assert "the model's own explain_samples() was passed over" in metadata["explainer_reason"]
    # No row was explained by the model itself: covers make another base than its shap's.
    assert ledger["base_value"].nunique() == 1
