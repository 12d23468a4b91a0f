"""Paths of this machine, as a person may write them."""

import os
import re
from pathlib import Path
from urllib.parse import unquote

from mlops_assets.errors import ConfigurationError


def is_path(text: str) -> bool:
    """Whether every reader can name such a file: Arrow names them in UTF-8."""
    return not re.search("[\0\ud800-\udfff]", text)


def path_of_url(url: str) -> str:
    """The path of a ``file:///`` URL.

    Raises
    ------
    ConfigurationError
        It names none.
    """
    path = unquote(re.split("[?#]", url.partition("://")[2].removeprefix("localhost"))[0])
    if not path.startswith("/") or not is_path(path):
        raise ConfigurationError(
            f"{url[:80]!r} names no file of this machine", fix="Write file:///absolute/path, or the path"
        )
    return os.path.normpath(path)


def absolute_path(text: str, base: Path | None = None) -> str:
    """A path that may begin with ``~``, from `base` or the working folder; a user that is none stays as it is."""
    # Not pathlib's, which raises for a user that is none.
    home = os.path.expanduser(text)  # noqa: PTH111
    return os.path.normpath(((base or Path.cwd()) / home).absolute())
