"""Local folders with links in them: each file once, and what is no file by its name."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


@dataclass(frozen=True)
class LocalEntry:
    """What is in a folder, at any depth, and is no folder.

    Attributes
    ----------
    name
        The path below the folder.
    facts
        What the operating system says of it, or of what it is a link to; None: a link that leads nowhere.
    through_link
        Whether it, or a folder above it, is a link.
    leads_out
        Whether it is outside of the folder, by a link.
    """

    name: str
    facts: os.stat_result | None
    through_link: bool = False
    leads_out: bool = False

    @property
    def is_file(self) -> bool:
        return self.facts is not None and stat.S_ISREG(self.facts.st_mode)

    @property
    def kind(self) -> str:
        """``a named pipe``: of what is no file."""
        return "a link that leads nowhere" if self.facts is None else kind_of(self.facts)


def kind_of(facts: os.stat_result) -> str:
    """``a file``, ``a named pipe``, ``a device``, ..."""
    return _KINDS.get(stat.S_IFMT(facts.st_mode), "a file")


def list_below(folder: str) -> Iterator[LocalEntry]:
    """Everything below a folder that is no folder; nothing is opened.

    A link to a folder that it is inside of is left out: all of that folder's files have names of their own.
    """
    root = os.path.realpath(folder)
    if Path(root).is_dir():
        yield from _walk(folder, "", (root,), root, through_link=False)


def _walk(folder: str, prefix: str, above: tuple[str, ...], root: str, *, through_link: bool) -> Iterator[LocalEntry]:
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        name, linked = prefix + entry.name, through_link or entry.is_symlink()
        real = os.path.realpath(entry.path) if linked else ""
        leads_out = linked and os.path.commonpath((root, real)) != root
        try:
            facts = entry.stat()
        except OSError:
            # It leads nowhere or to itself, or has just been removed.
            if entry.is_symlink():
                yield LocalEntry(name, None, linked, leads_out)
            continue
        if not stat.S_ISDIR(facts.st_mode):
            yield LocalEntry(name, facts, linked, leads_out)
            continue
        place = real or f"{above[-1].rstrip('/')}/{entry.name}"
        if place not in above:
            yield from _walk(entry.path, name + "/", (*above, place), root, through_link=linked)
