"""What each column of the changes means, for people who join them."""

from collections.abc import Sequence

from mlops_assets.explain.compare.comparison import CHANGE_PREFIX

_KEY = "Row key: identifies the row, as in the inputs."
_OUTPUT = "The explained output: the class, or the name of the output column."
_VERSIONS = {
    "version_before": "Version that differences are counted from.",
    "version_after": "Version that they lead to.",
    "digest_before": "SHA-256 over the files of version_before.",
    "digest_after": "SHA-256 over the files of version_after.",
}


def describe_changes(
    columns: Sequence[str], row_key: Sequence[str], features: Sequence[str], space: str
) -> dict[str, str]:
    """A description of every column of `changes`; `space` is the unit of the difference and its parts."""
    known = {
        "output": _OUTPUT,
        "space": "The scale on which the parts add up.",
        "prediction_before": "What version_before predicts, on the prediction's own scale.",
        "prediction_after": "What version_after predicts, on the prediction's own scale.",
        "prediction_change": "prediction_after - prediction_before.",
        "changed": "Whether the prediction moves by more than the tolerance.",
        "swap": "up: from below the decision threshold to it or above; down: the other way; null: neither.",
        "value_before": f"Explained value of version_before. Unit: {space}.",
        "value_after": f"Explained value of version_after. Unit: {space}.",
        "difference": f"value_after - value_before, the sum of all parts: base, columns, residual. Unit: {space}.",
        "base_change": f"Change of the base value. Unit: {space}.",
        "residual_change": f"Change of what attributions leave: rounding. Unit: {space}.",
        "standard_error": "Of sampled attributions: that of the largest part; null where both versions are exact.",
        **_VERSIONS,
    }
    known |= {f"{CHANGE_PREFIX}{name}": f"Part of {name} in the difference. Unit: {space}." for name in features}
    known |= dict.fromkeys(row_key, _KEY)
    return {name: known[name] for name in columns if name in known}


def describe_change_summary(columns: Sequence[str], space: str) -> dict[str, str]:
    """A description of every column of `change_summary`."""
    known = {
        "output": _OUTPUT,
        "segment_column": "Input column whose segment this is; null: all rows.",
        "segment": "Its value, or range of values; null: all rows.",
        "rows": "Rows that were compared.",
        "changed_rows": "Rows whose prediction moves by more than the tolerance.",
        "changed_share": "Of all rows of the group, from 0 to 1.",
        "swapped_up": "Rows that come from below the decision threshold to it or above; null: there is none.",
        "swapped_down": "Rows that go the other way; null: there is none.",
        "swapped_share": "Rows that change sides, of all rows of the group; null: there is no threshold.",
        "mean_before": "Mean prediction of version_before, on the prediction's own scale.",
        "mean_after": "Mean prediction of version_after, on the prediction's own scale.",
        "mean_abs_change": "Mean absolute change of the prediction, on its own scale.",
        "max_abs_change": "Largest absolute change of the prediction, on its own scale.",
        "mean_difference": f"Mean difference of the explained values. Unit: {space}.",
        "mean_abs_difference": f"Mean absolute difference of the explained values. Unit: {space}.",
        "mean_base_change": f"Change of the base value. Unit: {space}.",
        "mean_residual_change": f"Mean change of the residual: rounding. Unit: {space}.",
        "rank": "1 is the column that makes most of the difference in the group.",
        "feature": "Input column of either version.",
        "feature_mean_abs_change": f"Mean absolute part of the column in the difference. Unit: {space}.",
        "feature_mean_change": f"Mean part of the column in the difference. Unit: {space}.",
        **_VERSIONS,
    }
    return {name: known[name] for name in columns if name in known}
