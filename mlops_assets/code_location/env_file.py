"""The `.env` of a project."""

import os
from pathlib import Path


def load_env_file(folder: Path) -> None:
    """Set the variables of a project's ``.env``; as in Dagster's own commands they take precedence over the shell's."""
    from dotenv import dotenv_values

    file = folder / ".env"
    if file.is_file():
        os.environ.update({name: value for name, value in dotenv_values(file).items() if value is not None})
