"""A registry in an SQLite database, asked for one version without MLflow."""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mlops_assets.models.light.errors import NotLightError
from mlops_assets.models.model_uri import LoggedModelUri, parse_model_uri
from mlops_assets.models.registry import Registry
from mlops_assets.models.registry_limits import RegistryLimits

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SCHEME = "sqlite:///"
_DELETED = "Deleted_Internal"  # mlflow.entities.model_registry.model_version_stages.STAGE_DELETED_INTERNAL
_WORKSPACE = "default"  # mlflow.utils.workspace_utils.DEFAULT_WORKSPACE_NAME
_VERSION = {
    *("name", "version", "creation_time", "description", "current_stage", "source", "storage_location", "run_id"),
}


@dataclass(frozen=True)
class StoredVersion:
    """A model version as the database has it; attributes as of `mlflow.entities.model_registry.ModelVersion`.

    Attributes
    ----------
    place
        Where its files are.
    """

    name: str
    version: str
    source: str
    run_id: str | None
    creation_timestamp: int | None
    description: str | None
    place: str
    tags: Mapping[str, str] = field(default_factory=dict)


class SqliteRegistry(Registry):
    """The registry in a database, of which one version is known. It is pinned and fetched as from any `Registry`.

    Parameters
    ----------
    uri
        The address of the database.
    version
        Of `read_version`.
    limits
        As of `RegistryConnection`.
    """

    def __init__(self, uri: str, version: StoredVersion, limits: RegistryLimits | None = None) -> None:
        super().__init__(uri, limits=limits)
        self._version = version

    @property
    def client(self) -> "MlflowClient":
        """What is asked of a client while this version is pinned and fetched."""
        return cast("MlflowClient", _Answers(self._version))


@dataclass(frozen=True)
class _Answers:
    stored: StoredVersion

    def get_model_version(self, _name: str, _version: str) -> StoredVersion:
        return self.stored

    def get_model_version_download_uri(self, _name: str, _version: str) -> str:
        return self.stored.place


def read_version(uri: str, name: str, version: int) -> StoredVersion:
    """A version in the database that `uri` names.

    Raises
    ------
    NotLightError
        It is no SQLite database of MLflow's, it has no such version, or the version's files are to be found in a way
        that MLflow knows.
    """
    path = Path(uri.removeprefix(_SCHEME))
    if not uri.startswith(_SCHEME) or "?" in uri or not path.is_file():
        raise NotLightError("the registry is no SQLite file")
    if any(variable.startswith(("MLFLOW_WORKSPACE", "MLFLOW_ENABLE_WORKSPACE")) for variable in os.environ):
        raise NotLightError("the registry may have workspaces")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            return _read(database, name, version)
    except sqlite3.Error as error:
        raise NotLightError(f"the registry cannot be read ({type(error).__name__})") from error


def _read(database: sqlite3.Connection, name: str, version: int) -> StoredVersion:
    of_version = name, version
    rows = database.execute("SELECT * FROM model_versions WHERE name = ? AND version = ?", of_version).fetchall()
    if len(rows) != 1 or not _VERSION.issubset(rows[0].keys()):
        raise NotLightError("the registry has no such version, or several")
    row = dict(rows[0])
    if row["current_stage"] == _DELETED or row.get("workspace", _WORKSPACE) != _WORKSPACE:
        raise NotLightError("the version is deleted, or in a workspace of its own")
    tags = database.execute(
        "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?", of_version
    ).fetchall()
    place = str(row["storage_location"] or row["source"] or "")
    uri = parse_model_uri(place)
    if isinstance(uri, LoggedModelUri):
        found = database.execute(
            "SELECT artifact_location FROM logged_models WHERE model_id = ? AND lifecycle_stage = 'active'",
            (uri.model_id,),
        ).fetchall()
        place = str(found[0][0]) if len(found) == 1 else ""
    if not place or place.startswith(("models:", "runs:")):
        raise NotLightError("the place of the version's files is another model")
    return StoredVersion(
        name=row["name"],
        version=str(row["version"]),
        source=str(row["source"] or ""),
        run_id=row["run_id"] or None,
        creation_timestamp=row["creation_time"],
        description=row["description"],
        place=place,
        tags={tag["key"]: tag["value"] for tag in tags},
    )
