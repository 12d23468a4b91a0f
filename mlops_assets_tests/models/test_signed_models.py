"""`trust.signatures`: a version loads only with exactly the files that a trusted key has signed."""

import datetime
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from mlflow import MlflowClient

from mlops_assets.cli import main
from mlops_assets.errors import ConfigurationError, TrustError
from mlops_assets.models.load import load_by_flavor
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.model_source import ModelSource
from mlops_assets.models.sign_version import sign_folder, sign_version
from mlops_assets.models.signed_files import SIGNATURE_FILE, SignedBy, check_signed
from mlops_assets.models.trust import TrustPolicy
from mlops_assets.settings.trust import TrustSettings

WHERE = "models:/churn/1"


def write_key(folder: Path, name: str, curve: ec.EllipticCurve | None = None, password: bytes | None = None) -> Path:
    """A private key, and its public one as `<name>.pub`."""
    key = ec.generate_private_key(curve or ec.SECP256R1())
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    path = folder / name
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    path.with_name(f"{name}.pub").write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return path


def read_private(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def write_certificate(path: Path, subject: str, key: Path, issuer: str, issued_by: Path, *, authority: bool) -> Path:
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    unused = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only")
    usage = dict.fromkeys((*unused, "decipher_only", "crl_sign"), False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(read_private(key).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=not authority, key_cert_sign=authority, **usage), critical=True)
        .sign(read_private(issued_by), hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def key(tmp_path) -> Path:
    return write_key(tmp_path, "key.pem")


@pytest.fixture
def signed(saved, key) -> Path:
    (saved / SIGNATURE_FILE).write_bytes(sign_folder(saved, key))
    return saved


def public(key: Path) -> SignedBy:
    return SignedBy("key", f"{key}.pub")


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_what_was_signed_is_accepted_wherever_it_is_copied_to(saved, tmp_path, curve):
    key = write_key(tmp_path, "other.pem", curve)
    (saved / SIGNATURE_FILE).write_bytes(sign_folder(saved, key))
    copied = Path(shutil.copytree(saved, tmp_path / "elsewhere" / ("d" * 64)))
    check_signed(copied, public(key), WHERE)
    check_signed(copied, SignedBy("key", Path(f"{key}.pub").read_text()), WHERE)


def change(folder: Path) -> None:
    with (folder / "requirements.txt").open("a") as file:
        file.write(" ")


def add(folder: Path) -> None:
    (folder / "code.py").write_text("")


def add_for_git(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "model.skops").write_text("")


def remove(folder: Path) -> None:
    (folder / "requirements.txt").unlink()


def rename(folder: Path) -> None:
    (folder / "requirements.txt").rename(folder / "other.txt")


def swap(folder: Path) -> None:
    first, second = folder / "requirements.txt", folder / "conda.yaml"
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)


CHANGES = {
    change: "changed 'requirements.txt'",
    add: "added 'code.py'",
    add_for_git: r"added '\.git/model\.skops'|not covered by the signature: '\.git/model\.skops'",
    remove: "removed 'requirements.txt'",
    rename: "added 'other.txt'; removed 'requirements.txt'",
    swap: "changed 'conda.yaml', 'requirements.txt'",
}


@pytest.mark.parametrize("alter", CHANGES, ids=lambda alter: alter.__name__)
def test_any_change_since_then_is_refused(signed, key, alter):
    alter(signed)
    with pytest.raises(TrustError, match=r"not those that were signed|not covered by the signature") as refused:
        check_signed(signed, public(key), WHERE)
    assert re.search(CHANGES[alter], str(refused.value))
    assert WHERE in str(refused.value)
    assert "sign-model" in str(refused.value)


def test_files_that_a_signer_left_out_are_refused(saved, key):
    """The library's own command leaves out what belongs to git; whoever writes there later would not be noticed."""
    from model_signing import signing

    (saved / ".gitattributes").write_text("x")
    signing.Config().use_elliptic_key_signer(private_key=key).sign(saved, saved / SIGNATURE_FILE)
    with pytest.raises(TrustError, match=r"not covered by the signature: '.gitattributes'"):
        check_signed(saved, public(key), WHERE)
    (saved / ".gitattributes").unlink()
    check_signed(saved, public(key), WHERE)


def test_a_signature_that_was_written_elsewhere_first_is_accepted(saved, key, tmp_path):
    from model_signing import signing

    signing.Config().use_elliptic_key_signer(private_key=key).sign(saved, tmp_path / "elsewhere.sig")
    shutil.move(tmp_path / "elsewhere.sig", saved / SIGNATURE_FILE)
    check_signed(saved, public(key), WHERE)


def test_an_unsigned_version_is_refused_with_what_to_do(saved, key):
    with pytest.raises(TrustError, match=r"not signed.*trust\.signatures.*mlops-assets sign-model"):
        check_signed(saved, public(key), WHERE)


def test_another_key_is_refused(signed, tmp_path):
    with pytest.raises(TrustError, match=r"model\.sig was not (made|accepted)"):
        check_signed(signed, public(write_key(tmp_path, "other.pem")), WHERE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"{}",
        b"[]",
        b"\xff\xfe",
        b'{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}',
        b"[" * 100_000,
        b'{"a": ' * 50_000,
    ],
    ids=["empty", "open", "object", "list", "bytes", "bare", "nested lists", "nested objects"],
)
def test_what_is_no_signature_is_refused(signed, key, content):
    (signed / SIGNATURE_FILE).write_bytes(content)
    with pytest.raises(TrustError, match=r"model\.sig"):
        check_signed(signed, public(key), WHERE)


