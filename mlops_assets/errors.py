"""Every error a user can meet: what is wrong, where, what to do.

One base class, so that a caller can tell this package's verdicts from defects. Messages never hold values of the data,
only names, types, positions and row keys.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Protocol, TypeVar

_LONGEST_CAUSE = 300


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

    Examples
    --------
    >>> str(MlopsAssetsError("The table is empty", where="in.csv", fix="Give a table with rows"))
    'The table is empty (in.csv). Give a table with rows.'
    """

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what, self.where, self.fix = what, where, fix
        sentence = strip_ends(what) or type(self).__name__
        place = f" ({where.strip()})" if where and where.strip() else ""
        remedy = strip_ends(fix or "")
        super().__init__(" ".join(_with_full_stop(part) for part in (f"{sentence}{place}", remedy) if part))


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


class CheckFailedError(MlopsAssetsError):
    """A blocking check of an asset failed; the message holds what it found."""


class WorkerError(MlopsAssetsError):
    """A process or machine that shared the work was lost, or could not begin."""


def strip_ends(text: str) -> str:
    """`text` without a full stop at its end, and without what an empty list or cause has left there.

    Examples
    --------
    >>> strip_ends("Two rows were refused: id=1; id=2; ...")
    'Two rows were refused: id=1; id=2; ...'
    >>> strip_ends("The file cannot be read: .")
    'The file cannot be read'
    """
    text = text.strip()
    while True:
        shorter = text[:-1] if text.endswith(".") and not text.endswith("...") else text
        shorter = shorter.removesuffix(" ()").rstrip(" ;:,\n")
        if shorter == text:
            return text
        text = shorter


def _with_full_stop(sentence: str) -> str:
    return sentence if sentence.endswith(("...", "?", "!")) else f"{sentence}."


def describe_cause(error: BaseException) -> str:
    """Another library's error as one short line: the name of its class, and the first line of its message, if any.

    Examples
    --------
    >>> describe_cause(ValueError("too long\\nfor one line")), describe_cause(TimeoutError())
    ('ValueError: too long', 'TimeoutError')
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return strip_ends(f"{type(error).__name__}: {lines[0][:_LONGEST_CAUSE] if lines else ''}")


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
