# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Contract, predictions and explanations, without Dagster
# A model as a folder that MLflow saved; a registered one is named `churn`, `churn@Challenger` or `churn/3`.

# %%
import tempfile
from pathlib import Path

import mlflow.sklearn
import pyarrow as pa
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier

import mlops_assets
from mlops_assets import Contract, ContractError, InferSigner

wines, grape = load_wine(return_X_y=True, as_frame=True)
wines = wines[["alcohol", "flavanoids", "proline"]]
wines.index.name = "wine"
model = RandomForestClassifier(n_estimators=30, max_depth=4, random_state=0).fit(wines, grape)

# %% [markdown]
# ## A signature
# A signer makes it from rows and the model's answers.

# %%
signature = InferSigner().sign(wines, model.predict(wines))
folder = Path(tempfile.mkdtemp()) / "model"
mlflow.sklearn.save_model(
    model,
    folder,
    signature=signature,
    pip_requirements=["scikit-learn"],
    skops_trusted_types=["numpy.dtype", "sklearn.tree._tree.Tree"],
)
print(signature.inputs)

# %% [markdown]
# ## The contract
# Each row is judged by itself: the second one lacks a value that the signature requires.

# %%
batch = pa.RecordBatch.from_pydict(
    {"wine": [1, 2], "alcohol": [13.2, None], "flavanoids": [2.8, 0.9], "proline": [1050.0, 600.0]}
)
verdict = Contract(signature.inputs, batch.schema, row_key=["wine"]).apply(batch)
print(verdict.accepted.to_pylist())
print(verdict.rejected.to_pylist())

# %% [markdown]
# ## Scores
# A row that breaks the contract stops everything, unless so many are allowed.

# %%
predictions = mlops_assets.score(str(folder), wines)
print(predictions.slice(0, 3).to_pandas())

incomplete = wines.copy()
incomplete.iloc[5, 0] = None
try:
    mlops_assets.score(str(folder), incomplete)
except ContractError as error:
    refusal = str(error)
    print(refusal)
accepted = mlops_assets.score(str(folder), incomplete, max_rejected=1)

# %% [markdown]
# ## Explanations
# For each wine and class, what each column added to the probability.

# %%
ledger = mlops_assets.explain(str(folder), wines)
frame = ledger.to_pandas()
shap = [column for column in frame.columns if column.startswith("shap_")]
print(ledger.schema.metadata[b"mlops_assets.space"].decode())
print(frame.groupby("output")[shap].agg(lambda values: values.abs().mean()))
