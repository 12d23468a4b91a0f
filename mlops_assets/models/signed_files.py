"""Model versions that are signed with OpenSSF Model Signing: ``model.sig`` beside the files, made with one's own key.

Source: the package ``model-signing`` (https://github.com/sigstore/model-transparency). The signature is a Sigstore
bundle whose statement lists the SHA-256 of every file. Only keys and certificates that the deployment has by itself
are used: nothing is asked of a network.
"""

import base64
import binascii
import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mlops_assets.errors import ConfigurationError, MissingExtraError, TrustError, describe_cause, list_some
from mlops_assets.models.digest import model_files

if TYPE_CHECKING:
    from model_signing import manifest, verifying

SIGNATURE_FILE = "model.sig"
SIGN = "mlops-assets sign-model"
_PEM = "-----BEGIN"
# A bundle has about 200 bytes per file of the model.
_LARGEST_SIGNATURE = 16 * 2**20


@dataclass(frozen=True)
class SignedBy:
    """Who must have signed a model's files.

    Attributes
    ----------
    kind
        ``key``: the holder of one elliptic-curve key (P-256, P-384 or P-521). ``certificate``: the holder of any
        certificate for signing that was issued below the given ones.
    pem
        The public key, or the trusted certificates: the path of a PEM file, or its text.
    """

    kind: Literal["key", "certificate"]
    pem: str

    def read(self) -> bytes:
        """The PEM text. Raises `ConfigurationError` when the file cannot be read, or is none."""
        if self.pem.lstrip().startswith(_PEM):
            return self.pem.strip().encode() + b"\n"
        try:
            content = Path(self.pem).expanduser().read_bytes()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no path"
            raise ConfigurationError(
                f"The {self._noun} of `trust.signatures` cannot be read: {reason}",
                where=self.pem,
                fix=f"Give the path of a PEM file that this process can read, or its text ({_PEM} ...)",
            ) from error
        if _PEM.encode() not in content:
            raise ConfigurationError(
                f"The {self._noun} of `trust.signatures` is not a PEM file",
                where=self.pem,
                fix=f"It starts with {_PEM}",
            )
        return content

    def fingerprint(self) -> str:
        """SHA-256 (hex) of the PEM text: another key is another policy, also at the same path."""
        return hashlib.sha256(self.read()).hexdigest()

    @property
    def _noun(self) -> str:
        return "public key" if self.kind == "key" else "certificate"


def check_signed(folder: Path, signed_by: SignedBy, where: str) -> None:
    """Return if `folder` holds exactly the files that `signed_by` has signed. None of them is parsed before.

    Raises
    ------
    TrustError
        There is no signature, somebody else made it, or a file was changed, added or removed since.
    ConfigurationError
        `signed_by` cannot be read.
    MissingExtraError
        model-signing is not installed.
    """
    signature = folder / SIGNATURE_FILE
    names = {path.relative_to(folder).as_posix() for path in model_files(folder)} - {SIGNATURE_FILE}
    if not signature.is_file():
        raise TrustError(
            f"The version is not signed: it has no {SIGNATURE_FILE}, and `trust.signatures` requires one",
            where=where,
            fix=f"Have it signed by whoever answers for it: {SIGN} MODEL VERSION --key PRIVATE_KEY",
        )
    if signature.stat().st_size > _LARGEST_SIGNATURE:
        raise TrustError(f"{SIGNATURE_FILE} is larger than {_LARGEST_SIGNATURE >> 20} MiB", where=where, fix=_resign())
    with tempfile.TemporaryDirectory() as scratch:
        pem = Path(scratch) / "trusted.pem"
        pem.write_bytes(signed_by.read())
        verifier = _verifier(signed_by, pem)
        try:
            # The library prints a warning for signatures of old form.
            with redirect_stdout(StringIO()):
                verifier.verify(folder, signature)
        except Exception as error:
            # A stranger may have written the bundle: JSON, base64, X.509 and OpenSSL each raise their own.
            raise TrustError(_reason(error), where=where, fix=_resign()) from error
    # A signer may leave files out, git's for example: what is not signed is not accepted beside what is.
    unsigned = sorted(names - _signed_names(signature))
    if unsigned:
        raise TrustError(f"Files are not covered by the signature: {list_some(unsigned)}", where=where, fix=_resign())


def _verifier(signed_by: SignedBy, pem: Path) -> "verifying.Config":
    with needs_model_signing():
        from model_signing import verifying

    class Verification(verifying.Config):
        """Leaves out the signature beside the files, also where whoever signed wrote it elsewhere first."""

        def _guess_hashing_config(self, source_manifest: "manifest.Manifest") -> None:
            # No public method adds to what a signature leaves out (model-signing 1.1.1).
            super()._guess_hashing_config(source_manifest)
            assert self._hashing_config is not None
            self._hashing_config.add_ignored_paths(model_path=".", paths=[SIGNATURE_FILE])

    config = Verification()  # type: ignore[no-untyped-call]
    try:
        if signed_by.kind == "key":
            return config.use_elliptic_key_verifier(public_key=pem)
        return config.use_certificate_verifier(certificate_chain=[pem])
    except Exception as error:
        # ValueError, UnsupportedAlgorithm, AttributeError for a key that is no elliptic curve's, ...
        raise ConfigurationError(
            f"The {'public key' if signed_by.kind == 'key' else 'certificate'} of `trust.signatures` cannot be used "
            f"({describe_cause(error)})",
            fix="Give the PEM of an elliptic-curve public key (P-256, P-384, P-521) under `key`, or of certificates "
            "under `certificate`",
        ) from error


def _signed_names(signature: Path) -> set[str]:
    """The files that a bundle lists; of one that was verified before."""
    bundle = json.loads(signature.read_bytes(), object_pairs_hook=_unique)
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    return {str(each["name"]) for each in statement["predicate"]["resources"]}


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object, of which two readers can make one thing only."""
    if len(dict(pairs)) < len(pairs):
        raise TrustError(f"{SIGNATURE_FILE} names a field twice", fix=_resign())
    return dict(pairs)


def _reason(error: Exception) -> str:
    cause = describe_cause(error)
    said = cause.partition(": ")[2]
    if said.startswith("Signature mismatch"):
        return f"The files are not those that were signed: {said.partition(': ')[2]}"
    if type(error).__name__ == "InvalidSignature":  # of cryptography, which model-signing brings
        return f"{SIGNATURE_FILE} was not made with the key of `trust.signatures`, or was altered"
    if isinstance(error, json.JSONDecodeError | binascii.Error | KeyError | AttributeError | IndexError):
        return f"{SIGNATURE_FILE} is not a signature of OpenSSF Model Signing ({type(error).__name__})"
    return f"{SIGNATURE_FILE} was not accepted by model-signing ({cause})"


@contextmanager
def needs_model_signing() -> Iterator[None]:
    """For its import: raises `MissingExtraError` where the package is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"Signed models need the Python package {error.name!r}, which is not installed",
            fix='Run: pip install "mlops-assets[signing]"',
        ) from error


def _resign() -> str:
    return (
        "Find out who changed the version or its signature; if it was meant, have it signed again: "
        f"{SIGN} MODEL VERSION --key PRIVATE_KEY --overwrite"
    )
