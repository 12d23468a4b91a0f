"""What each column of the ledger, its background and its summary means, for people who join them."""

from collections.abc import Mapping, Sequence

from mlops_assets.explain.columns import INTERACTION_PREFIX, MAIN_PREFIX, OTHERS_PREFIX, SHAP_PREFIX

MODEL_COLUMNS = {
    "model_version": "Version number of the registered model.",
    "model_digest": "SHA-256 of the files of this model version, as champion_model shows it.",
}


def describe_ledger(
    columns: Sequence[str], row_key: Sequence[str], features: Sequence[str], space: str
) -> dict[str, str]:
    """A description of every column of `sample_explanations`; `space` is the unit of its numbers.

    Parameters
    ----------
    columns
        The ledger's columns, in any order.
    features
        The explained columns of the inputs.
    """
    unit = f"Unit: {space}."
    known = {
        "output": "The explained output: the class, or the name of the output column.",
        "prediction": f"The explained value of this row and output. {unit}",
        "explained_value": f"The explained value of this row and output: base_value + attributions + residual. {unit}",
        "space": "The scale on which base value and attributions add up to the explained value.",
        "base_value": f"The expected value without knowledge of the row, from which the attributions start. {unit}",
        "residual": f"What base value and attributions leave of the explained value; 0 up to rounding if exact. {unit}",
    } | MODEL_COLUMNS
    known |= {f"{SHAP_PREFIX}{name}": _attribution(name, unit) for name in features}
    return _describe(columns, row_key, known, {INTERACTION_PREFIX: f"Interaction value of two input columns. {unit}"})


def describe_summary(columns: Sequence[str], space: str | None) -> dict[str, str]:
    """A description of every column of `model_explanations`."""
    unit = f"Unit: {space}." if space else "Unit: the space that the asset's metadata names."
    known = {
        "output": "The explained output: the class, or the name of the output column.",
        "feature": "Column of the inputs.",
        "mean_abs_shap": f"Mean absolute attribution over the explained rows: how much the column matters. {unit}",
        "mean_shap": f"Mean attribution over the explained rows; its sign is the average direction. {unit}",
        "native_importance": "The model's own importance of the column, in its own unit; null where it has none.",
        "rank": "1 is the column with the largest mean_abs_shap of its output.",
    } | MODEL_COLUMNS
    return _describe(columns, (), known, {})


def describe_interactions(columns: Sequence[str], row_key: Sequence[str], space: str) -> dict[str, str]:
    """A description of every column of `sample_interactions`; `space` is the unit of its numbers."""
    unit = f"Unit: {space}."
    known = {
        "output": "The explained output: the class, or the name of the output column.",
        "space": "The scale on which main effects and interactions add up to attributions.",
    } | MODEL_COLUMNS
    prefixes = {
        MAIN_PREFIX: f"What the input column does alone, its main effect. {unit}",
        INTERACTION_PREFIX: f"Half of what two input columns do together; each has one half. {unit}",
        OTHERS_PREFIX: f"The input column's interactions with all columns that are not chosen, together. {unit}",
    }
    return _describe(columns, row_key, known, prefixes)


def describe_background(columns: Sequence[str]) -> dict[str, str]:
    """A description of every column of the background sample."""
    return {name: f"Input column {name} of a background row, as the signature types it." for name in columns}


def _attribution(feature: str, unit: str) -> str:
    return f"Attribution of input column {feature}: how far it moves the row from the base value. {unit}"


def _describe(
    columns: Sequence[str], row_key: Sequence[str], known: Mapping[str, str], prefixes: Mapping[str, str]
) -> dict[str, str]:
    described = {}
    for name in columns:
        by_prefix = next((text for prefix, text in prefixes.items() if name.startswith(prefix)), None)
        text = "Row key: identifies the row, as in the inputs." if name in row_key else known.get(name, by_prefix)
        if text is not None:
            described[name] = text
    return described
