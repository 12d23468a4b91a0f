"""Has what a sensor watches moved, and what is it to do? Pure decisions; no dagster here.

A sensor's watch is reduced to one token: ``v3#1700000000000`` for an alias that points at version 3, registered then; a
digest for a folder of files; None where there is nothing. Each change of the token that leads to something is a
*move*, moves are counted, and the run key is a function of the count and the token alone. Dagster lets a run key
through once for ever, so

- a tick that is repeated with its old cursor asks for the same run again, and gets it once;
- a rollback has a count of its own, so it is never mistaken for the earlier run of the same version;
- a lost, unreadable or old cursor is restored from the keys of all runs that were ever asked for: no key is used twice.

Whether a request came to anything is decided by `reconcile`.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

SHAPE, EARLIER_SHAPE = 3, 1
# After this many failed attempts in a row, one tick in LONGEST_WAIT + 1 looks again.
LONGEST_WAIT = 31
# Of a token: what the cursors of earlier releases do not have comes behind it.
REFINEMENT = "#"
_DIGITS = 12


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
    asked
        How many runs were asked for since the tables were last as they should be; 0: they are, or none was.
    since
        When that was last seen or asked for: seconds since 1970.
    told
        A person was told that the tables are not as they should be, or that nothing answers.
    """

    known: bool = False
    seen: str | None = None
    moves: int = 0
    failures: int = 0
    wait: int = 0
    asked: int = 0
    since: float = 0.0
    told: bool = False

    @classmethod
    def read(cls, cursor: str | None) -> "Memory":
        """The memory in a cursor; an empty one for None, for other shapes and for text that is none at all.

        An empty memory is safe: it is restored from the runs that were asked for, or from what is published.
        """
        try:
            fields = json.loads(cursor or "")
        except ValueError:
            return cls()
        shape = fields.pop("shape", None) if isinstance(fields, dict) else None
        if shape == EARLIER_SHAPE and isinstance(fields.get("moves"), int):
            fields |= {"asked": min(fields["moves"], 1), "since": 0.0, "told": False}
        elif shape != SHAPE:
            return cls()
        kinds = {
            "known": bool,
            "seen": str | None,
            "moves": int,
            "failures": int,
            "wait": int,
            "asked": int,
            "since": int | float,
            "told": bool,
        }
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

    @property
    def is_waiting(self) -> bool:
        """Whether a run was asked for, or put off, and the tables were not yet as they should be."""
        return bool(self.asked or self.since)

    @property
    def recovery(self) -> str:
        """What the first tick that gets an answer says of those before it that got none."""
        return f"It answers again, after {self.failures} failed attempts. " if self.failures else ""


def ticks_to_wait(failures: int) -> int:
    """How many ticks pass before the next attempt, after so many failures in a row."""
    # The power is bounded, because a cursor may say that there were very many failures.
    return int(min(2 ** min(failures - 1, 10) - 1, LONGEST_WAIT))


@dataclass(frozen=True)
class Asked:
    """What was ever asked for on behalf of a subject, as the keys of all runs say.

    Attributes
    ----------
    moves
        The highest count.
    token
        Of that move; None: nothing was asked for.
    again
        How often a run was asked for again for that move.
    """

    moves: int = 0
    token: str | None = None
    again: int = 0

    @classmethod
    def of_keys(cls, subject: str, keys: Iterable[str]) -> "Asked":
        """The highest of the keys that are this subject's: runs are re-executed and retried under the key they had."""
        moves = [move for key in keys if (move := _parse(subject, key))]
        return max(moves, key=lambda move: (move.moves, move.again), default=cls())


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
    tell
        What a person is to be told, as the reason says; None: nothing.
    """

    memory: Memory
    run_key: str | None
    reason: str
    moved: bool
    tell: str | None = None


def has_moved(memory: Memory, token: str | None) -> bool:
    """Whether the token is another one than the memory's."""
    return not memory.known or not is_same(memory.seen, token)


def decide(
    subject: str, memory: Memory, token: str | None, asked: Asked, published: str | None, *, defer: str, now: float
) -> Decision:
    """Decide on a token that has moved, or is seen for the first time.

    Parameters
    ----------
    subject
        What is watched, such as ``churn@Champion``: the start of every run key.
    memory
        What the cursor said.
    token
        What is there now; None: nothing.
    asked
        What was ever asked for.
    published
        The token that the published tables stem from. First sight of what is already published asks for no run.
    defer
        Why a first sight asks for no run yet: one that will do is under way. Empty: none is.
    now
        Seconds since 1970.
    """
    said, memory = memory.recovery, replace(memory, failures=0, wait=0, told=False)
    if not memory.known:
        return _first_sight(subject, memory, token, asked, published, said, defer, now)
    if token is None:
        gone = f"{said}{subject} was {_shown(memory.seen)} and is gone: nothing to run"
        return Decision(replace(memory, seen=None, asked=0, since=now), None, gone, True)
    if asked.moves > memory.moves + 1 and is_same(asked.token, token):
        # An old cursor has come back: for what is there now, a run was asked for.
        reason = f"{said}{subject} is {_shown(token)}, for which the last run was requested"
        return Decision(_restored(memory, token, asked, now), None, reason, False)
    return _fire(
        subject, memory, token, asked, f"{said}{subject} moved from {_shown(memory.seen)} to {_shown(token)}", now
    )


