"""What each column of the reasons means, for people who join them."""

import re
from collections.abc import Sequence

from mlops_assets.explain.ledger.column_descriptions import MODEL_COLUMNS

_KEY = "Row key: identifies the row, as in the inputs."
_OUTPUT = "The explained output: the class, or the name of the output column."
_STABLE = "Whether no attribution, changed by no more than its error, could make another list."
_WIDE = re.compile(r"reason_(\d+)(|_code|_text)")
_WIDE_TEXTS = {
    "": "Input column or group of the reason of rank {}; null where there are fewer.",
    "_code": "Code of the reason of rank {}, from the catalogue.",
    "_text": "Approved text of the reason of rank {}, from the catalogue.",
}


def describe_reasons(columns: Sequence[str], row_key: Sequence[str], space: str) -> dict[str, str]:
    """A description of every column of `reasons`; `space` is the unit of its attributions."""
    known = {
        "output": _OUTPUT,
        "rank": "1 is the strongest reason of the row and output.",
        "feature": "Input column, or group of them, that the reason is about.",
        "value": "The input's value as text; of a group, name and value of its leading column. Null: missing.",
        "attribution": f"How far it moves the explained value of the row. Unit: {space}.",
        "share": "Its absolute attribution as a share of those of all columns and groups of the row, 0 to 1.",
        "code": "Code of the reason, from the catalogue; null without a catalogue.",
        "text": "Approved text of the reason, from the catalogue; null without a catalogue.",
        "stable": _STABLE,
    }
    known |= MODEL_COLUMNS | dict.fromkeys(row_key, _KEY)
    return {name: known[name] for name in columns if name in known}


def describe_wide(columns: Sequence[str], row_key: Sequence[str]) -> dict[str, str]:
    """A description of every column of `predictions_with_reasons` that is not an output of the model."""
    known = {"output": _OUTPUT, "reasons_stable": _STABLE} | MODEL_COLUMNS | dict.fromkeys(row_key, _KEY)
    described = {name: known[name] for name in columns if name in known}
    for name in columns:
        if (match := _WIDE.fullmatch(name)) is not None:
            described[name] = _WIDE_TEXTS[match.group(2)].format(match.group(1))
    return described
