"""What the tracking sensor remembers between its ticks. Pure; no dagster here."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from mlops_assets.sensors.moves import Memory, ticks_to_wait

SHAPE = 2
# Of a Dagster run: the MLflow run that it is recorded as.
LINK_TAG = "mlflow/run"
# Seconds that the first tick looks back; and that every later one does, for runs whose update is stored late.
FIRST_LOOK, OVERLAP = 86_400.0, 5.0


@dataclass(frozen=True)
class TrackingCursor:
    """How far the tracking sensor has read the list of finished runs. Times are seconds since 1970.

    Attributes
    ----------
    after
        When the last run that was looked at was updated.
    seen
        The runs of the last `OVERLAP` seconds that need no second look, and when each was updated.
    failures
        Attempts to record a run that failed, in a row.
    wait
        Ticks to let pass before the next attempt.
    """

    after: float
    seen: Mapping[str, float] = field(default_factory=dict)
    failures: int = 0
    wait: int = 0

    @classmethod
    def read(cls, cursor: str | None, now: float) -> "TrackingCursor":
        """The cursor's content; where there is none, or none that can be read, a look back from `now`.

        A look back is safe: a run that is recorded already is not recorded again. Until 0.1 the content was written
        into the fields of `Memory`; such a cursor is read as well.
        """
        first = cls(now - FIRST_LOOK)
        try:
            fields = json.loads(cursor or "")
            if isinstance(fields, dict) and fields.get("shape") == SHAPE:
                return cls._checked(fields["after"], fields["seen"], fields["failures"], fields["wait"]) or first
            memory = Memory.read(cursor)
            after, seen = json.loads(memory.seen or "")
            return cls._checked(after, seen, memory.failures, memory.wait) or first
        except (ValueError, TypeError, KeyError):
            return first

    @classmethod
    def _checked(cls, after: object, seen: object, failures: object, wait: object) -> "TrackingCursor | None":
        if not isinstance(after, int | float) or not isinstance(failures, int) or not isinstance(wait, int):
            return None
        if not isinstance(seen, dict) or not all(isinstance(time, int | float) for time in seen.values()):
            return None
        return cls(float(after), seen, failures, wait)

    def is_open(self, run: str, updated: float) -> bool:
        """Whether a later tick will look at a run that ended, and was updated then."""
        return updated >= self.after - OVERLAP and run not in self.seen

    def to_cursor(self) -> str:
        """As text for Dagster, without the runs that no tick will meet again."""
        recent = {run: updated for run, updated in self.seen.items() if updated >= self.after - OVERLAP}
        return json.dumps({"shape": SHAPE, **asdict(replace(self, seen=recent))})

    def with_run(self, run_id: str, updated: float) -> "TrackingCursor":
        """After a run that needs no second look."""
        return replace(self, after=max(self.after, updated), seen={**self.seen, run_id: updated})

    def after_wait(self) -> "TrackingCursor":
        """After a tick that let an attempt pass."""
        return replace(self, wait=self.wait - 1)

    def after_failure(self) -> "TrackingCursor":
        """After an attempt that failed; see `ticks_to_wait`."""
        failures = self.failures + 1
        return replace(self, failures=failures, wait=ticks_to_wait(failures))

    def succeeded(self) -> "TrackingCursor":
        """After an attempt that succeeded."""
        return replace(self, failures=0, wait=0)
