"""Settings that name environment variables, resolved when they are used and never when definitions load."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_assets.errors import ConfigurationError
from mlops_assets.redaction.concealed import reveal
from mlops_assets.redaction.text import remember_variable
from mlops_assets.storage.location import Location


def from_environment(options: Mapping[str, Any] | None, where: str = "storage_options") -> dict[str, Any]:
    """Storage options with each ``{env: NAME}`` replaced by that variable's value, now, and what was concealed.

    Called when a table is opened and never at definition time, so that no secret reaches the repository snapshot.

    Raises
    ------
    ConfigurationError
        A variable is not set.
    """
    resolved: dict[str, Any] = {}
    for key, value in (options or {}).items():
        if isinstance(value, Mapping) and set(value) == {"env"}:
            if value["env"] not in os.environ:
                raise ConfigurationError(
                    f"The environment variable {value['env']} is not set",
                    where=f"{where}.{key}",
                    fix="Set it where the run starts, for example in the project's .env",
                )
            resolved[key] = os.environ[value["env"]]
            remember_variable(value["env"])
        elif isinstance(value, Mapping):
            resolved[key] = from_environment(value, where)
        else:
            resolved[key] = reveal(value) if isinstance(value, str) else value
    return resolved


def open_location(path: str, storage_options: Mapping[str, Any] | None, base: Path | None = None) -> Location:
    """The location that a path or URL and its storage options name; a relative path starts at `base`.

    Reads the environment variables that the options name, so it is called when a run or a sensor needs the location.

    Raises
    ------
    ConfigurationError
        A variable is not set, or the URL's protocol is unknown.
    """
    return Location.parse(reveal(path), base=base, storage_options=from_environment(storage_options))
