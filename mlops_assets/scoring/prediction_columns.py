"""The columns of a predictions table: the row key, the model's own outputs, and which model made them."""

from collections.abc import Sequence

import pyarrow as pa

MODEL_VERSION, MODEL_DIGEST = "model_version", "model_digest"
REASONS = "reasons"
ROW_KEY = "Row key: identifies the row, as in the inputs."


def model_output_columns(predictions: pa.Schema, row_key: Sequence[str]) -> list[str]:
    """Names of the columns that the model returned, in the table's order."""
    added = {*row_key, MODEL_VERSION, MODEL_DIGEST}
    return [name for name in predictions.names if name not in added]


def describe_predictions(columns: Sequence[str], row_key: Sequence[str], method: str) -> dict[str, str]:
    """A description of every column of `predictions`."""
    added = {
        MODEL_VERSION: "Version number of the registered model that predicted.",
        MODEL_DIGEST: "SHA-256 of the files of this model version, as champion_model shows it.",
    } | dict.fromkeys(row_key, ROW_KEY)
    output = (
        "Probability of class {name}, from predict_proba (0 to 1)."
        if method == "predict_proba"
        else "Output {name} of the model, in the model's own unit."
    )
    return {name: added.get(name, output.format(name=name)) for name in columns}


def describe_samples(columns: Sequence[str], row_key: Sequence[str]) -> dict[str, str]:
    """A description of every column of `input_samples` and `rejected_samples`."""
    added = dict.fromkeys(row_key, ROW_KEY) | {
        REASONS: "Why the contract rejected the row: the column and the code of each fault."
    }
    return {name: added.get(name, f"Column {name} of the inputs.") for name in columns}
