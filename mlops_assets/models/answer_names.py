"""Names for the columns of a model's answer."""

from collections.abc import Sequence

PREDICTION = "prediction"


def name_columns(
    found: Sequence[object], declared: Sequence[str], method: str = "predict", classes: Sequence[object] | None = None
) -> list[str]:
    """One text for each column, none twice; see `read_answer`.

    Examples
    --------
    >>> name_columns(["score", "score", None], ())
    ['score', 'score_1', 'prediction_2']
    >>> name_columns([0, 1], ("low", "high")), name_columns([None], ())
    (['low', 'high'], ['prediction'])
    """
    width = len(found)
    default = _default_names(width, declared, method, classes)
    # A library numbers columns that have no names.
    if all(name is None or (isinstance(name, int) and not isinstance(name, bool)) for name in found):
        return default
    texts = [_text(name) or default[place] for place, name in enumerate(found)]
    if len(set(texts)) == width:
        return texts
    return list(declared) if len(declared) == width == len(set(declared)) else _numbered(texts)


def _default_names(width: int, declared: Sequence[str], method: str, classes: Sequence[object] | None) -> list[str]:
    if method == "predict_proba":
        labels = classes if classes is not None and len(classes) == width else range(width)
        return [f"probability_{label}" for label in labels]
    if len(declared) == width == len(set(declared)):
        return list(declared)
    return [PREDICTION] if width == 1 else [f"{PREDICTION}_{place}" for place in range(width)]


def _text(name: object) -> str:
    """A name as text; empty where it is missing."""
    if isinstance(name, tuple):
        return "_".join(part for part in map(_text, name) if part)
    # NaN is the one value that differs from itself; NA and NaT are pandas' own.
    missing = name is None or name != name or type(name).__name__ in ("NAType", "NaTType")
    return "" if missing else str(name).strip()


def _numbered(texts: Sequence[str]) -> list[str]:
    names: dict[str, None] = {}
    given, again = set(texts), dict.fromkeys(texts, 0)
    for text in texts:
        name = text
        while name in names or (again[text] and name in given):
            again[text] += 1
            name = f"{text}_{again[text]}"
        names[name] = None
    return list(names)
