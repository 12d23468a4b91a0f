"""What an examination says: findings in three colours, and the settings that it proposes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal

from mlops_assets.errors import MlopsAssetsError
from mlops_assets.models.loaded_model import PredictMethod
from mlops_assets.tables.source import TableFormat

Color = Literal["green", "yellow", "red"]
Topic = Literal[
    "settings",
    "registry",
    "model",
    "trust",
    "environment",
    "table",
    "row key",
    "signature",
    "contract",
    "missing values",
    "predictions",
    "explanations",
    "storage",
]
_ORDER: tuple[Color, ...] = ("green", "yellow", "red")


@dataclass(frozen=True)
class Finding:
    """One thing that was examined.

    Attributes
    ----------
    color
        green: as it should be. yellow: works, and is worth knowing. red: the first launch would fail.
    what
        One sentence without a full stop.
    where, fix
        As for `MlopsAssetsError`.
    """

    topic: Topic
    color: Color
    what: str
    where: str | None = None
    fix: str | None = None

    def __str__(self) -> str:
        return " ".join(str(MlopsAssetsError(self.what, where=self.where, fix=self.fix)).split())


@dataclass(frozen=True)
class Proposal:
    """The settings of a model's YAML, as far as they are known; None and defaults are not written.

    Attributes
    ----------
    model, inputs
        None: not given, and to be filled in.
    place
        The keys under ``inputs:`` that name the table; empty: a path.
    partitions
        Of the inputs; None: they have none.
    aliases
        Those that the registered model has.
    row_key_choice
        Why these columns, for the comment beside them.
    missing_reason, method_reason
        Likewise.
    takes_missing
        Why the model takes missing values, where it does and the table has none.
    code_execution
        Why loading the model runs its own code; None: it does not.
    untrusted_types
        Types in the model's files that are not trusted here.
    slow
        Explaining every row takes long.
    """

    model: str | None
    inputs: str | None
    outputs: str
    alias_or_version: str | int = "Champion"
    place: Mapping[str, Any] = field(default_factory=dict)
    partitions: Mapping[str, Any] | None = None
    aliases: tuple[str, ...] = ()
    name: str | None = None
    format: TableFormat | None = None
    delimiter: str | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] | None = None
    row_key: tuple[str, ...] | None = None
    row_key_choice: str = ""
    iso_datetimes: bool = False
    missing: Literal["reject", "allow"] = "reject"
    missing_reason: str = ""
    takes_missing: str = ""
    method: PredictMethod = "predict"
    code_execution: str | None = None
    untrusted_types: tuple[str, ...] = ()
    slow: bool = False


@dataclass(frozen=True)
class Examination:
    """Findings, and the settings that follow from them.

    Attributes
    ----------
    env_line
        What has to be in the project's ``.env`` for its runs to ask the registry that was asked here; None: nothing.
    """

    findings: tuple[Finding, ...]
    proposal: Proposal
    env_line: str | None = None

    @property
    def color(self) -> Color:
        """The worst of the findings."""
        return max((finding.color for finding in self.findings), key=_ORDER.index, default="green")

    def of(self, color: Color) -> tuple[Finding, ...]:
        """The findings of one colour, in their order."""
        return tuple(finding for finding in self.findings if finding.color == color)


class Notes:
    """Findings as they are made."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def add(self, topic: Topic, color: Color, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.findings.append(Finding(topic, color, what, where, fix))

    def report_errors(self, topic: Topic) -> "ErrorReport":
        """An error of this package inside the block ends it, and is a red finding."""
        return ErrorReport(self, topic)


class ErrorReport:
    """The block of `Notes.report_errors`."""

    def __init__(self, notes: Notes, topic: Topic) -> None:
        self._notes, self._topic = notes, topic

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> bool:
        if not isinstance(error, MlopsAssetsError):
            return False
        self._notes.add(self._topic, "red", error.what, where=error.where, fix=error.fix)
        return True
