"""What killed writers left in the folder of published tables."""

import re
from collections.abc import Iterable
from datetime import timedelta

from mlops_assets.storage.location import LOCK_SUFFIX, Location
from mlops_assets.tables.table_writer import STALE

_HIDDEN = re.compile(rf"\.(.+)\.[0-9a-f]{{16}}\.tmp({re.escape(LOCK_SUFFIX)})?")


def sweep_folder(folder: Location, below: Iterable[str] = ()) -> tuple[str, ...]:
    """Remove the hidden files and the unfinished uploads of writers that are dead; returns their names.

    Those of living writers stay: locally their locks show that they live, elsewhere what was touched within the last
    day is kept.

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
    return tuple(swept)
