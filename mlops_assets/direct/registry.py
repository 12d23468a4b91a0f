"""Which MLflow registry is asked where nothing but a model's name is given."""

import os
from pathlib import Path

from mlops_assets.errors import ConfigurationError
from mlops_assets.models.registry import Registry
from mlops_assets.state import project_root, state_folder

_DATABASE = "mlflow.db"
_FILES = "mlruns"


def find_registry(tracking_uri: str | None = None, registry_uri: str | None = None) -> Registry:
    """The registry that is named, else that of the environment, of the project, or of MLflow in this folder.

    In this order: the arguments; ``MLFLOW_TRACKING_URI`` and ``MLFLOW_REGISTRY_URI``, which `mlflow.set_tracking_uri`
    sets as well; the embedded registry of the project; ``mlflow.db`` or ``mlruns`` in the project's folder, where
    MLflow puts them by itself. None is made.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    tracking = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or _find_local()
    # A registry of the environment's does not belong to a tracking server that was named.
    return Registry(tracking, registry_uri or (None if tracking_uri else os.environ.get("MLFLOW_REGISTRY_URI")))


def _find_local() -> str:
    root = project_root()
    for database in (state_folder() / _DATABASE, root / _DATABASE, Path.cwd() / _DATABASE):
        if database.is_file():
            return f"sqlite:///{database.as_posix()}"
    if (root / _FILES).is_dir():
        return (root / _FILES).as_uri()
    raise ConfigurationError(
        "No MLflow registry is named, and there is none in this project",
        where=str(root),
        fix="Set MLFLOW_TRACKING_URI, or tracking_uri",
    )


def work_folder() -> Path:
    """Where models are cached and rows are put aside: the project's state folder where there is one, else the user's
    cache folder, so that a folder of data stays one.
    """
    project = state_folder()
    if project.is_dir() or "MLOPS_ASSETS_HOME" in os.environ:
        return project
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlops_assets"
