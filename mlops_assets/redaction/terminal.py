"""Text that somebody else chose, for a terminal."""


def printable(text: str) -> str:
    """A line in which control characters, which could rewrite what is on the screen, are shown as their escapes.

    Examples
    --------
    >>> print(printable("a\\x1b[2Jb"))
    a\\x1b[2Jb
    """
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
