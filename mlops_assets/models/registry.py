"""Ask an MLflow registry for a version, once, and fetch its files. An explicit client, no global state."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.errors import (
    AliasNotFoundError,
    ArtifactsMissingError,
    ConfigurationError,
    DigestMismatchError,
    MlopsAssetsError,
    ModelNotFoundError,
    VersionNotFoundError,
    did_you_mean,
)
from mlops_assets.models.artifact_address import ArtifactAddress
from mlops_assets.models.cache import ModelCache
from mlops_assets.models.digest import compute_digest
from mlops_assets.models.logged_place import find_place
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.registry_answers import (
    LARGEST_VERSION,
    check_model,
    check_version,
    list_shortly,
    time_of_registration,
    version_number,
)
from mlops_assets.models.registry_connection import RegistryConnection
from mlops_assets.models.registry_errors import (
    RESTORE,
    is_missing_resource,
    registry_error,
)
from mlops_assets.models.trust import Origin, TrustPolicy
from mlops_assets.redaction.addresses import show_address

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

# Registered models that one request asks for.
_PAGE = 500


def check_alias_or_version(alias_or_version: str | int) -> None:
    """An integer is a version, a string is an alias; a string of digits is refused.

    MLflow allows an alias called ``"1"``, so such a string could silently mean either.

    Raises
    ------
    ConfigurationError
        A digit string, an empty string, a version below 1, or another type.
    """
    if isinstance(alias_or_version, bool) or not isinstance(alias_or_version, str | int):
        raise ConfigurationError(
            f"alias_or_version is a {type(alias_or_version).__name__}",
            fix="Give an alias as text (Champion) or a version as a number (3)",
        )
    if isinstance(alias_or_version, int):
        if not 1 <= alias_or_version <= LARGEST_VERSION:
            # Python writes no number of more than 4,300 digits.
            number = alias_or_version if abs(alias_or_version) <= 10**20 else "A number of so many digits"
            raise ConfigurationError(f"{number} is not a model version", fix=f"Versions are 1 to {LARGEST_VERSION}")
    elif not alias_or_version.strip():
        raise ConfigurationError("alias_or_version is empty", fix="Give an alias (Champion) or a version (3)")
    elif alias_or_version.strip().isdigit():
        raise ConfigurationError(
            f"alias_or_version is the text {alias_or_version!r}, and MLflow allows an alias of that name",
            fix=f"Write the number {alias_or_version} without quotes for the version, or use an alias that is a word",
        )


class Registry(RegistryConnection):
    """Read access to one MLflow registry: models, versions, and their files. See `RegistryConnection`."""

    def model(self, name: str) -> "RegisteredModel":
        """The registered model with its aliases.

        Raises
        ------
        RegistryUnreachableError, ModelNotFoundError
            As `version`.
        """
        doing = f"looking for model {name!r}"
        with self.translate_errors(doing, lambda error: self._absent_model(error, name, doing)):
            return check_model(self.client.get_registered_model(name), self.where)

    def models(self) -> "list[RegisteredModel]":
        """Every registered model, by name. Raises `RegistryUnreachableError`."""
        with self.translate_errors("looking for registered models"):
            page = self.client.search_registered_models(max_results=_PAGE)
            models = list(page)
            tokens = set()
            while page.token and page.token not in tokens:
                tokens.add(page.token)
                page = self.client.search_registered_models(max_results=_PAGE, page_token=page.token)
                models += page
        for model in models:
            check_model(model, self.where)
        return sorted(models, key=lambda model: model.name)

    def version(self, name: str, alias_or_version: str | int) -> "ModelVersion":
        """Resolve an alias or a version number to a concrete version: one registry call when all is well.

        Raises
        ------
        ConfigurationError
            See `check_alias_or_version`.
        RegistryUnreachableError, ModelNotFoundError, AliasNotFoundError, VersionNotFoundError
            Each says what was looked for, where, and what is there instead.
        """
        check_alias_or_version(alias_or_version)
        kind = "version" if isinstance(alias_or_version, int) else "alias"
        doing = f"looking for {name!r} {kind} {alias_or_version!r}"
        with self.translate_errors(doing, lambda error: self._absent_version(error, name, alias_or_version, doing)):
            if isinstance(alias_or_version, int):
                version = self.client.get_model_version(name, str(alias_or_version))
            else:
                version = self.client.get_model_version_by_alias(name, alias_or_version)
        return check_version(version, name, self.where)

    def newest_versions(self, name: str) -> list[int]:
        """Numbers of the model's versions, the newest first; of very many, some of the newest."""
        with self.translate_errors(f"looking for versions of {name!r}"):
            page = self.client.search_model_versions(
                f"name = '{name}'", max_results=_PAGE, order_by=["version_number DESC"]
            )
        return [version_number(version.version, self.where) for version in page]

    def pin(
        self, name: str, alias_or_version: str | int, cache: ModelCache, trust: TrustPolicy | None = None
    ) -> ModelReference:
        """Resolve, download into the cache, digest. The files are fetched anew: registered files can be overwritten.

        Parameters
        ----------
        trust
            When given, its conditions on version, tags and places are tried before anything is downloaded, and that on
            the digest after it.

        Raises
        ------
        ArtifactsMissingError
            The files are gone, or the ``MLmodel`` names files that are not there.
        TrustError
            The version does not have the tags, or is not where the policy wants it; or its files are links, or its
            ``MLmodel`` is not what MLflow writes.
        """
        version = self.version(name, alias_or_version)
        with cache.open_download_folder() as folder:
            files, location = self._download(version, folder, trust)
            if trust is not None:
                trust.check_signed(files, f"{name!r} version {version.version}")
            description = ModelDescription.read(files)
            description.check_complete()
            digest = cache.add_folder(files)
        reference = ModelReference(
            name=name,
            version=version_number(version.version, self.where),
            alias=alias_or_version if isinstance(alias_or_version, str) else None,
            digest=digest,
            flavors=tuple(sorted(description.flavors)),
            run_id=version.run_id or None,
            model_id=description.model_id,
            source=show_address(str(version.source)),
            location=location,
            tags=tuple(
                sorted((tag, value) for tag, value in version.tags.items() if trust and tag in trust.required_tags)
            ),
            registered=time_of_registration(version),
        )
        if trust is not None:
            trust.check_digest(reference)
        return reference

    def fetch(self, reference: ModelReference, cache: ModelCache) -> Path:
        """The pinned files, from the cache if they are there, else from the registry; always the pinned digest.

        Raises
        ------
        DigestMismatchError
            The registry's files for this version are no longer the pinned ones.
        """
        cached = cache.find_verified(reference.digest)
        if cached is not None:
            return cached
        with cache.open_download_folder() as folder:
            version = self.version(reference.name, reference.version)
            # It was judged when it was pinned.
            pinned = (reference.location,) if reference.location else ()
            files, _ = self._download(version, folder, places=pinned)
            digest = compute_digest(files)
            if digest != reference.digest:
                raise DigestMismatchError(
                    f"The files of {reference.uri} have changed since they were pinned: digest {digest[:12]} instead "
                    f"of {reference.digest[:12]}",
                    where=self.where,
                    fix="Materialize champion_model again if the change was meant, else find out who replaced them",
                )
            cache.add_folder(files)
        return cache.root / digest

    def fetch_description(self, version: "ModelVersion", folder: Path) -> Path:
        """Only the ``MLmodel`` of a version, into `folder`, which is returned.

        Raises
        ------
        RegistryUnreachableError, ArtifactsMissingError
            As `pin`.
        """
        path, _ = self._download(version, folder, part="MLmodel")
        return path.parent

    def download(self, version: "ModelVersion", folder: Path) -> Path:
        """A version's files, in a folder below `folder`; no file is parsed. Raises as `pin`."""
        return self._download(version, folder)[0]

    def _download(
        self,
        version: "ModelVersion",
        folder: Path,
        trust: TrustPolicy | None = None,
        part: str = "",
        places: Iterable[str] = (),
    ) -> tuple[Path, str]:
        """What was fetched (the model's folder, or `part` of it), and from where."""
        name, number = version.name, version_number(version.version, self.where)
        doing = f"downloading {name!r} version {number}"
        address = self.place_of(version)
        location = str(address)
        if trust is not None:
            trust.check_origin(Origin(name, number, location, version.tags))
            places = (*places, *(trust.allowed_sources or ()))
        path = self.download_files(address, folder, doing, part=part, places=places)
        if not (path if part else path / "MLmodel").is_file():
            raise ArtifactsMissingError(
                f"Model {name!r} version {number} has no MLmodel file", where=location, fix=RESTORE
            )
        return path, location

    def place_of(self, version: "ModelVersion") -> ArtifactAddress:
        """Where a version's files are.

        Raises
        ------
        RegistryError
            It names itself, another that names it, or no place.
        """
        doing = f"downloading {version.name!r} version {version.version}"
        with self.translate_errors(doing):
            # `models:/` URIs would go through MLflow's global registry setting; the resolved place does not.
            text = self.client.get_model_version_download_uri(version.name, str(version.version))
            return find_place(self.client, text, f"models:/{version.name}/{version.version}")

    def _absent_model(self, error: Exception, name: str, doing: str) -> MlopsAssetsError:
        if not is_missing_resource(error):
            return registry_error(error, doing, self.where)
        with self.translate_errors(doing):
            names = sorted(model.name for model in self.client.search_registered_models(max_results=100))
        listing = list_shortly(map(repr, names)) or "none at all"
        return ModelNotFoundError(
            f"There is no registered model {name!r}{did_you_mean(name, names)}",
            where=self.where,
            fix=f"Register it, or correct `model:`; registered are: {listing}",
        )

    def _absent_version(self, error: Exception, name: str, alias_or_version: str | int, doing: str) -> MlopsAssetsError:
        if not is_missing_resource(error):
            return registry_error(error, doing, self.where)
        aliases: Mapping[str, str] = self.model(name).aliases
        listing = list_shortly(f"{alias} -> {version}" for alias, version in sorted(aliases.items())) or "none"
        if isinstance(alias_or_version, int):
            return VersionNotFoundError(
                f"Model {name!r} has no version {alias_or_version}; its aliases are: {listing}",
                where=self.where,
                fix="Choose a version that exists (MLflow's UI lists them), or an alias",
            )
        return AliasNotFoundError(
            f"Model {name!r} has no alias {alias_or_version!r}{did_you_mean(alias_or_version, aliases)}; "
            f"it has: {listing}",
            where=self.where,
            fix="Set it in MLflow's UI or with MlflowClient.set_registered_model_alias; aliases are case-sensitive",
        )
