"""How much of a registry's answers, files and time is taken. The registry is a peer on a network, not a friend."""

import os
import time
from contextvars import ContextVar
from dataclasses import dataclass, fields
from urllib.parse import urlsplit

from mlops_assets.errors import ConfigurationError, RegistryError, RegistryUnreachableError

_VARIABLE = "MLOPS_ASSETS_{}"
DEEPEST = 32
"""Folders in folders that a model may have."""
LONGEST_NAME = 1_000
"""Characters of a file's path in a model, and of a name, run or source that the registry answers with."""


@dataclass(frozen=True)
class RegistryLimits:
    """What one deployment takes from its registry. Each has the name of the resource's setting.

    Attributes
    ----------
    artifact_hosts
        Hosts (``host`` or ``host:port``), beside the registry's own, that files may be fetched from. None of them is
        sent credentials.
    operation_timeout
        Seconds that one operation may take in all: every page of a search, every retry.
    download_timeout
        Seconds that fetching one model may take in all.
    max_answer_mib
        MiB that one answer of the registry's may have, and all answers of one operation.
    max_model_gib
        GiB that the files of one model may have.
    max_model_files
        How many files and folders one model may have.
    """

    artifact_hosts: tuple[str, ...] = ()
    operation_timeout: int = 45
    download_timeout: int = 3_600
    max_answer_mib: int = 64
    max_model_gib: float = 32
    max_model_files: int = 10_000

    @classmethod
    def of_settings(cls, **settings: object) -> "RegistryLimits":
        """The settings that are given; those that are None from ``MLOPS_ASSETS_<NAME>``, else the defaults.

        Raises
        ------
        ConfigurationError
            A variable holds no number above 0.
        """
        values = {each.name: settings.get(each.name) for each in fields(cls)}
        for name, value in values.items():
            text = os.environ.get(_VARIABLE.format(name.upper()), "").strip()
            if value is None and text:
                values[name] = _read(name, text)
        return cls(**{name: value for name, value in values.items() if value is not None})  # type: ignore[arg-type]


def _read(name: str, text: str) -> object:
    if name == "artifact_hosts":
        return tuple(host.strip().lower() for host in text.split(",") if host.strip())
    try:
        number = float(text) if name == "max_model_gib" else int(text)
    except ValueError:
        number = 0
    if not 0 < number < 10**9:
        raise ConfigurationError(
            f"{_VARIABLE.format(name.upper())} is {text[:50]!r}", fix="Set it to a number above 0, or unset it"
        )
    return number


def advise_raising(setting: str) -> str:
    """What to do about a limit that was reached for a good reason."""
    return (
        f"If that is right, raise {setting} of the resource mlflow_registry (MlflowRegistry({setting}=...)), or set "
        f"{_VARIABLE.format(setting.upper())}"
    )


def origin_of(url: str) -> str:
    """Scheme, host and port of an http(s) URL, in one spelling; empty for every other address.

    Examples
    --------
    >>> origin_of("HTTPS://user:pw@ML.example/mlflow"), origin_of("http://[::1]:5000"), origin_of("sqlite:///a.db")
    ('https://ml.example:443', 'http://::1:5000', '')
    """
    try:
        split = urlsplit(url)
        scheme = split.scheme.lower()
        port = split.port or {"http": 80, "https": 443}.get(scheme)
    except ValueError:
        return ""
    return f"{scheme}://{(split.hostname or '').lower()}:{port}" if scheme in ("http", "https") else ""


class Deadline:
    """When an operation must have ended.

    Parameters
    ----------
    seconds
        From now.
    setting
        That says how many.
    """

    def __init__(self, seconds: float, setting: str) -> None:
        self.seconds, self.setting = seconds, setting
        self._end = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds that are left; 0 when none are."""
        return max(0.0, self._end - time.monotonic())

    def check(self, doing: str) -> None:
        """Raise `RegistryUnreachableError` when it has passed."""
        if not self.remaining:
            raise self.error(doing)

    def error(self, doing: str) -> RegistryUnreachableError:
        """What is said when it has passed."""
        return RegistryUnreachableError(
            f"The registry took more than {self.seconds:g} seconds while {doing}", fix=advise_raising(self.setting)
        )


class Operation:
    """What one operation on a registry may still take; the same for all calls that belong to it."""

    def __init__(self, limits: RegistryLimits, deadline: Deadline, addresses: tuple[str, ...], doing: str) -> None:
        self.limits, self.deadline, self.doing = limits, deadline, doing
        self.origins = frozenset(map(origin_of, addresses)) - {""}
        self._answered = 0

    def take_answer(self, size: int) -> None:
        """Count the bytes of an answer.

        Raises
        ------
        RegistryError
            They are too many.
        """
        self._answered += size
        if self._answered > self.limits.max_answer_mib * 2**20:
            raise RegistryError(
                f"The registry answered with more than {self.limits.max_answer_mib} MiB while {self.doing}",
                fix=advise_raising("max_answer_mib"),
            )


CURRENT: ContextVar[Operation | None] = ContextVar("operation on a registry", default=None)
"""The operation that this thread is in."""
