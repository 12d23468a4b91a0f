"""What was asked for and did not come about is asked for again. Pure decisions; no dagster here.

A request is no result: its run may fail, be killed, or never begin, and somebody may replace what it made. So while
nothing moves, a tick compares what is published with what should be, and asks for another run: after growing pauses,
so many times, and then it tells a person, once.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from mlops_assets.errors import strip_ends
from mlops_assets.sensors.moves import (
    Asked,
    Decision,
    Memory,
    describe_rest,
    next_count,
    run_key,
    short_token,
)

# Seconds to wait after the first request, the second, ...; the last one holds for all that follow.
PAUSES = (60.0, 240.0, 960.0, 3600.0)
# Seconds that a first request waits for the run of another sensor, which will do as well.
DEFERRED = 120.0
# After this many attempts to look that failed in a row, a person is told.
FAILURES_TO_TELL = 6
_UNLIKE = "the published tables are not made from it"


@dataclass(frozen=True)
class Situation:
    """How published tables stand beside what is watched.

    Attributes
    ----------
    settled
        They are made from what is watched. None: nobody knows from what they were made.
    running
        A run that may make them so is under way.
    canceled
        The last run that was asked for was stopped by a person.
    published
        What they are made from, for a person.
    failure
        How the last run ended, for a person; empty where that is not known.
    """

    settled: bool | None
    running: bool = False
    canceled: bool = False
    published: str = ""
    failure: str = ""


def reconcile(
    subject: str,
    memory: Memory,
    token: str | None,
    situation: Situation,
    asked: Callable[[], Asked],
    *,
    retries: int,
    slack: float,
    now: float,
) -> Decision:
    """Decide where nothing has moved.

    Parameters
    ----------
    asked
        Gives what was ever asked for, see `decide`; called only where a run is asked for.
    retries
        How often a run is asked for again.
    slack
        Seconds that may pass between a request and the start of its run; added to each pause.
    now
        Seconds since 1970; a clock that was set back lets no time pass.
    """
    said = memory.recovery
    told = is_still_told(memory)
    memory = replace(memory, seen=token, failures=0, wait=0, told=told, since=min(memory.since, now))
    rest = f"{said}{describe_rest(subject, token)}"
    if token is None or situation.settled is not False:
        return Decision(replace(memory, asked=0, told=False, since=0.0), None, rest, False)
    if situation.running:
        return Decision(replace(memory, since=now), None, f"{rest}; a run is under way", False)
    given_up = situation.canceled or memory.asked > retries
    if given_up:
        if memory.told:
            return Decision(memory, None, f"{rest}; {_UNLIKE}, and people were told", False)
        return Decision(replace(memory, told=True), None, _report(subject, memory, token, situation), False, "stale")
    left = pause_after(memory.asked) + slack - (now - memory.since)
    if left > 0:
        return Decision(memory, None, f"{rest}; {_UNLIKE}: a run is asked for in {left:.0f} s", False)
    if memory.asked == 0:
        moves = next_count(memory, token, asked())
        after = replace(memory, moves=moves, asked=1, since=now)
        return Decision(after, run_key(subject, moves, token), f"{rest}; {_UNLIKE}", False)
    again, before = memory.asked, asked()
    if before.moves == memory.moves and before.again > again:
        again = before.again + 1
    reason = f"{rest}; {_UNLIKE}: asking again, {again} of {retries}"
    return Decision(
        replace(memory, asked=again + 1, since=now), run_key(subject, memory.moves, token, again), reason, False
    )


def is_still_told(memory: Memory) -> bool:
    """Whether what a person was told holds when there is an answer again; that there was none holds no more."""
    return memory.told and memory.failures < FAILURES_TO_TELL


def pause_after(asked: int) -> float:
    """Seconds between a request and the next one, after so many requests."""
    return PAUSES[min(asked, len(PAUSES)) - 1] if asked else DEFERRED


def report_silence(subject: str, memory: Memory, error: str) -> str | None:
    """What a person is told when looking has failed too often; None: nothing yet, or no more."""
    if memory.told or memory.failures < FAILURES_TO_TELL:
        return None
    return (
        f"{subject} cannot be looked at: {memory.failures} attempts in a row have failed, so that nobody knows whether "
        f"the tables are up to date. Last: {error}"
    )


def _report(subject: str, memory: Memory, token: str, situation: Situation) -> str:
    tries = "no run was asked for" if not memory.asked else f"{memory.asked} run{'s' * (memory.asked > 1)} asked for"
    why = (
        "the last one was canceled"
        if situation.canceled
        else strip_ends(situation.failure) or "none of them made it so"
    )
    made_from = situation.published or "nothing yet"
    return (
        f"{subject} is {short_token(token)}, and the published tables are made from {made_from}: {tries}, {why}. "
        "Nothing more is asked for until it moves: look at the last run, mend what it names, and launch the job by hand"
    )
