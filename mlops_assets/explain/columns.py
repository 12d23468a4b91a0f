"""The names of a ledger's columns."""

SHAP_PREFIX = "shap_"
INTERACTION_PREFIX = "interaction_"


def shap_column(feature: str) -> str:
    """The ledger's column with the attributions of an input column."""
    return SHAP_PREFIX + feature


def interaction_column(one: str, other: str) -> str:
    """The ledger's column with the interaction values of two input columns."""
    return f"{INTERACTION_PREFIX}{one}__{other}"
