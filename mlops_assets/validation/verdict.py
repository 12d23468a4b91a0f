"""The verdict on a candidate, and the tags that record it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops_assets.explain.compare.change_summary import ChangeSummary
from mlops_assets.explain.compare.changes import ExplanationDiff

TAG, REASONS_TAG = "mlops_assets.validation", "mlops_assets.validation_reasons"
DIGEST_TAG, CHANGES_TAG = "mlops_assets.validation_digest", "mlops_assets.validation_changes"
CHAMPION_TAG = "mlops_assets.validation_champion"
# MLflow allows longer tags, but people do not read them.
_LONGEST = 1000


@dataclass(frozen=True)
class Finding:
    """A question about a candidate, and its answer.

    Attributes
    ----------
    name
        ``loads``, ``signature``, ``compatible``, ``conforms``, ``predicts``, ``explains``, ``compared``, ``performs``,
        ``changes``.
    passed
        False counts against the candidate; None: the question could not be asked, which counts for nothing.
    detail
        Why, as one line.
    """

    name: str
    passed: bool | None
    detail: str


@dataclass(frozen=True)
class CandidateVerdict:
    """The result of validating a candidate.

    Attributes
    ----------
    version, digest
        The candidate; no digest where its files could not be fetched.
    champion
        The version that it was compared with; None where there was none.
    findings
        In the order of the questions; after a failure, those that depend on it are not asked.
    rows, compared_rows
        Sample rows that the candidate scored, and those of them that the champion scored as well.
    shift
        Output column -> how far the predictions moved; see `measure_shift`.
    explanations
        How the explanations of the same rows differ; None where they were not compared.
    changes
        What changes in these rows, for whom, and which columns cause it; None where that was not asked.
    """

    version: int
    digest: str | None
    champion: int | None
    findings: tuple[Finding, ...]
    rows: int = 0
    compared_rows: int = 0
    shift: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    explanations: ExplanationDiff | None = None
    changes: ChangeSummary | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing counts against the candidate."""
        return all(finding.passed is not False for finding in self.findings)

    @property
    def reasons(self) -> str:
        """What counts against the candidate, as one line; where nothing does, the names of the questions."""
        failures = [f"{finding.name}: {finding.detail}" for finding in self.findings if finding.passed is False]
        asked = ", ".join(finding.name for finding in self.findings if finding.passed)
        return "; ".join(failures) or f"passed: {asked}"

    def tags(self) -> dict[str, str]:
        """The verdict as tags of the model version, with the digest of its files and the champion that it was compared
        with; the verdict last.
        """
        changes = {} if self.changes is None else {CHANGES_TAG: _shorten(self.changes.sentence())}
        verdict = "passed" if self.passed else "failed"
        return {
            **changes,
            DIGEST_TAG: self.digest or "(none)",
            CHAMPION_TAG: "(none)" if self.champion is None else str(self.champion),
            REASONS_TAG: _shorten(self.reasons),
            TAG: verdict,
        }


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