def hold_up(memory: Memory, decision: Decision, subject: str, why: str, since: float) -> Decision:
    """In place of a decision that wants a run: none is asked for as long as something holds it up.

    The token counts as seen, and nothing as asked for: `reconcile` asks for a run once nothing holds it up.

    Parameters
    ----------
    memory
        What the cursor said.
    since
        What `reconcile` waits from, in seconds since 1970; 0: it asks at once.
    """
    moves = decision.memory.moves - 1 if has_moved(memory, decision.memory.seen) else memory.moves
    held = replace(decision.memory, moves=moves, asked=0, since=since, told=False)
    reason = f"{memory.recovery}{subject} is {_shown(held.seen)}, and no run is asked for: {why}"
    return Decision(held, None, reason, decision.moved)


def _first_sight(
    subject: str,
    memory: Memory,
    token: str | None,
    asked: Asked,
    published: str | None,
    said: str,
    defer: str,
    now: float,
) -> Decision:
    memory = replace(memory, known=True, seen=token, moves=asked.moves, asked=0, since=now)
    if token is None:
        return Decision(memory, None, f"{said}{describe_rest(subject, token)}", False)
    if is_same(asked.token, token):
        reason = f"{said}{subject} is {_shown(token)}, for which the last run was requested"
        return Decision(_restored(memory, token, asked, now), None, reason, False)
    if is_same(published, token):
        made = f"{said}{subject} is {_shown(token)}, from which the tables were made"
        return Decision(replace(memory, since=0.0), None, made, False)
    if defer:
        return Decision(memory, None, f"{said}First sight of {subject}: {_shown(token)}; {defer}", False)
    return _fire(subject, memory, token, asked, f"{said}First sight of {subject}: {_shown(token)}", now)


def _restored(memory: Memory, token: str, asked: Asked, now: float) -> Memory:
    return replace(memory, seen=token, moves=asked.moves, asked=asked.again + 1, since=now)


def _fire(subject: str, memory: Memory, token: str, asked: Asked, reason: str, now: float) -> Decision:
    moves = next_count(memory, token, asked)
    # A tick that is repeated with an old cursor: what was asked for again since then counts.
    before = asked.again if asked.moves == moves else 0
    fired = replace(memory, seen=token, moves=moves, asked=before + 1, since=now, told=False)
    return Decision(fired, run_key(subject, moves, token), reason, True)


def next_count(memory: Memory, token: str, asked: Asked) -> int:
    """The count of the next move: one that no run has, unless a run has it because this very tick is repeated."""
    count = memory.moves + 1
    is_repeated_tick = asked.moves == count and is_same(asked.token, token)
    return count if is_repeated_tick else max(count, asked.moves + 1)


def run_key(subject: str, moves: int, token: str, again: int = 0) -> str:
    """The key of a move's run, or of the `again`-th that is asked for in its place."""
    return f"{subject}:{moves}:{plain_token(token)}" + (f":again{again}" if again else "")


def is_same(token: str | None, other: str | None) -> bool:
    """Whether two tokens say the same, as far as both say something: earlier releases said less."""
    if token is None or other is None:
        return token is other
    (one, one_more), (two, two_more) = (each.partition(REFINEMENT)[::2] for each in (token, other))
    return one == two and (one_more == two_more or not one_more or not two_more)


def version_token(version: int, registered: int | None) -> str:
    """The token of a version, with the milliseconds since 1970 at which it was registered, where that is known."""
    return f"v{version}" + (f"{REFINEMENT}{registered}" if registered is not None else "")


def plain_token(token: str) -> str:
    """A token without what tells two of one name apart, for a person and for tags."""
    return token.partition(REFINEMENT)[0]


def short_token(token: str) -> str:
    """A token as a person reads it: of a digest as much as tells it from others."""
    return plain_token(token)[:_DIGITS]


def describe_rest(subject: str, token: str | None) -> str:
    """That nothing has moved, for a person."""
    return f"{subject} is still {_shown(token)}" if token else f"{subject}: nothing there"


def _shown(token: str | None) -> str:
    return short_token(token) if token else "nothing"


def _parse(subject: str, key: str) -> Asked | None:
    """The move of a run key of this subject, whatever its partition; None for every other text."""
    if not key.startswith(f"{subject}:"):
        return None
    found = re.fullmatch(
        r"([0-9]{1,18}):([^:\[\]]+)(?::again([0-9]{1,9}))?(?:\[.*\])?", key.removeprefix(f"{subject}:"), re.DOTALL
    )
    return Asked(int(found[1]), found[2], int(found[3] or 0)) if found else None
