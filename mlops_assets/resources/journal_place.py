"""Where a model keeps its journal."""

from pathlib import Path

from mlops_assets.naming import ModelNames
from mlops_assets.state import state_folder
from mlops_assets.storage.location import Location


def journal_place(model: str, path: str | None, tables: str, root: Path) -> Location:
    """One place for all that score the same registered model, whatever their names; nothing is read.

    `path` if it is set. Else beside remote tables, because a worker's disk may not outlive it; else in the state
    folder, so that a local folder of tables holds tables only.

    Parameters
    ----------
    path, tables
        `journal.path` and `outputs.path` of the model's settings.
    root
        Where relative paths start.
    """
    if path is None:
        published = Location.parse(tables, base=root)
        path = str(state_folder(root) / "journal") if published.is_local else published.child("journal").address
    return Location.parse(path, base=root).child(ModelNames(model).prefix)
