"""The errors of the readers of model files."""


class NativeFileError(ValueError):
    """A model file that does not lead only to its own parts.

    Attributes
    ----------
    what
        What is wrong, as a clause that continues "its file ...".
    where
        The place in the file, as "tree 3, left_child".
    """

    def __init__(self, what: str, *, where: str) -> None:
        self.what, self.where = what, where
        super().__init__(f"{what} ({where})")


class UncheckableFileError(NativeFileError):
    """A model file with something that these readers do not know: it may be sound, and nothing here can tell."""
