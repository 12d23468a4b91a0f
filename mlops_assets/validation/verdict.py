"""What was found out about a candidate, and how it is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops_assets.explain.compare.changes import ExplanationDiff

TAG, REASONS_TAG = "mlops_assets.validation", "mlops_assets.validation_reasons"
# MLflow takes more; a reader does not.
_LONGEST = 1000


@dataclass(frozen=True)
class Finding:
    """One question about a candidate, and its answer.

    Attributes
    ----------
    name
        ``loads``, ``signature``, ``compatible``, ``predicts``, ``explains``.
    passed
        False speaks against the candidate; None: it could not be asked, which speaks for nothing.
    detail
        Why, as one line.
    """

    name: str
    passed: bool | None
    detail: str


@dataclass(frozen=True)
class Verdict:
    """The report on one candidate.

    Attributes
    ----------
    version, digest
        The candidate; no digest where its files could not be fetched.
    champion
        The version that it was compared with; None: there was none.
    findings
        In the order in which they were asked; the first that fails ends the questions that build on it.
    rows, compared_rows
        Sample rows that the candidate scored, and those of them that the champion scored as well.
    shift
        Output column -> how far the predictions moved; see `prediction_shift`.
    explanations
        How the explanations of the same rows differ; None where they were not compared.
    """

    version: int
    digest: str | None
    champion: int | None
    findings: tuple[Finding, ...]
    rows: int = 0
    compared_rows: int = 0
    shift: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    explanations: ExplanationDiff | None = None

    @property
    def passed(self) -> bool:
        """Nothing speaks against the candidate."""
        return all(finding.passed is not False for finding in self.findings)

    @property
    def reasons(self) -> str:
        """What speaks against it, as one line; the names of what was asked where nothing does."""
        against = [f"{finding.name}: {finding.detail}" for finding in self.findings if finding.passed is False]
        asked = ", ".join(finding.name for finding in self.findings if finding.passed)
        return "; ".join(against) or f"passed: {asked}"

    def tags(self) -> dict[str, str]:
        """The verdict as tags of the model version."""
        reasons = self.reasons if len(self.reasons) <= _LONGEST else self.reasons[: _LONGEST - 3] + "..."
        return {TAG: "passed" if self.passed else "failed", REASONS_TAG: reasons}
