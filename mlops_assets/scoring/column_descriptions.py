"""What each column of the samples and the predictions means, for people who join them."""

from collections.abc import Sequence

from mlops_assets.scoring.prediction_columns import MODEL_DIGEST, MODEL_VERSION

REASONS = "reasons"
ROW_KEY = "Row key: identifies the row, as in the inputs."


def describe_predictions(columns: Sequence[str], row_key: Sequence[str], method: str) -> dict[str, str]:
    """A description of every column of `predictions`."""
    added = {
        MODEL_VERSION: "Version number of the registered model that predicted.",
        MODEL_DIGEST: "SHA-256 of the files of this model version, as champion_model shows it.",
    } | dict.fromkeys(row_key, ROW_KEY)
    return {name: added.get(name) or _describe_output(name, method) for name in columns}


def describe_joined(columns: Sequence[str]) -> dict[str, str]:
    """A description of every column of `predictions_explained` that is not the ledger's: outputs of the model."""
    return {name: f"Output {name} of the model for this row, as in predictions." for name in columns}


def _describe_output(name: str, method: str) -> str:
    if method == "predict_proba":
        return f"Probability of the class {name.removeprefix('probability_')}, from predict_proba (0 to 1)."
    return f"Output {name} of the model, in the model's own unit."


def describe_inputs(
    columns: Sequence[str], row_key: Sequence[str], ignored: Sequence[str], carried: Sequence[str] = ()
) -> dict[str, str]:
    """A description of every column of the table that is scored.

    Parameters
    ----------
    ignored
        Columns that the signature does not name.
    carried
        Columns that are kept beside the model's inputs.
    """
    added = dict.fromkeys(ignored, "Not read by the model.") | dict.fromkeys(row_key, ROW_KEY)
    added |= dict.fromkeys(carried, "The true answer, kept beside the inputs. Not read by the model.")
    return {name: added.get(name, "Input of the model.") for name in columns}


def describe_samples(columns: Sequence[str], row_key: Sequence[str]) -> dict[str, str]:
    """A description of every column of `input_samples` and `rejected_samples`."""
    added = dict.fromkeys(row_key, ROW_KEY) | {
        REASONS: "Why the contract rejected the row: the column and the code of each fault."
    }
    return {name: added.get(name, f"Column {name} of the inputs.") for name in columns}
