"""Every error a user can meet: what is wrong, where, what to do.

One base class, so that a caller can tell this package's verdicts from defects. Messages never hold values of the data,
only names, types, positions and row keys.
"""

import json
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from heapq import nlargest
from typing import Protocol, Self, TypeVar

from mlops_assets.redaction.text import redact

_LONGEST_CAUSE = 300
_LONGEST_COMPARED, _MOST_COMPARED = 200, 50
# A table may have thousands of columns, and a message names them; it is kept in an event log for ever.
_LONGEST_SENTENCE = 4_000


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

    row_keys: tuple[str, ...] = ()
    """The first keys of the rows concerned, where there are such; `name_rows` puts them into the message."""
    places: tuple[int, ...] = ()
    """Where these rows are among those that were given."""

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        what, where, fix = redact(what), where and redact(where), fix and redact(fix)
        self.what, self.where, self.fix = what, where, fix
        sentence = strip_ends(_shortened(what)) or type(self).__name__
        place = f" ({where.strip()})" if where and where.strip() else ""
        remedy = strip_ends(fix or "")
        super().__init__(" ".join(_with_full_stop(part) for part in (f"{sentence}{place}", remedy) if part))

    def name_rows(self) -> Self:
        """This error with `row_keys`, if any, in its message: keys identify people, and are not for all logs."""
        if not self.row_keys:
            return self
        rows = f"the first rows are {'; '.join(self.row_keys)}"
        where = f"{self.where}; {rows}" if self.where else rows
        named = type(self)(self.what, where=where, fix=self.fix)
        named.row_keys, named.places, named.__cause__ = self.row_keys, self.places, self.__cause__
        return named


def _shortened(what: str) -> str:
    return what if len(what) <= _LONGEST_SENTENCE else f"{what[:_LONGEST_SENTENCE]}... ({len(what)} characters)"


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


class PromotionError(RegistryError):
    """A version may not take the alias, or somebody else moved it meanwhile."""


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
    return strip_ends(f"{type(error).__name__}: {redact(lines[0])[:_LONGEST_CAUSE] if lines else ''}")


def describe_without_values(error: BaseException) -> str:
    """Another library's error as `describe_cause` has it, with dots for what it quotes, which may be a value.

    Examples
    --------
    >>> describe_without_values(ValueError("Could not convert 'Smith' to int64"))
    "ValueError: Could not convert '...' to int64"
    """
    text = re.sub(r"'[^']*'|'.*$", "'...'", re.sub(r'"[^"]*"|".*$', '"..."', describe_cause(error)))
    return strip_ends(text)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` for the nearest known name, else an empty string."""
    near = get_close_matches(name, _candidates(name, known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _candidates(name: str, known: Iterable[str]) -> list[str]:
    """Those of `known` that are worth a comparison, which takes the square of a name's length."""
    if len(name) > _LONGEST_COMPARED:
        return []
    near = [each for each in known if abs(len(each) - len(name)) <= len(name)]
    if len(near) <= _MOST_COMPARED:
        return near
    return nlargest(_MOST_COMPARED, near, lambda each: _shared_ends(name, each))


def _shared_ends(one: str, other: str) -> int:
    return _shared_start(one, other) + _shared_start(one[::-1], other[::-1])


def _shared_start(one: str, other: str) -> int:
    return next((at for at, (mine, its) in enumerate(zip(one, other, strict=False)) if mine != its), len(other))


# A name is compared with every known one; of hundreds that are wrong, the first show what is the matter.
_MOST_SUGGESTIONS, _MOST_LISTED, _MOST_IN_YAML = 20, 50, 20
# What YAML does not read as anything but text: words that mean a truth value or nothing are quoted.
_PLAIN_NAME = re.compile(r"(?!(?i:y|n|yes|no|on|off|true|false|null|nan|inf)\Z)[^\W\d][\w.]{0,199}")


def suggest_names(unknown: Sequence[str], known: Sequence[str]) -> list[str]:
    """`did_you_mean` for each of `unknown`; nothing beyond the first twenty."""
    return [did_you_mean(name, known) if at < _MOST_SUGGESTIONS else "" for at, name in enumerate(unknown)]


def list_with_suggestions(unknown: Sequence[str], known: Sequence[str]) -> str:
    """Unknown names as they are quoted, each with the known name that was probably meant."""
    suggestions = suggest_names(unknown, known)
    return ", ".join(f"{name!r}{suggestion}" for name, suggestion in zip(unknown, suggestions, strict=True))


def list_some(names: Sequence[str]) -> str:
    """Names as they are quoted: all of some tens, the first of many and how many more there are."""
    more = len(names) - _MOST_LISTED
    return ", ".join(map(repr, names[:_MOST_LISTED])) + (f" and {more} more" if more > 0 else "")


def list_for_yaml(names: Iterable[object]) -> str:
    """Names that somebody else chose, as items of a YAML list on one line: all of a few, else the first ones and dots.

    Examples
    --------
    >>> print(list_for_yaml(["age", "pkg.Type", "a, b"]))
    age, pkg.Type, "a, b"
    """
    texts = [str(name) for name in names]
    shown = [text if _PLAIN_NAME.fullmatch(text) else _quote(text[:200]) for text in texts[:_MOST_IN_YAML]]
    return ", ".join([*shown, *(["..."] if len(texts) > _MOST_IN_YAML else [])])


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=not text.isprintable())


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
