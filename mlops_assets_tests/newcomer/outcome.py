"""Whether a newcomer got what was promised: the model's own predictions for every row, and their explanations."""

from pathlib import Path

import numpy as np
import pandas as pd


def predictions_are_there(tables: Path, expected: Path) -> bool:
    """Every row of the inputs has the prediction that the model itself makes."""
    place = tables / "predictions.parquet"
    if not place.exists():
        return False
    published, own = pd.read_parquet(place).sort_values("id"), pd.read_parquet(expected)
    if published["id"].tolist() != list(range(len(own))):
        return False
    probabilities = published.filter(regex="^probability_")
    if len(probabilities.columns):
        # `init` asks a classifier for probabilities: the largest is that of the class which the model predicts.
        classes = probabilities.idxmax(axis="columns").str.removeprefix("probability_")
        return bool(classes.tolist() == own["prediction"].astype(str).tolist())
    columns = [column for column in own.columns if column in published.columns]
    if len(columns) != len(own.columns):
        # A model that returns an array: the signature names its only column, and the newcomer did not.
        columns = [column for column in published.columns if column not in ("id", "model_version", "model_digest")]
        own = own.set_axis(columns, axis="columns") if len(columns) == len(own.columns) else own
    return len(columns) == len(own.columns) and all(_same(published[column], own[column]) for column in columns)


def _same(published: "pd.Series[float]", own: "pd.Series[float]") -> bool:
    if pd.api.types.is_float_dtype(own):
        # A model's own batches may differ from ours, and with them the last bits.
        return bool(np.allclose(published, own, rtol=1e-6, equal_nan=True))
    return published.tolist() == own.tolist()


def explanations_are_there(tables: Path, expected: Path) -> bool:
    """Every row is explained, the numbers add up, and they are not all zero; the report is beside them."""
    places = [tables / name for name in ("sample_explanations.parquet", "model_explanations.parquet")]
    if not all(place.exists() for place in (*places, tables / "explanation_report.html")):
        return False
    ledger = pd.read_parquet(places[0])
    shap = ledger[[column for column in ledger.columns if column.startswith("shap_")]]
    total = ledger["base_value"] + shap.sum(axis="columns") + ledger["residual"]
    return (
        set(ledger["id"]) == set(range(len(pd.read_parquet(expected))))
        and bool(np.allclose(total, ledger["explained_value"], rtol=1e-6, atol=1e-9))
        and bool(shap.abs().to_numpy().max() > 0)
    )
