"""A move of the alias that is made by a job: what it sets out to do, until it is recorded."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Move:
    """A move of the alias by one run, and who answers for it.

    The registry keeps it from before the alias is moved, so that a run that is killed before it has recorded the move
    is completed by the next one, and a run that is repeated moves nothing twice.

    Attributes
    ----------
    how
        By which of the two jobs.
    run
        The Dagster run; of one that was re-executed the first.
    left
        The version that the alias pointed at before; None: none, or a person had moved it to `to` already.
    to, digest
        The version that takes the alias, and SHA-256 over its files.
    approved_by, note
        Who approved, and why.
    state
        ``begun``; ``recorded`` once journal and versions' tags have it; ``lost`` where somebody else moved the alias
        meanwhile, whose move stands.
    """

    how: Literal["promotion", "rollback"]
    run: str
    left: int | None
    to: int
    digest: str
    approved_by: tuple[str, ...]
    note: str
    state: Literal["begun", "recorded", "lost"] = "begun"

    def to_json(self) -> str:
        """The value of the tag that keeps it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Move | None":
        """The inverse of `to_json`; None for anything else: a tag is what anybody may have written."""
        try:
            fields: dict[str, Any] = json.loads(text)
            approved_by = fields["approved_by"]
            move = cls(**fields | {"approved_by": tuple(approved_by)})
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        is_one = (
            move.how in ("promotion", "rollback")
            and move.state in ("begun", "recorded", "lost")
            and isinstance(approved_by, list)
            and all(isinstance(text, str) for text in (move.run, move.digest, move.note, *move.approved_by))
            and isinstance(move.to, int)
            and isinstance(move.left, int | None)
        )
        return move if is_one else None


def move_of(run: str, last: Move | None) -> Move | None:
    """The last move, where this run set out to make it; else None."""
    return last if last is not None and last.run == run else None
