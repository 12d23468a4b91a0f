"""The names of a ledger's columns."""

OUTPUT = "output"
SPACE = "space"
EXPLAINED_VALUE = "explained_value"
OLD_EXPLAINED_VALUE = "prediction"
"""What `explained_value` was called until 0.1, when two tables that people join called two things so."""
SHAP_PREFIX = "shap_"
INTERACTION_PREFIX = "interaction_"


def shap_column(feature: str) -> str:
    """The ledger's column with the attributions of an input column."""
    return SHAP_PREFIX + feature


def interaction_column(one: str, other: str) -> str:
    """The ledger's column with the interaction values of two input columns."""
    return f"{INTERACTION_PREFIX}{one}__{other}"
