"""Which partitions of the inputs have changed? Pure decisions; no dagster here.

As in `moves` and `reconcile`, with one token and one count per partition. A run key is a function of the partition, its
count and both tokens: a repeated tick asks for the same run, and gets it once.
"""

import json
import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace

from mlops_assets.sensors.moves import Asked, Memory, is_same, plain_token
from mlops_assets.sensors.reconcile import pause_after

SHAPE, EARLIER_SHAPE = "partitions-2", "partitions-1"
# So many runs a tick: the rest of a large folder follows with the next ticks.
MOST_A_TICK = 50


@dataclass(frozen=True)
class PartitionMemory:
    """What the sensor of partitioned inputs remembers: its cursor.

    Attributes
    ----------
    seen
        Partition -> (how often it moved, its token), for every partition that was ever seen.
    attempts
        Failures to look, and the backing off.
    waiting
        Partition -> (how many runs were asked for, when the last one was asked for or at work in seconds since 1970),
        for those whose run has not succeeded yet.
    """

    seen: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    attempts: Memory = field(default_factory=Memory)
    waiting: Mapping[str, tuple[int, float]] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: str | None) -> "PartitionMemory":
        """The memory in a cursor; an empty one for None and for whatever is no such cursor, which is safe."""
        try:
            fields = json.loads(cursor or "")
            if fields["shape"] not in (SHAPE, EARLIER_SHAPE):
                return cls()
            seen = {str(key): (int(moves), str(token)) for key, (moves, token) in fields["seen"].items()}
            waiting = {
                str(key): (int(asked), float(since))
                for key, (asked, since) in fields.get("waiting", {}).items()
                if key in seen
            }
            return cls(seen, Memory.read(fields["attempts"]), waiting)
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def to_cursor(self) -> str:
        return json.dumps(
            {"shape": SHAPE, "attempts": self.attempts.to_cursor(), "seen": self.seen, "waiting": self.waiting}
        )


@dataclass(frozen=True)
class PartitionDecision:
    """What a tick does: the new cursor, and the runs to ask for, partition -> run key."""

    memory: PartitionMemory
    runs: Mapping[str, str]
    reason: str


def decide_partitions(
    subject: str,
    memory: PartitionMemory,
    tokens: Mapping[str, str],
    scored: Container[str],
    asked: Callable[[], Mapping[str, Asked]],
    now: float,
) -> PartitionDecision:
    """Decide on what was seen.

    Parameters
    ----------
    subject
        The start of every run key.
    tokens
        Partition -> the token of its files now. A partition whose files are gone asks for nothing.
    scored
        Partitions that were ever taken in. One of these, seen for the first time and never asked for, is only
        remembered: nobody knows from which files its tables were made.
    asked
        What was ever asked for, see `asked_by_partition`; called where something has changed.
    now
        Seconds since 1970.
    """
    seen, waiting, put_off = dict(memory.seen), dict(memory.waiting), 0
    changed = [each for each, token in tokens.items() if each not in seen or not is_same(seen[each][1], token)]
    history = asked() if changed else {}
    runs: dict[str, str] = {}
    for partition in changed:
        token, before = tokens[partition], history.get(partition, Asked())
        moves, last = seen.get(partition, (0, ""))
        is_known = partition in seen and before.moves <= moves + 1
        if not is_known and is_same(before.token, token):
            # A cursor was lost, or an old one has come back: a run was asked for.
            seen[partition], waiting[partition] = (before.moves, token), (before.again + 1, now)
        elif partition not in seen and not before.moves and partition in scored:
            seen[partition] = (0, token)
        elif len(runs) == MOST_A_TICK:
            put_off += 1
        else:
            count = moves + 1
            if before.moves > count or (before.moves == count and not is_same(before.token, token)):
                count = before.moves + 1
            seen[partition], waiting[partition] = (count, token), (1, now)
            runs[partition] = f"{move_of(subject, partition, count)}:{plain_token(last)}>{plain_token(token)}"
    # What earlier cursors said less about is told apart from now on.
    seen |= {each: (seen[each][0], token) for each, token in tokens.items() if each not in changed}
    reason = f"{len(runs)} of {len(tokens)} partitions are new or have changed" if runs else "No partition has changed"
    if put_off:
        reason += f"; {put_off} more follow with the next ticks"
    attempts = replace(memory.attempts, known=True, failures=0, wait=0, told=False)
    return PartitionDecision(PartitionMemory(seen, attempts, waiting), runs, reason)


@dataclass(frozen=True)
class Outcome:
    """How the run that was asked for a partition stands.

    Attributes
    ----------
    succeeded, running, canceled
        At most one of them; none: it has failed, or is not there.
    has_files
        The partition has files and is one of the definition's: else there is nothing to ask for.
    failure
        How it ended, for a person.
    """

    succeeded: bool = False
    running: bool = False
    canceled: bool = False
    has_files: bool = True
    failure: str = ""


@dataclass(frozen=True)
class MadeUp:
    """What is asked for again: the new cursor, partition -> run key, and the partitions that are given up."""

    memory: PartitionMemory
    runs: Mapping[str, str]
    given_up: Mapping[str, str]


def reconcile_partitions(
    subject: str, memory: PartitionMemory, outcomes: Mapping[str, Outcome], most: int, retries: int, now: float
) -> MadeUp:
    """Ask again for the partitions whose run has not succeeded; see `reconcile`.

    Parameters
    ----------
    outcomes
        Partition -> how its run stands, for some of those that wait.
    most
        Runs that may be asked for.
    """
    waiting = dict(memory.waiting)
    runs: dict[str, str] = {}
    given_up: dict[str, str] = {}
    for partition, outcome in outcomes.items():
        asked, since = waiting[partition]
        moves, token = memory.seen[partition]
        if outcome.succeeded:
            del waiting[partition]
        elif outcome.running:
            waiting[partition] = (asked, now)
        elif not outcome.has_files:
            # Until they are back.
            continue
        elif outcome.canceled or asked > retries:
            del waiting[partition]
            given_up[partition] = outcome.failure or "its run is not there"
        elif len(runs) < most and now - min(since, now) >= pause_after(asked):
            waiting[partition] = (asked + 1, now)
            runs[partition] = f"{move_of(subject, partition, moves)}:>{plain_token(token)}:again{asked}"
    return MadeUp(replace(memory, waiting=waiting), runs, given_up)


def move_of(subject: str, partition: str, moves: int) -> str:
    """What all runs of one move of a partition have in common."""
    return f"{subject}[{partition}]:{moves}"


def asked_by_partition(subject: str, keys: Iterable[str]) -> dict[str, Asked]:
    """Partition -> the highest move among run keys; keys of other subjects are passed over."""
    highest: dict[str, Asked] = {}
    pattern = re.compile(
        re.escape(subject) + r"\[(.*)\]:([0-9]{1,18}):[^>:\[\]]*>([^>:\[\]]+)(?::again([0-9]{1,9}))?", re.DOTALL
    )
    for key in keys:
        found = pattern.fullmatch(key)
        if found:
            asked = Asked(int(found[2]), found[3], int(found[4] or 0))
            before = highest.get(found[1], Asked())
            highest[found[1]] = max(before, asked, key=lambda each: (each.moves, each.again))
    return highest
