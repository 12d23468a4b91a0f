"""The names of a ledger's columns."""

OUTPUT = "output"
SPACE = "space"
EXPLAINED_VALUE = "explained_value"
OLD_EXPLAINED_VALUE = "prediction"
"""What `explained_value` was called until 0.1, when two tables that people join called two things so."""
SHAP_PREFIX = "shap_"
INTERACTION_PREFIX = "interaction_"
MAIN_PREFIX = "main_"
OTHERS_PREFIX = "others_"


def shap_column(feature: str) -> str:
    """The ledger's column with the attributions of an input column."""
    return SHAP_PREFIX + feature


def interaction_column(one: str, other: str) -> str:
    """The ledger's column with the interaction values of two input columns."""
    return f"{INTERACTION_PREFIX}{one}__{other}"


def main_column(feature: str) -> str:
    """The column with an input column's main effects: what it does alone."""
    return MAIN_PREFIX + feature


def others_column(feature: str) -> str:
    """The column with an input column's interactions with all columns that have none of their own here, together."""
    return OTHERS_PREFIX + feature