def test_an_altered_signature_is_refused_at_every_byte(signed, key):
    signature = (signed / SIGNATURE_FILE).read_bytes()
    for place in range(0, len(signature), max(1, len(signature) // 150)):
        altered = bytearray(signature)
        altered[place] ^= 0x01
        (signed / SIGNATURE_FILE).write_bytes(bytes(altered))
        try:
            check_signed(signed, public(key), WHERE)
        except TrustError:
            continue
        # JSON and base64 have bits that mean nothing: what is accepted lists the same files.
        assert len(altered) == len(signature)
        add(signed)
        with pytest.raises(TrustError):
            check_signed(signed, public(key), WHERE)
        (signed / "code.py").unlink()


def test_a_huge_signature_is_not_read(signed, key):
    with (signed / SIGNATURE_FILE).open("r+b") as file:
        file.truncate(17 * 2**20)
    with pytest.raises(TrustError, match=r"larger than 16 MiB"):
        check_signed(signed, public(key), WHERE)


def test_a_certificate_is_accepted_where_its_authority_is_trusted(saved, tmp_path, key):
    authority = write_key(tmp_path, "authority.pem")
    root = write_certificate(tmp_path / "root.crt", "root", authority, "root", authority, authority=True)
    mine = write_certificate(tmp_path / "mine.crt", "signer", key, "root", authority, authority=False)
    (saved / SIGNATURE_FILE).write_bytes(sign_folder(saved, key, certificate=mine))
    check_signed(saved, SignedBy("certificate", str(root)), WHERE)
    other = write_key(tmp_path, "other.pem")
    strange = write_certificate(tmp_path / "strange.crt", "root", other, "root", other, authority=True)
    with pytest.raises(TrustError, match=r"model\.sig was not accepted"):
        check_signed(saved, SignedBy("certificate", str(strange)), WHERE)
    change(saved)
    with pytest.raises(TrustError, match=r"not those that were signed"):
        check_signed(saved, SignedBy("certificate", str(root)), WHERE)


def test_a_key_that_cannot_be_used_is_named(signed, tmp_path):
    absent = SignedBy("key", str(tmp_path / "absent.pem"))
    with pytest.raises(ConfigurationError, match=r"public key of `trust\.signatures` cannot be read.*absent\.pem"):
        check_signed(signed, absent, WHERE)
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ConfigurationError, match=r"not a PEM file"):
        check_signed(signed, SignedBy("key", str(tmp_path / "text")), WHERE)
    of_rsa = rsa.generate_private_key(65537, 2048).public_key()
    (tmp_path / "rsa.pub").write_bytes(
        of_rsa.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(ConfigurationError, match=r"cannot be used"):
        check_signed(signed, SignedBy("key", str(tmp_path / "rsa.pub")), WHERE)
    with pytest.raises(ConfigurationError, match=r"cannot be used"):
        check_signed(signed, SignedBy("certificate", str(tmp_path / "rsa.pub")), WHERE)


def test_a_private_key_that_cannot_sign_is_named(saved, tmp_path):
    with pytest.raises(ConfigurationError, match=r"absent\.pem"):
        sign_folder(saved, tmp_path / "absent.pem")
    encrypted = write_key(tmp_path, "encrypted.pem", password=b"secret")
    with pytest.raises(ConfigurationError, match=r"encrypted\.pem"):
        sign_folder(saved, encrypted, password="wrong")
    (saved / SIGNATURE_FILE).write_bytes(sign_folder(saved, encrypted, password="secret"))
    check_signed(saved, public(encrypted), WHERE)


# In the registry


@pytest.fixture
def version(saved, registry):
    """The version 1 of `churn`, not signed, from a folder of its own."""
    client = MlflowClient(registry.uri, registry.uri)
    client.create_registered_model("churn")
    client.create_model_version("churn", saved.as_uri())
    return saved


def test_a_registered_version_is_signed_and_then_accepted(version, asked, cache, key, tmp_path):
    policy = TrustPolicy(signed_by=public(key))
    with pytest.raises(TrustError, match=r"not signed"):
        asked.pin("churn", 1, cache, policy)
    made = sign_version(asked, "churn", 1, key)
    pinned = asked.pin("churn", 1, cache, policy)
    assert (made.version, made.digest, made.aliases) == (1, pinned.digest, ())
    with pytest.raises(TrustError, match=r"signed already.*--overwrite"):
        sign_version(asked, "churn", 1, key)
    other = write_key(tmp_path, "other.pem")
    sign_version(asked, "churn", 1, other, overwrite=True)
    with pytest.raises(TrustError, match=r"model\.sig was not"):
        asked.pin("churn", 1, cache, policy)
    asked.pin("churn", 1, cache, TrustPolicy(signed_by=public(other)))


def test_nothing_is_parsed_before_the_signature_is_verified(version, asked, cache, key, monkeypatch):
    monkeypatch.setattr(ModelDescription, "read", lambda _folder: pytest.fail("parsed"))
    with pytest.raises(TrustError, match=r"not signed"):
        asked.pin("churn", 1, cache, TrustPolicy(signed_by=public(key)))


class Loader:
    """A loader that is the package's own by flavor."""

    def load(self, folder, reference):
        return load_by_flavor(folder, reference)


def test_what_was_pinned_before_the_rule_is_verified_when_it_is_loaded(version, asked, cache, key, tmp_path):
    pinned = asked.pin("churn", 1, cache)
    source = ModelSource(asked, cache.root, Loader(), TrustPolicy())
    source.load(pinned)
    with pytest.raises(TrustError, match=r"not signed"):
        replace(source, trust=TrustPolicy(signed_by=public(key))).load(pinned)


def test_a_key_that_is_exchanged_at_the_same_path_counts_at_once(version, asked, cache, key, tmp_path):
    sign_version(asked, "churn", 1, key)
    source = ModelSource(asked, cache.root, Loader(), TrustPolicy(signed_by=public(key)))
    pinned = asked.pin("churn", 1, cache)
    source.load(pinned)
    write_key(tmp_path, key.name)
    with pytest.raises(TrustError, match=r"model\.sig was not"):
        source.load(pinned)


def test_the_key_is_found_from_the_projects_folder_wherever_the_process_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    (tmp_path / "keys").mkdir()
    key = write_key(tmp_path / "keys", "models.pem")
    settings = TrustSettings(signatures={"key": "keys/models.pem.pub"})
    assert settings.below(tmp_path).policy().signed_by == public(key)
    text = Path(f"{key}.pub").read_text()
    assert TrustSettings(signatures={"key": text}).below(tmp_path).policy().signed_by == SignedBy("key", text)


def test_the_command_needs_no_project(version, registry, key, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["sign-model", "churn", "1", "--key", str(key)]) == 0
    assert "Signed churn version 1" in capsys.readouterr().out
    check_signed(version, public(key), WHERE)


@pytest.mark.slow
def test_the_command_signs_the_version_that_it_names(version, registry, key, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "definitions.py").write_text("import dagster as dg\n\ndefs = dg.Definitions()\n")
    MlflowClient(registry.uri, registry.uri).set_registered_model_alias("churn", "Champion", "1")
    asked_for = ["sign-model", "churn", "Champion", "--key", str(key), "--module", "definitions.py"]
    assert main(asked_for) == 0
    said = capsys.readouterr().out
    assert "Signed churn version 1" in said
    assert "Champion" in said
    check_signed(version, public(key), WHERE)
    assert main(asked_for) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert main([*asked_for, "--overwrite"]) == 0
