"""Which versions are new to a sensor, and which have no verdict yet? Pure decisions; no dagster here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mlops_assets.sensors.moves import Memory
from mlops_assets.sensors.reconcile import pause_after

SHAPE = "versions-1"
# A tick asks for no more at once; the rest follow with the next ticks.
MOST = 10


@dataclass(frozen=True)
class Waiting:
    """A version whose validation was asked for, and that has no verdict yet.

    Attributes
    ----------
    registered
        When it was registered, in milliseconds since 1970: a number may be given anew.
    asked
        How many validations were asked for.
    since
        When the last one was asked for or at work: seconds since 1970.
    """

    registered: int
    asked: int
    since: float


@dataclass(frozen=True)
class VersionMemory:
    """What the sensor of new versions remembers: its cursor.

    Attributes
    ----------
    handled
        The highest version number that was looked at; None: the sensor has seen nothing yet.
    newest_registered
        When that version was registered, in milliseconds since 1970; 0: not known.
    model_registered
        When the model was; 0: not known.
    waiting
        Version number -> a validation that was asked for, and has brought no verdict.
    attempts
        Failures to look, and the backing off.
    """

    handled: int | None = None
    newest_registered: int = 0
    model_registered: int = 0
    waiting: Mapping[int, Waiting] = field(default_factory=dict)
    attempts: Memory = field(default_factory=Memory)

    @classmethod
    def read(cls, cursor: str | None) -> "VersionMemory":
        """The memory in a cursor, also in that of an earlier release; an empty one for every other text."""
        try:
            fields = json.loads(cursor or "")
            if fields.get("shape") != SHAPE:
                earlier = Memory.read(cursor)
                seen = earlier.seen or ""
                is_number = seen.isascii() and seen.isdigit()
                return cls(int(seen) if earlier.known and is_number else None, attempts=earlier)
            waiting = {
                int(number): Waiting(int(registered), int(asked), float(since))
                for number, (registered, asked, since) in fields["waiting"].items()
            }
            numbers = (int(fields["newest_registered"]), int(fields["model_registered"]))
            handled = fields["handled"]
            attempts = Memory.read(fields["attempts"])
            return cls(None if handled is None else int(handled), *numbers, waiting, attempts)
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def to_cursor(self) -> str:
        waiting = {number: [each.registered, each.asked, each.since] for number, each in self.waiting.items()}
        return json.dumps(
            {
                "shape": SHAPE,
                "handled": self.handled,
                "newest_registered": self.newest_registered,
                "model_registered": self.model_registered,
                "waiting": waiting,
                "attempts": self.attempts.to_cursor(),
            }
        )


@dataclass(frozen=True)
class Newest:
    """The newest version of a model, as the registry has it.

    Attributes
    ----------
    number
        0: the model has no version.
    registered, model_registered
        When the version and the model were registered, in milliseconds since 1970; 0: the registry does not say.
    """

    number: int
    registered: int = 0
    model_registered: int = 0


@dataclass(frozen=True)
class NewVersions:
    """What a tick does: the new cursor, the versions to look at, and why, for a person."""

    memory: VersionMemory
    versions: tuple[int, ...]
    reason: str


def new_versions(model: str, memory: VersionMemory, newest: Newest, last: int | None) -> NewVersions:
    """The versions registered since the last tick.

    The first tick takes what is there for known: only versions registered from then on are new. A lost cursor is
    restored from the last version that was asked for. All versions of a model that was registered anew are new, and so
    is a version that got the number of one that was deleted.

    Parameters
    ----------
    model
        Its name, for the reason.
    memory
        What the cursor said.
    newest
        The newest version in the registry.
    last
        The highest version that was ever asked for; used only where `memory` knows nothing.
    """
    handled = memory.handled
    if handled is None:
        handled = newest.number if last is None else last
    elif _differs(memory.model_registered, newest.model_registered):
        handled = 0
    elif handled == newest.number and _differs(memory.newest_registered, newest.registered):
        handled -= 1
    # Numbers never go down, save when the newest were deleted or the model was registered anew.
    handled = min(handled, newest.number)
    numbers = tuple(range(handled + 1, min(newest.number, handled + MOST) + 1))
    highest = max((handled, *numbers))
    attempts = replace(memory.attempts, known=True, failures=0, wait=0, told=False)
    registered = newest.registered if highest == newest.number else 0
    after = VersionMemory(highest, registered, newest.model_registered, memory.waiting, attempts)
    said = memory.attempts.recovery
    if not numbers:
        return NewVersions(after, (), f"{said}{model}: no version after {handled or 'the start'}")
    plural = "s" if len(numbers) > 1 else ""
    return NewVersions(after, numbers, f"{said}{model}: new version{plural} {', '.join(map(str, numbers))}")


def is_due(waiting: Waiting, now: float) -> bool:
    """Whether the pause after the last request is over."""
    return now - min(waiting.since, now) >= pause_after(waiting.asked)


def _differs(before: int, now: int) -> bool:
    return bool(before and now and before != now)
