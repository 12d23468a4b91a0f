"""Folders whose files no other user of the machine can exchange."""

import os
import stat
import sys
from pathlib import Path

from mlops_assets.errors import TrustError

_SYSTEM = 0


def make_private_folder(folder: Path) -> None:
    """Make `folder`, for its owner alone, where it is missing; return if nobody else can exchange what is in it.

    Whoever owns a folder above it, or may write to one, can put another folder in its place, so all of them are looked
    at, those behind links too: each belongs to this user or to the system, and only a folder in which nobody can touch
    the entries of others (the sticky bit, as ``/tmp`` has it) may be written by others.

    Raises
    ------
    TrustError
        Somebody else could.
    """
    folder = folder.absolute()
    missing = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
    if sys.platform == "win32":
        return
    own = folder.lstat()
    if stat.S_ISLNK(own.st_mode) or own.st_uid != os.geteuid() or stat.S_IMODE(own.st_mode) & 0o022:
        raise _refusal(folder, folder)
    # As it is written, and as it is: a link belongs to somebody as well.
    for each in dict.fromkeys((*folder.parents, *folder.resolve().parents)):
        if not _is_safe(each):
            raise _refusal(folder, each)


def _is_safe(folder: Path) -> bool:
    status = folder.lstat()
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid not in (_SYSTEM, os.geteuid()):
        return False
    # The mode of a link says nothing; what it leads to is looked at by itself.
    if stat.S_ISLNK(status.st_mode) or mode & stat.S_ISVTX:
        return True
    return not mode & 0o002 and (not mode & 0o020 or is_own_group(status.st_gid))


def is_own_group(group: int) -> bool:
    """Whether nobody else is in a group: the system's, or the one of this user's own name that many systems make."""
    if group == _SYSTEM:
        return True
    import grp
    import pwd

    try:
        user, named = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return named.gr_name == user.pw_name and set(named.gr_mem) <= {user.pw_name}


def _refusal(folder: Path, at: Path) -> TrustError:
    which = "" if at == folder else f", because of the folder {at} above it"
    return TrustError(
        f"The model cache can be written by somebody else, who could exchange a model before it is loaded{which}",
        where=str(folder),
        fix="Make the folder yours alone (chmod 700), or set MLOPS_ASSETS_HOME to a folder of your own",
    )
