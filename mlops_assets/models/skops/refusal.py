"""Why a skops file is refused: what is wrong, where in its object, and what may allow it."""


class RefusedStateError(Exception):
    """A skops file holds what this package does not load.

    Attributes
    ----------
    what
        What is wrong, to be read after "because <file>".
    path
        Where, as one would write it in Python: ``steps[1][1].vocabulary_``.
    allow
        The type that `trust.trusted_types` would have to name; None where nothing allows it.
    """

    def __init__(self, what: str, path: object = "", allow: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.path = str(path)
        self.allow = allow


def quote(value: object, longest: int = 80) -> str:
    """Text that somebody else chose, on one line."""
    text = repr(value)
    return text if len(text) <= longest else f"{text[:longest]}..."
