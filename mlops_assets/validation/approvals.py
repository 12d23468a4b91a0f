"""Who approves of a version, and whether that is enough for it to take the alias."""

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from mlops_assets.errors import PromotionError
from mlops_assets.validation.verdict import CHAMPION_TAG, DIGEST_TAG, REASONS_TAG, TAG

APPROVAL_TAG, REGISTERED_BY_TAG = "mlops_assets.approval.", "mlops_assets.registered_by"


@dataclass(frozen=True)
class Approval:
    """One person's approval of the files of one version.

    Attributes
    ----------
    by
        Who approves, as they wrote it.
    note
        Why; may be empty.
    digest
        SHA-256 over the version's files: an approval of other files is none.
    at
        When, UTC.
    """

    by: str
    note: str
    digest: str
    at: datetime

    @property
    def tag(self) -> str:
        """The tag of the model version that holds it: one for each person, so that two do not overwrite each other."""
        return APPROVAL_TAG + hashlib.sha256(identify(self.by).encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """The tag's value."""
        return json.dumps(asdict(self) | {"at": self.at.isoformat(timespec="seconds")})

    @classmethod
    def from_json(cls, text: str) -> "Approval | None":
        """The inverse of `to_json`; None for anything else: a tag is what anybody may have written."""
        try:
            fields: dict[str, Any] = json.loads(text)
            at = datetime.fromisoformat(fields["at"]).astimezone(UTC)
            approval = cls(fields["by"], fields["note"], fields["digest"], at)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return None
        texts = (approval.by, approval.note, approval.digest)
        return approval if all(isinstance(part, str) for part in texts) and identify(approval.by) else None


@dataclass(frozen=True)
class ApprovalPolicy:
    """What a promotion needs.

    Parameters
    ----------
    required
        People who must approve, at least 1.
    four_eyes
        Whether who registered the version cannot be one of them.
    """

    required: int = 1
    four_eyes: bool = False

    def check_approver(self, by: str, registered_by: str | None, version: str) -> None:
        """Raises `PromotionError` where this person's approval does not count.

        Parameters
        ----------
        registered_by
            Who registered the version; None: MLflow does not say.
        version
            The version for the message.
        """
        if not self.four_eyes:
            return
        if registered_by is None or not identify(registered_by):
            raise PromotionError(
                f"{version} needs an approver who did not register it (promotion.four_eyes), and MLflow does not say "
                "who registered it",
                fix=f"Set the tag {REGISTERED_BY_TAG} of the version to that person's name",
            )
        if identify(by) == identify(registered_by):
            raise PromotionError(
                f"{version} was registered by {registered_by!r}, who cannot approve it as well (promotion.four_eyes)",
                fix="Let somebody else approve it",
            )

    def counted(self, approvals: Iterable[Approval], digest: str, registered_by: str | None) -> tuple[Approval, ...]:
        """The approvals that count for these files, one for each person, oldest first."""
        registrant = identify(registered_by or "") if self.four_eyes else ""
        each: dict[str, Approval] = {}
        for approval in sorted(approvals, key=lambda approval: approval.at):
            person = identify(approval.by)
            if approval.digest == digest and person != registrant:
                each.setdefault(person, approval)
        return tuple(each.values())


def identify(name: str) -> str:
    """A person's name for comparisons: its letters and digits alone, without case and what follows an ``@``.

    Ann, ann and ann@example.com are taken for one person, and Ann Smith and ann.smith likewise, in whatever width and
    composition of Unicode: that two people are one costs an approval, that one person is two would make it worthless.
    """
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).partition("@")[0]
    return "".join(each for each in text if unicodedata.category(each)[0] in "LMN")


def check_person(name: str) -> str:
    """The name on one line, with single spaces; raises `PromotionError` where it names nobody."""
    line = " ".join(name.split())
    if not identify(line):
        raise PromotionError("There is no name in approved_by", fix="Write yours into it")
    if any(unicodedata.category(each) == "Cc" for each in line):
        raise PromotionError("The name in approved_by holds control characters", fix="Write it without them")
    return line


def approvals_of(tags: Mapping[str, str]) -> list[Approval]:
    """The approvals among the tags of a model version."""
    written = (Approval.from_json(value) for tag, value in tags.items() if tag.startswith(APPROVAL_TAG))
    return [approval for approval in written if approval is not None]


def check_validated(tags: Mapping[str, str], digest: str, version: str, job: str) -> None:
    """Raises `PromotionError` unless these files have passed validation.

    Parameters
    ----------
    tags
        Of the model version.
    digest
        Of its files as they are now.
    version, job
        The version and the validation job, for the message.
    """
    fix = f"Run {job} with this version again"
    verdict = tags.get(TAG)
    if verdict is None:
        raise PromotionError(f"{version} has not been validated", fix=f"Run {job} with this version")
    if verdict != "passed":
        reasons = tags.get(REASONS_TAG, "no reasons are recorded")
        raise PromotionError(f"{version} has not passed validation: {reasons}", fix="Register a version that passes")
    validated = tags.get(DIGEST_TAG)
    if validated != digest:
        files = f"digest {validated[:12]} instead of {digest[:12]}" if validated else "its verdict names no digest"
        raise PromotionError(f"What has passed validation are not the files that {version} has now: {files}", fix=fix)


def check_champion(tags: Mapping[str, str], champion: int, version: str, job: str) -> None:
    """Raises `PromotionError` unless the version has been validated beside the champion that it is to replace.

    What a version may change, and whether its signature is compatible, is a question about two versions.
    """
    validated = tags.get(CHAMPION_TAG)
    if validated != str(champion):
        known = {None: "its verdict names no champion", "(none)": "there was no champion then"}
        beside = known.get(validated, f"it was compared with version {validated}")
        raise PromotionError(
            f"{version} has not been validated beside version {champion}, which is the champion now: {beside}",
            fix=f"Run {job} with this version again",
        )
