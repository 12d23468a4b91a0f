"""Names for secrets that stand in settings, to be kept where others read them: Dagster stores what resources hold."""

import functools
import hashlib
from collections.abc import Mapping
from typing import Any

from mlops_assets.redaction.addresses import has_secret, is_secret_name, show_address
from mlops_assets.redaction.text import HIDDEN, remember_address, remember_receiver, remember_secret

_concealed: dict[str, str] = {}


def conceal(address: str) -> str:
    """A name for an address that holds a secret, to be kept where others read it; any other address as it is.

    Dagster stores what resources are configured with. The name is the same in each process that loads the settings, and
    `reveal` knows the address in all of these.
    """
    if not has_secret(address):
        return address
    remember_address(address)
    name = _name_of(address)
    _concealed[name] = address
    return name


def conceal_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """A store's options with `conceal`ed names for those that are secrets and are not read from the environment."""
    concealed: dict[str, Any] = {}
    for name, value in options.items():
        if isinstance(value, Mapping):
            concealed[name] = dict(value) if set(value) == {"env"} else conceal_options(value)
        elif isinstance(value, str) and is_secret_name(str(name)):
            remember_secret(value)
            concealed[name] = _name_of(value, HIDDEN)
            _concealed[concealed[name]] = value
        else:
            concealed[name] = conceal(value) if isinstance(value, str) else value
    return concealed


def conceal_receiver(address: str) -> str:
    """As `conceal`, for an address that is itself a secret; a name of an environment variable is left as it is."""
    if address in _concealed or getattr(address, "env_var_name", None) is not None:
        return address
    remember_receiver(address)
    name = _name_of(address, f"{address.partition('://')[0]}://{HIDDEN}")
    _concealed[name] = address
    return name


def reveal(text: str) -> str:
    """What `conceal` has named; any other text as it is."""
    return _concealed.get(text, text)


@functools.lru_cache(maxsize=1_000)
def _name_of(value: str, shown: str | None = None) -> str:
    # Slow on purpose: nobody finds a short password by trying what gives the same name.
    digest = hashlib.pbkdf2_hmac("sha256", value.encode(), b"mlops_assets", 50_000).hex()[:12]
    return f"{show_address(value) if shown is None else shown}#{digest}"
