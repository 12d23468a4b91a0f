"""Has what a sensor watches moved, and what is it to do? Pure decisions; no dagster here.

A sensor's watch is reduced to one token: ``v3`` for an alias that points at version 3, a digest for a folder of files,
None where there is nothing. Each change of the token that leads to something is a *move*, moves are counted, and the
run key is a function of the count and the token alone. Dagster lets a run key through once for ever, so

- a tick that is repeated with its old cursor asks for the same run again, and gets it once;
- a rollback has a count of its own, so it is never mistaken for the earlier run of the same version;
- a lost or unreadable cursor is restored from the key of the last run that the sensor launched.
"""

import json
from dataclasses import asdict, dataclass, replace

SHAPE = 1
# After this many failed attempts in a row, one tick in LONGEST_WAIT + 1 looks again.
LONGEST_WAIT = 31


@dataclass(frozen=True)
class Memory:
    """What a sensor remembers between its ticks: its cursor.

    Attributes
    ----------
    known
        Whether anything was ever seen; False on the first tick and after a lost cursor.
    seen
        The token that was last seen; None: nothing was there.
    moves
        How many moves led to a run request.
    failures
        Attempts to look that failed, in a row.
    wait
        Ticks to let pass before the next attempt.
    """

    known: bool = False
    seen: str | None = None
    moves: int = 0
    failures: int = 0
    wait: int = 0

    @classmethod
    def read(cls, cursor: str | None) -> "Memory":
        """The memory in a cursor; an empty one for None, for other shapes and for text that is none at all.

        An empty memory is safe: `decide` restores it from the sensor's last run, or looks at what is published.
        """
        try:
            fields = json.loads(cursor or "")
        except ValueError:
            return cls()
        if not isinstance(fields, dict) or fields.pop("shape", None) != SHAPE:
            return cls()
        kinds = {"known": bool, "seen": str | None, "moves": int, "failures": int, "wait": int}
        if set(fields) != set(kinds) or not all(isinstance(fields[name], kind) for name, kind in kinds.items()):
            return cls()
        return cls(**fields)

    def to_cursor(self) -> str:
        return json.dumps({"shape": SHAPE, **asdict(self)})

    def after_wait(self) -> "Memory":
        """After a tick that let an attempt pass."""
        return replace(self, wait=self.wait - 1)

    def after_failure(self) -> "Memory":
        """After an attempt that failed: one tick passes after the second, three after the third, and so on doubling."""
        failures = self.failures + 1
        return replace(self, failures=failures, wait=ticks_to_wait(failures))


def ticks_to_wait(failures: int) -> int:
    """How many ticks pass before the next attempt, after so many failures in a row."""
    # The power is bounded, because a cursor may say that there were very many failures.
    return int(min(2 ** min(failures - 1, 10) - 1, LONGEST_WAIT))


@dataclass(frozen=True)
class Decision:
    """What a tick does.

    Attributes
    ----------
    memory
        The new cursor.
    run_key
        Ask for a run under this key; None: ask for none.
    reason
        Why, for a person.
    moved
        The token has changed since it was last seen (also where nothing is left to run on).
    """

    memory: Memory
    run_key: str | None
    reason: str
    moved: bool


def decide(subject: str, memory: Memory, token: str | None, last_key: str | None, published: str | None) -> Decision:
    """Decide on what was seen.

    Parameters
    ----------
    subject
        What is watched, such as ``churn@Champion``: the start of every run key.
    memory
        What the cursor said.
    token
        What is there now; None: nothing.
    last_key
        The key of the last run that this sensor launched; used only where `memory` knows nothing.
    published
        The token that the published tables stem from; likewise. First sight of what is already published asks for no
        run.
    """
    recovered = f"It answers again, after {memory.failures} failed attempts. " if memory.failures else ""
    memory = replace(memory, failures=0, wait=0)
    if not memory.known:
        return _first_sight(subject, memory, token, last_key, published, recovered)
    if token == memory.seen:
        return Decision(memory, None, f"{recovered}{_still(subject, token)}", False)
    if token is None:
        return Decision(
            replace(memory, seen=None),
            None,
            f"{recovered}{subject} was {memory.seen} and is gone: nothing to run",
            True,
        )
    return _fire(subject, memory, token, f"{recovered}{subject} moved from {memory.seen or 'nothing'} to {token}")


def _first_sight(
    subject: str, memory: Memory, token: str | None, last_key: str | None, published: str | None, recovered: str
) -> Decision:
    moves, requested = _parsed(subject, last_key)
    memory = replace(memory, known=True, seen=token, moves=moves)
    if token is None:
        return Decision(memory, None, f"{recovered}{_still(subject, token)}", False)
    if token == requested:
        return Decision(memory, None, f"{recovered}{subject} is {token}, for which the last run was requested", False)
    if token == published:
        return Decision(memory, None, f"{recovered}{subject} is {token}, from which the tables were made", False)
    return _fire(subject, memory, token, f"{recovered}First sight of {subject}: {token}")


def _fire(subject: str, memory: Memory, token: str, reason: str) -> Decision:
    moves = memory.moves + 1
    return Decision(replace(memory, seen=token, moves=moves), f"{subject}:{moves}:{token}", reason, True)


def _parsed(subject: str, key: str | None) -> tuple[int, str | None]:
    """The count and the token of a run key of this subject; (0, None) for every other text."""
    if key is None or not key.startswith(f"{subject}:"):
        return 0, None
    count, separator, token = key.removeprefix(f"{subject}:").partition(":")
    return (int(count), token) if separator and count.isascii() and count.isdigit() else (0, None)


def _still(subject: str, token: str | None) -> str:
    return f"{subject} is still {token}" if token else f"{subject}: nothing there"
