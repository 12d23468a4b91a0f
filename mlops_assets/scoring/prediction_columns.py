"""The columns of a predictions table: the row key, the model's own outputs, and which model made them."""

from collections.abc import Sequence

import pyarrow as pa

MODEL_VERSION, MODEL_DIGEST = "model_version", "model_digest"


def model_output_columns(predictions: pa.Schema, row_key: Sequence[str]) -> list[str]:
    """Names of the columns that the model returned, in the table's order."""
    added = {*row_key, MODEL_VERSION, MODEL_DIGEST}
    return [name for name in predictions.names if name not in added]
