"""Sign the files of a registered version with one's own key: ``model.sig``, written beside them."""

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import ConfigurationError, RegistryError, TrustError, describe_cause
from mlops_assets.models.digest import compute_digest, model_files
from mlops_assets.models.registry import Registry
from mlops_assets.models.signed_files import SIGNATURE_FILE, needs_model_signing

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from model_signing import hashing


@dataclass(frozen=True)
class SignedVersion:
    """What was signed.

    Attributes
    ----------
    version
        The version's number.
    files
        How many files the signature covers.
    digest
        Of the version, with the signature.
    aliases
        Those that point at the version.
    """

    version: int
    files: int
    digest: str
    aliases: tuple[str, ...]


def sign_version(
    registry: Registry,
    name: str,
    alias_or_version: str | int,
    private_key: Path,
    *,
    password: str | None = None,
    certificate: Path | None = None,
    chain: Sequence[Path] = (),
    overwrite: bool = False,
) -> SignedVersion:
    """Download a version, sign its files as they are, and put ``model.sig`` beside them; no file is parsed.

    The signature is one of the version's files, so that the version has another digest afterwards: sign before an alias
    points at it.

    Parameters
    ----------
    overwrite
        Whether a signature that is there is replaced.
    private_key, password, certificate, chain
        As `sign_folder`.

    Raises
    ------
    TrustError
        It is signed already.
    RegistryError
        The version is not there, or its place cannot be written to; or what is there now is not what was signed.
    ConfigurationError, MissingExtraError
        As `sign_folder`.
    """
    version = registry.version(name, alias_or_version)
    with tempfile.TemporaryDirectory() as scratch:
        folder = registry.download(version, Path(scratch))
        signature = folder / SIGNATURE_FILE
        if signature.exists() and not overwrite:
            raise TrustError(
                "The version is signed already",
                where=f"{name}/{version.version}",
                fix="Add --overwrite to sign it again",
            )
        signature.unlink(missing_ok=True)
        content = sign_folder(folder, private_key, password, certificate, chain)
        signature.write_bytes(content)
        _add_file(registry, version, signature)
        digest, files = compute_digest(folder), len(model_files(folder)) - 1
    with tempfile.TemporaryDirectory() as scratch:
        written = compute_digest(registry.download(version, Path(scratch)))
    if written != digest:
        raise RegistryError(
            f"The files of version {version.version} changed while they were signed",
            where=name,
            fix="Find out who writes to them, and sign again with --overwrite",
        )
    aliases = registry.model(name).aliases
    here = tuple(sorted(alias for alias, number in aliases.items() if int(number) == int(version.version)))
    return SignedVersion(int(version.version), files, digest, here)


def _add_file(registry: Registry, version: "ModelVersion", file: Path) -> None:
    doing = f"writing {file.name} to {version.name!r} version {version.version}"
    registry.add_files(registry.place_of(version), file, doing)


def sign_folder(
    folder: Path,
    private_key: Path,
    password: str | None = None,
    certificate: Path | None = None,
    chain: Sequence[Path] = (),
) -> bytes:
    """The content of ``model.sig`` for the files of `folder`, each of them covered. Nothing is written there.

    Parameters
    ----------
    private_key
        PEM file of an elliptic-curve key: P-256, P-384 or P-521.
    password
        Of the key, where it is encrypted.
    certificate, chain
        Where given, the signature carries this certificate of the key, and those between it and a trusted one.

    Raises
    ------
    ConfigurationError
        Key or certificate cannot be used.
    MissingExtraError
        model-signing is not installed.
    """
    with needs_model_signing():
        from model_signing import signing
    config = signing.Config().set_hashing_config(_hashing(folder))  # type: ignore[no-untyped-call]
    model_files(folder)
    try:
        if certificate is None:
            # Declared as text, and handed to cryptography, which takes bytes (model-signing 1.1.1).
            secret: Any = password.encode() if password is not None else None
            config.use_elliptic_key_signer(private_key=private_key, password=secret)
        else:
            config.use_certificate_signer(
                private_key=private_key, signing_certificate=certificate, certificate_chain=list(chain) or [certificate]
            )
    except Exception as error:
        # OSError, ValueError, TypeError, UnsupportedAlgorithm, ...: of the file, of PEM, of the key.
        raise ConfigurationError(
            f"The key or certificate cannot be used to sign ({_describe(error)})",
            where=", ".join(str(path) for path in (private_key, certificate, *chain) if path is not None),
            fix="Give PEM files of an elliptic-curve key, made for example with: "
            "openssl ecparam -name prime256v1 -genkey -noout -out private.pem",
        ) from error
    with tempfile.TemporaryDirectory() as scratch:
        signature = Path(scratch) / SIGNATURE_FILE
        config.sign(folder, signature)
        return signature.read_bytes()


def _describe(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    # Of an RSA key, for example (model-signing 1.1.1, cryptography 46).
    return "no elliptic-curve key" if isinstance(error, AttributeError) else describe_cause(error)


def is_encrypted(private_key: Path) -> bool:
    """Whether the PEM file asks for a password; False where it cannot be read."""
    with suppress(OSError):
        return b"ENCRYPTED" in private_key.read_bytes()
    return False


def _hashing(folder: Path) -> "hashing.Config":
    from model_signing import hashing

    config = hashing.Config()  # type: ignore[no-untyped-call]
    return config.set_ignored_paths(paths=[folder / SIGNATURE_FILE], ignore_git_paths=False)
