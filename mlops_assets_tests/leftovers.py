"""What killed writers left beside published tables."""

from pathlib import Path

from mlops_assets.tables.parts.staging import STAGING


def leftovers(folder: Path) -> list[str]:
    """Hidden files and folders beside tables that no table needs.

    The hidden folders that are tables, because a link leads there, are needed; so is what was finished of parts, and
    noted of them, for the next run. Drafts are not.
    """
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    tables = {str(path.readlink()) for path in entries if path.is_symlink() and not path.name.startswith(".")}
    found = []
    for path in entries:
        if path.is_dir() and STAGING.fullmatch(path.name):
            found += [f"{path.name}/{one.name}" for one in path.iterdir() if one.name[0] == "."]
        elif path.name.startswith(".") and path.name not in tables:
            found.append(path.name)
    return found
