"""Text without secrets: those that are known by value, and those that look like one.

Known are: what stands in the user's part and the query of an address that this process was given, what settings name by
environment variable, storage options, and environment variables that are called passwords, tokens or keys; each also as
a URL, a header or Python spells it. By their shape: a user's part, a signature or a password in a URL that nobody has
told this process of.
"""

import functools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mlops_assets.redaction.addresses import LEAST_TOKEN, WEB, is_secret_name, secrets_in, show_address, spellings

HIDDEN = "***"
_LEAST_PIECE, _MOST_KNOWN = 8, 5_000
_USER_INFO = re.compile(
    # The last @ ends the user's part even where a password was not percent-encoded as it should be.
    r"(?<=://)(?:[^/?#@\s'\":]*:(?!\d*(?:[/?#\s'\"]|$))[^\s'\"<>]*@|[^/?#@\s'\"]*@)"
)
_PARAMETER = re.compile(
    # Bounded: without that, a page that repeats "?key" takes minutes.
    r"(?i)([?&;][^=&?;\s'\"]{0,100}(?:pass|pwd|secret|token|key|sig|signature|credential|auth|sas|code|jwt|hmac|session|assertion|ticket)"
    r"[^=&?;\s'\"]{0,100}=)[^&\s'\"<>]+"
)
_SECRET = (
    r"(?:password|passwd|pwd|secret[_-]?access[_-]?key|account[_-]?key|api[_-]?key|(?:client|app)[_-]?secret|"
    r"(?:access|refresh|session|bearer|id)[_-]?token|shared[_-]?access[_-]?signature|(?:private|secret)[_-]?key)"
)
_ASSIGNMENT = re.compile(rf"(?i)\b([\w-]{{0,40}}{_SECRET})(\s*=\s*)('[^']*'|[^\s'\"&;,)]+)")
# As JSON, Python and headers write it; in prose, a colon is followed by a word.
_ENTRY = re.compile(
    rf"(?i)([\"'][\w-]{{0,40}}{_SECRET}[\"']\s*:\s*)(\"[^\"]*\"|'[^']*')|"
    rf"\b([\w-]{{0,40}}{_SECRET}\s*:\s*)(?=[^\s'\"{{}}\[\],;]*[0-9+/=])[^\s'\"{{}}\[\],;]{{6,}}"
)
_HEADER = re.compile(r"(?i)\b(Basic|Bearer)\s+(?=[A-Za-z0-9._~+/=-]*[0-9+/=._-])[A-Za-z0-9._~+/=-]{8,}")


class _Known:
    """The secrets of this process, by value; and the names of the variables that settings read: True, a receiver's."""

    def __init__(self) -> None:
        self.values: dict[str, None] = {}
        self.variables: dict[str, bool] = {}

    def add(self, values: Iterable[str]) -> None:
        for value in values:
            if value not in self.values and len(self.values) < _MOST_KNOWN:
                self.values[value] = None

    def clear(self) -> None:
        self.values.clear()
        self.variables.clear()


KNOWN = _Known()


def remember_secret(value: str) -> None:
    """Hide `value`, however it is spelled, in every message from now on; a word that is too common is left alone."""
    KNOWN.add(spellings(value))


def remember_variable(name: str, *, is_receiver: bool = False) -> None:
    """Hide what the environment variable holds when a message is made; nothing is read now.

    Parameters
    ----------
    is_receiver
        It holds an address that is itself a secret; see `remember_receiver`.
    """
    KNOWN.variables[name] = is_receiver or KNOWN.variables.get(name, False)


def remember_address(address: str) -> None:
    """Hide user, password and the values of the query of an address in every message from now on."""
    KNOWN.add(secrets_in(address))


def remember_addresses(*addresses: str) -> None:
    """`remember_address` for each."""
    for address in addresses:
        remember_address(address)


def remember_receiver(address: str) -> None:
    """Hide an address that is itself a secret, such as a webhook's: whole, and each of its longer parts."""
    KNOWN.add(_of_receiver(address))


