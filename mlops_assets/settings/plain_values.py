"""What no setting may hold, whatever its type allows: control characters, infinite and huge numbers, odd names."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic.fields import FieldInfo

GREATEST, LONGEST_TEXT = 2**63 - 1, 10_000
"""Of the numbers and of the texts in settings, filters and queries left out."""
# Written over several lines, or made of characters that are no text.
_FREE = frozenset({"query", "where", "delimiter", "output"})
# Paths, or the text of a PEM file, which has lines.
_PEM = frozenset({"key", "certificate"})
# The registry's own names, which MLflow takes whatever they are made of.
_GIVEN = frozenset({"model"})
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_NO_LINE = re.compile("[\t\n\r\u2028\u2029]")
_KIND = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def find_odd_value(values: Mapping[Any, Any], fields: Mapping[str, FieldInfo]) -> str | None:
    """What is wrong with the values of one group, as a sentence that begins with the key; None: nothing is.

    Parameters
    ----------
    fields
        The group's, by their names in YAML.
    """
    for key, value in values.items():
        if not isinstance(key, str):
            return f"{key!r} is no text, and keys are"
        field = fields.get(key)
        if field is not None and (mistake := _mistake(key, value, field)) is not None:
            return f"{key} {mistake}"
    return None


def refuse_odd_keys(values: object) -> None:
    """Raise ValueError where a mapping that becomes arguments has a key that is no text."""
    if isinstance(values, Mapping):
        for key in values:
            if not isinstance(key, str):
                raise ValueError(f"{key!r} is no text, and keys are")


def _mistake(key: str, value: object, field: FieldInfo) -> str | None:
    if isinstance(value, str):
        return _mistake_in_text(key, value)
    if isinstance(value, bool):
        kinds = _kinds_of(field.annotation)
        return None if bool in kinds or not kinds & {int, float} else "should be a number"
    if isinstance(value, float) and not math.isfinite(value):
        return "should be a finite number"
    if isinstance(value, int) and abs(value) > GREATEST:
        return f"should be a number of at most {GREATEST}"
    if isinstance(value, Mapping):
        keys = (str, int) if int in _kinds_of(field.annotation) else str
        odd = [inner for inner in value if not isinstance(inner, keys)]
        return f"has the key {odd[0]!r}, which is no text" if odd else None
    if isinstance(value, Sequence):
        texts = (_mistake_in_text(key, part) for part in value if isinstance(part, str))
        return next((mistake for mistake in texts if mistake is not None), None)
    return None


def _mistake_in_text(key: str, text: str) -> str | None:
    is_free = key in _FREE or (key in _PEM and text.lstrip().startswith("-----BEGIN"))
    if key not in _GIVEN and (_NO_TEXT.search(text) or (not is_free and _NO_LINE.search(text))):
        return "should be text without control characters and line breaks"
    if not is_free and len(text) > LONGEST_TEXT:
        return f"has {len(text)} characters, and {LONGEST_TEXT} is the most"
    if key == "KIND" and not _KIND.fullmatch(text):
        return "should be a name such as Name, or your own class as module.Class"
    return None


def _kinds_of(annotation: Any) -> frozenset[Any]:
    inner = get_args(annotation)
    return frozenset({annotation}).union(*map(_kinds_of, inner)) if inner else frozenset({annotation})
