"""Where the embedded default keeps its state: one folder, ``.mlops_assets/``, git-ignored."""

import os
from pathlib import Path

FOLDER = ".mlops_assets"


def project_root() -> Path:
    """The nearest folder at or above the working directory that holds a ``pyproject.toml``, else the working directory.

    Independent of where in a project a command is typed, so that the webserver, the daemon and a run agree.
    """
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "pyproject.toml").is_file()), here)


def state_folder(root: Path | None = None) -> Path:
    """``$MLOPS_ASSETS_HOME``, else ``<root>/.mlops_assets``; not created here."""
    configured = os.environ.get("MLOPS_ASSETS_HOME")
    return Path(configured).absolute() if configured else (root or project_root()) / FOLDER
