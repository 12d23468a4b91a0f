"""Decide from metadata alone whether a model may be deserialized. Runs before anything of the model is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlops_assets.errors import TrustError, list_for_yaml
from mlops_assets.models.artifact_address import is_below
from mlops_assets.models.flavors import find_code_execution
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.model_uri import VersionUri
from mlops_assets.models.native_files import check_native_files
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.signed_files import SignedBy, check_signed
from mlops_assets.models.skops_files import SUFFIX, check_state, find_unknown_types
from mlops_assets.models.trusted_types import TRUSTED_FUNCTIONS, TRUSTED_TYPES

__all__ = ["TRUSTED_FUNCTIONS", "TRUSTED_TYPES", "Origin", "TrustPolicy"]

ALLOW_PICKLE = "trust: {allow_pickle: true}"


@dataclass(frozen=True)
class Origin:
    """What the registry says of a version before any of its files is fetched.

    Attributes
    ----------
    name, version
        The registered model and its version number.
    location
        Where its files are, without credentials.
    tags
        The version's tags; at least those that the policy asks for.
    """

    name: str
    version: int
    location: str
    tags: Mapping[str, str]

    @classmethod
    def of(cls, reference: ModelReference) -> "Origin":
        """As it was when the version was pinned."""
        return cls(reference.name, reference.version, reference.location or reference.source, dict(reference.tags))


@dataclass(frozen=True)
class TrustPolicy:
    """What a deployment lets models do. It belongs to whoever runs them, never to the model or the registry.

    Attributes
    ----------
    allow_pickle
        Load models whose loading runs arbitrary code: pickle in all its forms, code carried by the model, foreign
        loader modules. False by default.
    trusted_types
        Types to trust in skops files beyond `TRUSTED_TYPES`, as skops names them.
    allowed_flavors
        When given, only models of these flavors load at all; a custom Python model has the flavor ``python_function``.
    pinned_digests
        Version number -> SHA-256 of its files. When given, no other version loads, and these only with these files.
    required_tags
        Tags, with their values, that the version must have in the registry when it is pinned.
    allowed_sources
        When given, the version's files must be at one of these addresses or below it.
    signed_by
        When given, the version's files must be signed by it (OpenSSF Model Signing), each of them.
    native_libraries
        Load native files (LightGBM, XGBoost, CatBoost, ONNX) that cannot be checked, once a process of its own has
        survived it. False by default.
    """

    allow_pickle: bool = False
    trusted_types: frozenset[str] = frozenset()
    allowed_flavors: frozenset[str] | None = None
    pinned_digests: Mapping[int, str] | None = None
    required_tags: Mapping[str, str] = field(default_factory=dict)
    allowed_sources: tuple[str, ...] | None = None
    signed_by: SignedBy | None = None
    native_libraries: bool = False

    def check_signed(self, folder: Path, where: str) -> None:
        """The part that comes before any file of the version is parsed.

        Raises
        ------
        TrustError, ConfigurationError, MissingExtraError
            As `mlops_assets.models.signed_files.check_signed`.
        """
        if self.signed_by is not None:
            check_signed(folder, self.signed_by, where)

    def fingerprint(self) -> str:
        """All that its verdicts depend on: its own fields, and the key that a path names."""
        return repr(self) if self.signed_by is None else f"{self!r} {self.signed_by.fingerprint()}"

    def check(self, description: ModelDescription, reference: ModelReference) -> None:
        """Return if the model may be deserialized.

        Raises
        ------
        TrustError
            It may not; the message names the reason and the line of YAML that would allow it, if one would.
        ArtifactsMissingError
            A file that a native library is to read is not there.
        """
        self.check_readable(description, reference)
        if self.allow_pickle:
            check_native_files(description, reference, self.native_libraries)
            return
        reason = find_code_execution(description)
        if reason:
            raise TrustError(
                f"The model was not loaded, because {reason}",
                where=reference.uri,
                fix=f"If you trust whoever can write to the registry, add `{ALLOW_PICKLE}` to the model's YAML",
            )
        self._check_skops(description, reference)
        check_native_files(description, reference, self.native_libraries)

    def check_readable(self, description: ModelDescription, reference: ModelReference) -> None:
        """The part for whoever reads the files as plain data, and deserializes nothing. Raises `TrustError`."""
        self.check_origin(Origin.of(reference))
        self.check_digest(reference)
        description.paths()
        self._check_flavor(description)

    def check_origin(self, origin: Origin) -> None:
        """The part that needs no file: version, tags and place. Asked again, of the reference, before each load.

        Raises
        ------
        TrustError
            As `check`.
        """
        where = str(VersionUri(origin.name, origin.version))
        if self.pinned_digests is not None and origin.version not in self.pinned_digests:
            raise TrustError(
                f"Version {origin.version} is none of those whose digest is pinned",
                where=where,
                fix="Add its digest to `trust.pinned_digests` once you trust it",
            )
        lacking = {tag: value for tag, value in self.required_tags.items() if origin.tags.get(tag) != value}
        if lacking:
            required = ", ".join(f"{tag!r}: {value!r}" for tag, value in sorted(lacking.items()))
            raise TrustError(
                f"The version did not have the tags required here when it was pinned: {required}",
                where=where,
                fix="Have it validated and tagged in MLflow, then materialize champion_model again",
            )
        self.check_place(origin.location, where)

    def check_place(self, location: str, where: str) -> None:
        """The part that needs nothing but the address of the files. Raises as `check`."""
        if self.allowed_sources is not None and not any(is_below(location, at) for at in self.allowed_sources):
            raise TrustError(
                f"The version's files are at {location!r}, which is not allowed here",
                where=where,
                fix=f"Allowed are {list(self.allowed_sources)}; extend `trust.allowed_sources` to change that",
            )

    def without_tag(self, tag: str) -> "TrustPolicy":
        """The same policy, not asking for one tag: for the validation that is to write it."""
        return replace(self, required_tags={name: value for name, value in self.required_tags.items() if name != tag})

    def check_digest(self, reference: ModelReference) -> None:
        """The part that needs the files' digest.

        Raises
        ------
        TrustError
            It is not the one that is pinned.
        """
        pinned = (self.pinned_digests or {}).get(reference.version)
        if pinned is not None and pinned != reference.digest:
            raise TrustError(
                f"The version's files have the digest {reference.digest[:12]}, and {pinned[:12]} is pinned",
                where=reference.uri,
                fix="Find out who replaced the files; if it was meant, correct `trust.pinned_digests`",
            )

    def _check_flavor(self, description: ModelDescription) -> None:
        if self.allowed_flavors is not None and description.flavor not in self.allowed_flavors:
            raise TrustError(
                f"Flavor {description.flavor!r} is not allowed here",
                fix=f"Allowed are {sorted(self.allowed_flavors)}; extend `trust.allowed_flavors` to change that",
            )

    def untrusted_types(self, description: ModelDescription) -> frozenset[str]:
        """Types and functions in the model's skops files that are not trusted here; nothing is loaded.

        Raises
        ------
        TrustError, ModelLoadError
            As `find_unknown_types`.
        """
        files = (description.folder / relative for relative in _skops_files(description))
        return frozenset().union(*map(find_unknown_types, files)) - self.trusted_types

    def _check_skops(self, description: ModelDescription, reference: ModelReference) -> None:
        for relative in _skops_files(description):
            refused = check_state(
                description.folder / relative,
                relative,
                self.trusted_types,
                reference.uri,
                native_libraries=self.native_libraries,
            )
            if refused:
                names = list_for_yaml(sorted(refused))
                raise TrustError(
                    f"The model was not loaded, because {relative!r} holds types or functions that are not trusted "
                    f"here: {names}" + (f" ({len(refused)} in all)" if names.endswith("...") else ""),
                    where=reference.uri,
                    fix="Look each of them up; those that run nothing of the model's may go into "
                    f"`trust: {{trusted_types: [{names}]}}` in the model's YAML",
                )


def _skops_files(description: ModelDescription) -> list[str]:
    return sorted({path for path in description.paths().values() if path.endswith(SUFFIX)})
