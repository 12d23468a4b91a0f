"""The `.env` of a project."""

import os
from pathlib import Path

_ADDRESSES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
_SQLITE = "sqlite:///"


def load_env_file(folder: Path) -> None:
    """Set the variables of a project's ``.env``; as in Dagster's own commands they take precedence over the shell's.

    A relative path of MLflow's starts at the project's folder, where Dagster is started, wherever a command is typed.
    """
    file = folder / ".env"
    if not file.is_file():
        return
    from dotenv import dotenv_values

    variables = {name: value for name, value in dotenv_values(file).items() if value is not None}
    os.environ.update(variables)
    for name in _ADDRESSES:
        if name in variables:
            os.environ[name] = _absolute(variables[name], folder)


def _absolute(address: str, folder: Path) -> str:
    path = address.removeprefix(_SQLITE)
    if path.startswith("/") or not path or (path == address and (":" in address or address == "databricks")):
        return address
    return f"{_SQLITE if path != address else ''}{(folder / path).as_posix()}"