def remember_options(options: Mapping[str, Any]) -> None:
    """Hide those of a store's options whose names say that they are secrets, at any depth."""
    for name, value in options.items():
        if isinstance(value, Mapping):
            remember_options(value)
        elif isinstance(value, str):
            if "://" in value:
                remember_address(value)
            elif is_secret_name(str(name)):
                remember_secret(value)


def remember_settings(settings: Mapping[str, Any]) -> None:
    """Hide whatever a receiver of messages is configured with, its receivers' addresses above all."""
    for name, value in settings.items():
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, Mapping):
                remember_settings(part)
            elif getattr(part, "env_var_name", None) is not None:
                # Dagster's name of a variable is text, and no secret.
                continue
            elif isinstance(part, str) and (revealed := part):
                if "://" in revealed:
                    remember_receiver(revealed)
                elif is_secret_name(name) or len(revealed) >= LEAST_TOKEN:
                    remember_secret(revealed)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with ``***`` for each known secret, for `secrets`, and for whatever looks like one in a URL or header."""
    pattern = _pattern(frozenset({*KNOWN.values, *_in_environment(), *secrets}))
    if pattern is not None:
        text = pattern.sub(HIDDEN, text)
    if "://" in text:
        text = _USER_INFO.sub(f"{HIDDEN}@", text)
    if "=" in text:
        text = _ASSIGNMENT.sub(rf"\1\2{HIDDEN}", _PARAMETER.sub(rf"\1{HIDDEN}", text))
    if ":" in text:
        text = _ENTRY.sub(_hide_entry, text)
    return _HEADER.sub(rf"\1 {HIDDEN}", text)


def _hide_entry(found: "re.Match[str]") -> str:
    return f"{found[1]}{found[2][0]}{HIDDEN}{found[2][0]}" if found[1] else f"{found[3]}{HIDDEN}"


def show_value(name: str, value: object) -> object:
    """A setting as ``repr`` may show it."""
    if getattr(value, "env_var_name", None) is not None:
        return value
    if isinstance(value, str):
        return HIDDEN if is_secret_name(name) else show_address(redact(value)) if "://" in value else redact(value)
    if isinstance(value, Mapping):
        return {key: show_value(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [show_value(name, inner) for inner in value]
    return value


def _in_environment() -> Iterator[str]:
    for name, value in os.environ.items():
        if not value or value.startswith("/") or (value.isdigit() and len(value) < 8):
            continue
        if "://" in value:
            yield from secrets_in(value)
        if KNOWN.variables.get(name):
            yield from _of_receiver(value)
        elif name in KNOWN.variables or is_secret_name(name):
            yield from _of_variable(value)


def _of_variable(value: str) -> set[str]:
    if "://" not in value:
        return spellings(value)
    if not value.lower().startswith(WEB):
        return set()
    # The path of a webhook is its password.
    parts = value.partition("://")[2].split("/")[1:]
    return {spelling for part in parts if len(part) >= LEAST_TOKEN for spelling in spellings(part)}


def _of_receiver(address: str) -> set[str]:
    secrets = set(secrets_in(address))
    _, _, rest = address.partition("://")
    for part in (address, rest, *re.split(r"[/?&=@:#]", rest)):
        if len(part) >= _LEAST_PIECE and not re.fullmatch(r"[0-9.]+|localhost", part):
            secrets |= spellings(part)
    return secrets


@functools.lru_cache(maxsize=8)
def _pattern(secrets: frozenset[str]) -> "re.Pattern[str] | None":
    if not secrets:
        return None
    return re.compile("|".join(map(_literally, sorted(secrets, key=lambda secret: (-len(secret), secret)))))


def _literally(secret: str) -> str:
    # A short one that is part of a longer word is that word.
    if len(secret) < _LEAST_PIECE and secret.isalnum():
        return f"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])"
    return re.escape(secret)
