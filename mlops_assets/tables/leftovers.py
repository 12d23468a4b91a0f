"""What killed writers left in the folder of published tables."""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from mlops_assets.storage.location import LOCK_SUFFIX, Location
from mlops_assets.tables.parts.staging import STAGING, sweep_staging
from mlops_assets.tables.parts.switch import VERSION, sweep_versions
from mlops_assets.tables.table_writer import STALE

_HIDDEN = re.compile(rf"\.(.+)\.[0-9a-f]{{16}}\.tmp({re.escape(LOCK_SUFFIX)})?")


def sweep_folder(folder: Location, below: Iterable[str] = ()) -> tuple[str, ...]:
    """Remove the hidden files and folders, and the unfinished uploads, of writers that are dead; returns their names.

    Those of living writers stay: locally their locks show that they live, elsewhere what was touched within the last
    day is kept. Finished parts of tables that were never published are kept for days, for the next run.

    Parameters
    ----------
    below
        Folders in `folder` that are looked into as well: those of partitioned tables.
    """
    swept: list[str] = []
    for place in (folder, *(folder.child(name) for name in below)):
        targets = {match[1] for name in place.files(recursive=False) if (match := _HIDDEN.fullmatch(name))}
        for target in sorted(targets):
            swept += place.child(target).sweep(timedelta(0) if folder.is_local else STALE)
        swept += place.sweep_uploads(STALE)
        if place.is_local:
            swept += _sweep_parts(place)
    return tuple(swept)


def _sweep_parts(place: Location) -> list[str]:
    """The same of tables of several parts: folders that are no table (any more), and staged parts beyond their time."""
    names: list[str] = []
    # A folder that is not there, or may not be listed, was not written to either.
    with suppress(OSError):
        names = sorted(entry.name for entry in Path(place.path).iterdir())
    swept: list[str] = []
    for target in sorted({match[1] for name in names if (match := VERSION.fullmatch(name))}):
        swept += sweep_versions(place.child(target))
    for name in names:
        trial = Path(place.path) / name
        if _HIDDEN.fullmatch(name) and trial.is_symlink():
            # Of `can_switch`, which needs it for a moment and does not miss it; a link to itself is no file to list.
            trial.unlink(missing_ok=True)
            swept.append(name)
        if STAGING.fullmatch(name):
            swept += sweep_staging(place.child(name))
    return swept
