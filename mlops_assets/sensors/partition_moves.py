"""Which partitions of the inputs have changed? Pure decisions; no dagster here.

As in `moves`, with one token and one count per partition. A run key is a function of the partition, its count and both
tokens: a repeated tick asks for the same run, and gets it once.
"""

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace

from mlops_assets.sensors.moves import Memory

SHAPE = "partitions-1"
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
    """

    seen: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    attempts: Memory = field(default_factory=Memory)

    @classmethod
    def read(cls, cursor: str | None) -> "PartitionMemory":
        """The memory in a cursor; an empty one for None and for whatever is no such cursor, which is safe."""
        try:
            fields = json.loads(cursor or "")
            if fields["shape"] != SHAPE:
                return cls()
            seen = {str(key): (int(moves), str(token)) for key, (moves, token) in fields["seen"].items()}
            return cls(seen, Memory.read(fields["attempts"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def to_cursor(self) -> str:
        return json.dumps({"shape": SHAPE, "attempts": self.attempts.to_cursor(), "seen": self.seen})


@dataclass(frozen=True)
class PartitionDecision:
    """What a tick does: the new cursor, and the runs to ask for, partition -> run key."""

    memory: PartitionMemory
    runs: Mapping[str, str]
    reason: str


def decide_partitions(
    subject: str, memory: PartitionMemory, tokens: Mapping[str, str], scored: Container[str]
) -> PartitionDecision:
    """Decide on what was seen.

    Parameters
    ----------
    subject
        The start of every run key.
    tokens
        Partition -> the token of its files now. A partition whose files are gone asks for nothing.
    scored
        Partitions that were ever taken in. One of these, seen for the first time, is only remembered: nobody knows from
        which files its tables were made.
    """
    seen, waiting = dict(memory.seen), 0
    runs: dict[str, str] = {}
    for partition, token in tokens.items():
        moves, before = seen.get(partition, (0, ""))
        if token == before:
            continue
        if partition not in seen and partition in scored:
            seen[partition] = (0, token)
            continue
        if len(runs) == MOST_A_TICK:
            waiting += 1
            continue
        seen[partition] = (moves + 1, token)
        runs[partition] = f"{subject}[{partition}]:{moves + 1}:{before}>{token}"
    reason = f"{len(runs)} of {len(tokens)} partitions are new or have changed" if runs else "No partition has changed"
    if waiting:
        reason += f"; {waiting} more follow with the next ticks"
    attempts = replace(memory.attempts, known=True, failures=0, wait=0)
    return PartitionDecision(PartitionMemory(seen, attempts), runs, reason)
