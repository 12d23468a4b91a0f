"""The error of the readers."""


class UnreadableTreesError(ValueError):
    """A tree model with something that an additive sum of trees does not express.

    Attributes
    ----------
    what
        What it holds, as one sentence without a full stop.
    where
        The name of the model's class.
    fix
        What the model's owner can do; None where nothing is known.
    """

    def __init__(self, what: str, *, where: str, fix: str | None = None) -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__(f"{what} ({where})." + (f" {fix}." if fix else ""))
