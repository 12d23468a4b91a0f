"""``mlops-assets sign-model``."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.commands.command import Command
from mlops_assets.commands.options import add_model, add_module

if TYPE_CHECKING:
    from mlops_assets.models.registry import Registry

_PASSWORD = "MLOPS_ASSETS_KEY_PASSWORD"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("version", help="version number, or alias")
    parser.add_argument("--key", required=True, type=Path, help="PEM file of the private key (P-256, P-384 or P-521)")
    parser.add_argument("--certificate", type=Path, help="PEM file of the key's certificate, where there is one")
    parser.add_argument(
        "--chain",
        type=Path,
        action="append",
        default=[],
        help="PEM file of a certificate between the key's and a trusted one; may be repeated",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a signature that is there")
    add_module(parser)


def _run(chosen: argparse.Namespace) -> int:
    from mlops_assets.commands.progress import show_progress
    from mlops_assets.models.model_uri import whole_number
    from mlops_assets.models.sign_version import sign_version

    password = _password(chosen.key)
    with show_progress() as show, _open_registry(chosen.module) as registry:
        show("signing the version")
        version = whole_number(chosen.version)
        signed = sign_version(
            registry,
            chosen.model,
            version,
            chosen.key,
            password=password,
            certificate=chosen.certificate,
            chain=tuple(chosen.chain),
            overwrite=chosen.overwrite,
        )
    print(f"Signed {chosen.model} version {signed.version}: {signed.files} files, now with the digest {signed.digest}")
    if signed.aliases:
        print(
            f"The version is {' and '.join(signed.aliases)}, and has another digest now, as the signature is one of "
            "its files: materialize champion_model again"
        )
    return 0


@contextmanager
def _open_registry(module: str | None) -> Iterator["Registry"]:
    """That of the project. Whoever answers for a model may have none: then the one that the environment names."""
    from mlops_assets.code_location.find_location import find_code_locations
    from mlops_assets.code_location.model_resources import open_registry
    from mlops_assets.direct.registry import find_registry

    if module is None and not find_code_locations(Path.cwd()):
        yield find_registry()
        return
    with open_registry(module) as resource:
        yield resource.address()


def _password(key: Path) -> str | None:
    """Of an encrypted key, from the environment or from whoever sits at the terminal."""
    from mlops_assets.models.sign_version import is_encrypted

    if not is_encrypted(key):
        return None
    if _PASSWORD in os.environ or not sys.stdin.isatty():
        return os.environ.get(_PASSWORD)
    from getpass import getpass

    return getpass(f"Password of {key}: ")


SIGN_MODEL = Command(
    "sign-model",
    "sign the files of a registered version (OpenSSF Model Signing), for `trust: {signatures: ...}`",
    _add_arguments,
    _run,
)
