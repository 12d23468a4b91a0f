"""One line of the journal."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

NoticedBy = Literal["run", "sensor", "promotion", "rollback"]


@dataclass(frozen=True)
class JournalEntry:
    """What an alias pointed at, as seen once.

    Attributes
    ----------
    observed_at
        When it was seen, UTC. Not when the alias was moved: MLflow keeps no such time.
    model
        The registered model.
    alias
        The alias; None for a run that was given a version instead.
    version
        The version it pointed at; None: the alias was gone.
    digest
        SHA-256 over the version's files; None where only the registry was asked, not the files.
    previous_version
        What the alias pointed at before; None: nothing, or nothing was seen before. A promotion or rollback knows it
        from the registry, also where the journal had not seen it.
    noticed_by
        ``run`` (champion_model pinned it), ``sensor`` (the champion sensor saw the alias), ``promotion`` or
        ``rollback`` (the job of that name moved it).
    accepted
        A person accepted this digest although the version had another one before.
    approved_by
        Who approved of the move, of a promotion or rollback.
    note
        Why, of a promotion or rollback; may be empty.
    run
        The Dagster run that made the promotion or rollback (of one that was re-executed the first); else empty.
    """

    observed_at: datetime
    model: str
    alias: str | None
    version: int | None
    digest: str | None
    previous_version: int | None
    noticed_by: NoticedBy
    accepted: bool = False
    approved_by: tuple[str, ...] = ()
    note: str = ""
    run: str = ""

    def to_line(self) -> str:
        """One line of JSON, with its line end."""
        return json.dumps(asdict(self) | {"observed_at": self.observed_at.isoformat(timespec="seconds")}) + "\n"

    @classmethod
    def from_line(cls, line: str) -> "JournalEntry":
        """The inverse of `to_line`.

        Raises
        ------
        ValueError, KeyError, TypeError
            `line` is not such a line.
        """
        fields: dict[str, Any] = json.loads(line)
        observed_at = datetime.fromisoformat(fields["observed_at"]).astimezone(UTC)
        approved_by = tuple(map(str, fields.get("approved_by", ())))
        return cls(**{**fields, "observed_at": observed_at, "approved_by": approved_by})

    def to_row(self) -> dict[str, str | int | None]:
        """The entry for a person: see `COLUMNS`."""
        return {
            "observed (UTC)": f"{self.observed_at:%Y-%m-%d %H:%M:%S}",
            "alias": self.alias or "(none: a version was asked for)",
            "version": self.version,
            "digest": self.digest[:12] if self.digest else None,
            "previous version": self.previous_version,
            "noticed by": self.noticed_by + (", digest accepted" if self.accepted else ""),
            "approved by": ", ".join(self.approved_by) or None,
            "note": self.note or None,
        }


COLUMNS = {
    "observed (UTC)": "string",
    "alias": "string",
    "version": "int",
    "digest": "string",
    "previous version": "int",
    "noticed by": "string",
    "approved by": "string",
    "note": "string",
}
OF_APPROVALS = ("approved by", "note")
