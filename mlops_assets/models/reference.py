"""The pinned model version, as a small value that can be stored, compared and passed between processes."""

import json
from dataclasses import asdict, dataclass

from mlops_assets.errors import RegistryError
from mlops_assets.models.model_uri import VersionUri


@dataclass(frozen=True)
class ModelReference:
    """One concrete version of a registered model, with the digest of its files.

    Resolved once per run; everything downstream uses it, so an alias that moves meanwhile changes nothing.

    Attributes
    ----------
    name, version
        The registered model and its version number.
    alias
        The alias that was read, or None when a version was asked for.
    digest
        SHA-256 (hex) over the version's files, sorted by path; see `mlops_assets.models.digest`.
    flavors
        The flavors its ``MLmodel`` names, sorted, ``python_function`` included.
    run_id, model_id, source
        Where MLflow says that it comes from; None or empty where MLflow does not say. No credentials.
    location
        Where the files were fetched from. No credentials.
    tags
        Those of the version's tags that the trust policy asks for, as they were when it was pinned, sorted by name.
    registered
        When MLflow registered the version, in milliseconds since 1970; None where it does not say. A number is given
        anew after the version was deleted.
    """

    name: str
    version: int
    alias: str | None
    digest: str
    flavors: tuple[str, ...]
    run_id: str | None
    model_id: str | None
    source: str
    location: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    registered: int | None = None

    @property
    def uri(self) -> str:
        """``models:/<name>/<version>``: always the version, never the alias."""
        return str(VersionUri(self.name, self.version))

    def to_json(self) -> str:
        return json.dumps({**asdict(self), "tags": dict(self.tags)}, indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "ModelReference":
        """The reference that `to_json` wrote, with this or an earlier version of the package.

        Raises
        ------
        RegistryError
            It is something else.
        """
        try:
            fields = json.loads(text)
            tags = tuple(sorted(fields.pop("tags", {}).items()))
            return cls(**{**fields, "flavors": tuple(fields["flavors"]), "tags": tags})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RegistryError(
                "The stored reference to the champion cannot be read", fix="Materialize champion_model again"
            ) from error
