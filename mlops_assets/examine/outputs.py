"""Where the tables will go: can it be reached, and written to."""

import os
import secrets
from pathlib import Path

from mlops_assets.errors import TableError
from mlops_assets.examine.findings import Notes
from mlops_assets.storage.location import Location

_CHECK_IT = "Check the permissions, or choose another folder with outputs.path"


def examine_outputs(outputs: str, root: Path, notes: Notes) -> None:
    """Try it: a remote place gets a small object, which is removed; of a local one, the nearest folder that exists."""
    with notes.report_errors("storage"):
        place = Location.parse(outputs, base=root)
        if place.is_local:
            _try_local(Path(place.address))
        else:
            probe = place.child(f".mlops_assets_probe_{secrets.token_hex(4)}")
            probe.write_bytes_atomically(b"")
            probe.remove()
        notes.add("storage", "green", f"Tables can be written to {place.uri}")


def _try_local(folder: Path) -> None:
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    if not existing.is_dir():
        raise TableError(f"{existing.name!r} is a file, not a folder", where=str(folder), fix=_CHECK_IT)
    if not os.access(existing, os.W_OK | os.X_OK):
        raise TableError("The folder cannot be written to", where=str(existing), fix=_CHECK_IT)
