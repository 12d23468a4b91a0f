"""Which versions are new to a sensor? Pure decisions; no dagster here."""

from dataclasses import dataclass

from mlops_assets.sensors.moves import Memory

# A tick asks for no more at once; the rest follow with the next ticks.
MOST = 10


@dataclass(frozen=True)
class NewVersions:
    """What a tick does: the new cursor, the versions to look at, and why, for a person."""

    memory: Memory
    versions: tuple[int, ...]
    reason: str


def new_versions(model: str, memory: Memory, newest: int | None, last: int | None) -> NewVersions:
    """The versions registered since the last tick.

    The first tick takes what is there for known: only versions registered from then on are new. A lost cursor is
    restored from the last version that was asked for.

    Parameters
    ----------
    model
        Its name, for the reason.
    memory
        What the cursor said: `seen` is the highest version number that was handled.
    newest
        The highest version number in the registry; None: the model has no version.
    last
        The version that this sensor asked for last; used only where `memory` knows nothing.
    """
    recovered = f"It answers again, after {memory.failures} failed attempts. " if memory.failures else ""
    highest = newest or 0
    if memory.known and memory.seen is not None and memory.seen.isdigit():
        handled = int(memory.seen)
    else:
        handled = highest if last is None else last
    # Numbers never go down, save when the newest were deleted or the model was registered anew.
    handled = min(handled, highest)
    numbers = tuple(range(handled + 1, min(highest, handled + MOST) + 1))
    after = Memory(True, str(max(handled, *numbers) if numbers else handled), memory.moves + len(numbers))
    if not numbers:
        return NewVersions(after, (), f"{recovered}{model}: no version after {handled or 'the start'}")
    plural = "s" if len(numbers) > 1 else ""
    return NewVersions(after, numbers, f"{recovered}{model}: new version{plural} {', '.join(map(str, numbers))}")
