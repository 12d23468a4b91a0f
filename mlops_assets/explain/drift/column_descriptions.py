"""What each column of `drift`, `profile` and `reference_profile` means, for people who query them."""

from collections.abc import Sequence

_BOTH = {
    "segment": "`all rows`, or column=value of the rows that are compared.",
    "role": "input, prediction, or a part of an output's mean: explained_value, base_value, attribution, residual.",
    "output": "The explained output; null for inputs and predictions.",
    "column_name": "The column of the inputs or predictions; of an attribution, the input column it belongs to.",
}
_DRIFT = {
    "rows": "Rows of the run; of parts of a mean, explained rows.",
    "reference_rows": "The same of the reference.",
    "mean": "Mean of the run's numbers; dates and times in seconds.",
    "reference_mean": "The same of the reference.",
    "mean_change": "mean - reference_mean. Of an output, explained_value is the sum of the other parts.",
    "missing_share": "Share of rows without a finite value (0 to 1).",
    "reference_missing_share": "The same of the reference.",
    "unseen_share": "Categories: share of rows whose category the reference does not have (0 to 1).",
    "unseen_categories": "Categories: the commonest of these.",
    "psi": "Numbers: population stability index over tenths of the reference, and missing values, in nats.",
    "wasserstein": "Numbers: first Wasserstein distance, in the column's unit.",
    "jensen_shannon": "Jensen-Shannon distance, missing values included (0: the same; 1: nothing in common).",
    "p_value": "How often chance makes so large a difference, for this column alone.",
    "adjusted_p_value": "The same for all compared columns together (Holm).",
    "drifted": "Whether the change is no chance and larger than a threshold.",
    "rank": "1 has changed most, within its segment.",
    "note": "What the numbers leave out, or why there are none.",
}
_PROFILE = {
    "run": "this, or the run before, previous.",
    "kind": "number, category or other.",
    "rows": "Rows, also those without a value.",
    "missing": "Rows that are null or NaN.",
    "not_finite": "Rows that are infinite; of an output, that have a value which is not finite.",
    "mean": "Mean of finite numbers.",
    "total": "Their exact sum, as a fraction in hexadecimal.",
    "shift": "How many of the last bits of a value are left out: 0 for exact counts.",
    "places": "Which values there are, packed; `mlops_assets.explain.drift.profile_table` reads it.",
    "counts": "How many rows have each, packed likewise.",
    "labels": "Categories: their texts, as JSON.",
}


def describe_drift(columns: Sequence[str]) -> dict[str, str]:
    """A description of every column of `drift`."""
    known = _BOTH | _DRIFT
    return {name: known[name] for name in columns if name in known}


def describe_profile(columns: Sequence[str]) -> dict[str, str]:
    """A description of every column of `profile` and `reference_profile`."""
    known = _BOTH | _PROFILE
    return {name: known[name] for name in columns if name in known}
