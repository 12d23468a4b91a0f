"""What models may do when they are loaded: the settings of ``trust``."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from mlops_assets.errors import RegistryError
from mlops_assets.models.artifact_address import ArtifactAddress
from mlops_assets.settings.described import SettingsGroup

if TYPE_CHECKING:
    from mlops_assets.models.signed_files import SignedBy
    from mlops_assets.models.trust import TrustPolicy


class SignedBySettings(SettingsGroup):
    """Who must have signed a model version's files (OpenSSF Model Signing); either `key` or `certificate`."""

    key: str | None = Field(
        default=None,
        description="The public key that signs: the path of a PEM file, relative to the project's folder, or "
        "its text. An elliptic curve: P-256, P-384 or P-521.",
        examples=["keys/models.pub.pem"],
    )
    certificate: str | None = Field(
        default=None,
        description="The certificates below which a signer's certificate must be issued: the path of a PEM file, "
        "relative to the project's folder, or its text. Every signer that they certify is accepted.",
        examples=["keys/model_signers_ca.pem"],
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "SignedBySettings":
        if (self.key is None) == (self.certificate is None):
            raise ValueError("trust.signatures: give either `key` or `certificate`")
        if not (self.key or self.certificate or "").strip():
            raise ValueError("trust.signatures: the path is empty")
        return self

    def below(self, root: Path) -> "SignedBySettings":
        """The same, with a relative path that starts at `root`, whatever the working directory is."""
        return SignedBySettings(key=_join(root, self.key), certificate=_join(root, self.certificate))

    def signed_by(self) -> "SignedBy":
        """The value that these settings describe."""
        from mlops_assets.models.signed_files import SignedBy

        return SignedBy("key", self.key) if self.key is not None else SignedBy("certificate", self.certificate or "")


def _join(root: Path, pem: str | None) -> str | None:
    return pem if pem is None or "-----BEGIN" in pem else str(root / Path(pem).expanduser())


class TrustSettings(SettingsGroup):
    """What models may do when they are loaded; see docs/trust.md."""

    allow_pickle: bool = Field(
        default=False,
        description="Whether to load models whose loading runs code that comes with them (pickle, cloudpickle). True "
        "or false; keep false unless you trust everybody who can write to the registry.",
        examples=[True],
    )
    trusted_types: Sequence[str] = Field(
        default=(),
        description="Further types and functions, as module.Name, that a skops file may contain. What objects of these "
        "types hold is not judged, so name only those whose code you know: whoever can write to the registry chooses "
        "their attributes and parameters. A scikit-learn type named here may have any parameter, as a vectorizer that "
        "opens the files that its rows name.",
        examples=[["my_package.transforms.Clip"]],
    )
    allowed_flavors: Sequence[str] | None = Field(
        default=None,
        description="The MLflow flavors that may be loaded. Null: every flavor.",
        examples=[["sklearn", "lightgbm"]],
    )
    pinned_digests: dict[int, str] | None = Field(
        default=None,
        description="Version number -> SHA-256 of its files (64 hexadecimal digits), as the asset champion_model shows "
        "it. When set, no other version loads. Null: every version.",
        examples=[{3: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}],
    )
    required_tags: dict[str, str] = Field(
        default_factory=dict,
        description="Tags, with their values, that a model version must have in MLflow.",
        examples=[{"mlops_assets.validation": "passed"}],
    )
    allowed_sources: Sequence[str] | None = Field(
        default=None,
        description="Addresses below which a version's files must be stored. Null: anywhere on the registry's own "
        "host, on its artifact_hosts, in buckets and in local folders.",
        examples=[["s3://models/"]],
    )
    signatures: SignedBySettings | None = Field(
        default=None,
        description="Who must have signed the version's files, which is verified before any of them is read; "
        "`mlops-assets sign-model` signs. Null: unsigned versions load as well.",
        examples=[{"key": "keys/models.pub.pem"}],
    )

    native_libraries: bool = Field(
        default=False,
        description="Whether to load native model files (LightGBM, XGBoost, CatBoost, ONNX) that cannot be checked, "
        "which are read by compiled code that a crafted file can crash or take over. True or false; a process of its "
        "own tries such a file first. Files that can be checked load in either case.",
        examples=[True],
    )

    @model_validator(mode="after")
    def _digests_and_sources(self) -> "TrustSettings":
        for version, digest in (self.pinned_digests or {}).items():
            if version < 1 or not re.fullmatch("[0-9a-f]{64}", digest):
                raise ValueError(f"trust.pinned_digests.{version}: a digest is 64 digits of 0-9 and a-f")
        for source in self.allowed_sources or ():
            if not source.strip():
                raise ValueError("trust.allowed_sources: an address is empty")
            try:
                ArtifactAddress.parse(source)
            except RegistryError as error:
                raise ValueError(f"trust.allowed_sources: {error.what}") from error
        return self

    def below(self, root: Path) -> "TrustSettings":
        """The same, with relative paths that start at `root`."""
        if self.signatures is None:
            return self
        return self.model_copy(update={"signatures": self.signatures.below(root)})

    def policy(self) -> "TrustPolicy":
        """The policy that these settings describe."""
        from mlops_assets.models.trust import TrustPolicy

        return TrustPolicy(
            allow_pickle=self.allow_pickle,
            trusted_types=frozenset(self.trusted_types),
            allowed_flavors=frozenset(self.allowed_flavors) if self.allowed_flavors is not None else None,
            pinned_digests=self.pinned_digests,
            required_tags=self.required_tags,
            allowed_sources=tuple(self.allowed_sources) if self.allowed_sources is not None else None,
            native_libraries=self.native_libraries,
            signed_by=self.signatures.signed_by() if self.signatures is not None else None,
        )
