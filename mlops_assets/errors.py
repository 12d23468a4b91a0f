"""Every error a user can meet: what is wrong, where, what to do.

One base class, so that a caller can tell this package's verdicts from defects. Messages never hold values of the data,
only names, types, positions and row keys.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Protocol, TypeVar


class MlopsAssetsError(Exception):
    """A failure with its remedy.

    Parameters
    ----------
    what
        What is wrong, as one sentence without a full stop.
    where
        The file, table, column, asset or server concerned.
    fix
        What the reader can do about it, as one sentence.
    """

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what, self.where, self.fix = what, where, fix
        place = f" ({where})" if where else ""
        remedy = f" {fix.rstrip('.')}." if fix else ""
        super().__init__(f"{what.rstrip('.')}{place}.{remedy}")


class ConfigurationError(MlopsAssetsError):
    """A setting is wrong: an unknown strategy, an impossible combination, a value out of range."""


class MissingExtraError(MlopsAssetsError):
    """An optional package is needed and not installed; the message holds the exact ``pip install`` line."""


class TableError(MlopsAssetsError):
    """A table cannot be read or written: missing, empty, of another format, with duplicate keys."""


class ConcurrentRunError(TableError):
    """Another run replaced what this run has made or read; nothing of the two was mixed."""


class RegistryError(MlopsAssetsError):
    """The model registry did not give what was asked for."""


class RegistryUnreachableError(RegistryError):
    """The tracking or registry server does not answer; the only registry error that a retry can mend."""


class ModelNotFoundError(RegistryError):
    """No registered model of this name."""


class AliasNotFoundError(RegistryError):
    """The model exists, the alias does not."""


class VersionNotFoundError(RegistryError):
    """The model exists, the version does not."""


class ArtifactsMissingError(RegistryError):
    """The version is registered, its files are gone or incomplete."""


class DigestMismatchError(RegistryError):
    """The files of a pinned version are not the ones that were pinned."""


class TrustError(MlopsAssetsError):
    """The trust policy refuses to deserialize the model."""


class ModelLoadError(MlopsAssetsError):
    """The model was trusted and could not be loaded (for example: its library is not installed)."""


class SignatureError(MlopsAssetsError):
    """No usable signature could be made or read."""


class ContractError(MlopsAssetsError):
    """The table cannot conform to the signature, or too many rows of it do not."""


class PredictionError(MlopsAssetsError):
    """The model returned something that cannot be put beside its input rows."""


class ExplanationError(MlopsAssetsError):
    """The model could not be explained, or an explanation is not what it claims to be."""


class NotApplicableError(ExplanationError):
    """A strategy cannot explain this model exactly; the automatic choice goes on to the next one with the reason."""


class NotificationError(MlopsAssetsError):
    """A message could not be delivered."""


class WorkerError(MlopsAssetsError):
    """A process or machine that shared the work was lost, or could not begin."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` for the nearest known name, else an empty string."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


class RecordedError(Protocol):
    """An error as Dagster's event log records it: the name of its class, and its cause."""

    @property
    def cls_name(self) -> str | None: ...

    @property
    def cause(self) -> "RecordedError | None": ...


Recorded = TypeVar("Recorded", bound=RecordedError)


def user_error(error: Recorded) -> Recorded:
    """The error that a person should read: the outermost one that is not one of Dagster's own wrappers.

    Its causes (MLflow's exception behind ours, for example) are in the event log; the outermost one says what to do.
    """
    while error.cause is not None and (error.cls_name or "").startswith("Dagster"):
        error = error.cause  # type: ignore[assignment] # the cause of a recorded error is recorded in the same way
    return error
