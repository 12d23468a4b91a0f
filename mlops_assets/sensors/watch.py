"""One tick of a sensor that watches something: `moves` and `reconcile` within Dagster."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import dagster as dg

from mlops_assets.errors import RegistryError, TableError
from mlops_assets.sensors.moves import Asked, Memory, decide, has_moved, hold_up, run_key
from mlops_assets.sensors.reconcile import Situation, is_still_told, reconcile, report_silence
from mlops_assets.sensors.requests import MOVE_TAG

Action = dg.RunRequest | Sequence[dg.RunRequest] | dg.AssetMaterialization


class RetryState(Protocol):
    """What a sensor remembers of attempts that failed, as part of its cursor."""

    @property
    def failures(self) -> int: ...

    @property
    def wait(self) -> int: ...

    def after_wait(self) -> "RetryState": ...

    def after_failure(self) -> "RetryState": ...

    def to_cursor(self) -> str: ...


@dataclass(frozen=True)
class Look:
    """What was seen where nothing has moved.

    Attributes
    ----------
    token
        What is there.
    move
        The key of its move.
    was_asked
        Whether a run was asked for or waited for, so that all of its tables are to be there.
    """

    token: str
    move: str
    was_asked: bool


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes
    ----------
    key
        The run key.
    move
        The key of the move that it is for: the same as `key`, unless it is asked for again.
    token
        What is there.
    """

    key: str
    move: str
    token: str

    @property
    def is_first(self) -> bool:
        """Whether nothing was asked for before, for this move."""
        return self.key == self.move


@dataclass(frozen=True)
class Watch:
    """What one sensor watches, and what it does about it.

    Attributes
    ----------
    subject
        What is watched; see `decide`.
    look
        Gives the token; raises RegistryError or TableError when it cannot. Called at most once a tick.
    asked
        What was ever asked for; called only where something is asked for, or the cursor knows nothing.
    published
        The token that the published tables stem from, given the one that was seen; called only at first sight.
    situation
        How the published tables stand beside what was seen; called where nothing has moved.
    act
        What to do: launch a run (or one per partition, see `run_of_partition`), or report an event.
    retries
        How often a run is asked for again.
    tell
        Tells people something; False: it was not delivered, and the next tick tries again.
    defer
        Why a first sight asks for no run yet; empty: no reason. See `decide`.
    hold
        Why no run can be asked for as long as this is so, which is nobody's fault: there is no champion yet. Empty: no
        reason. Called where a run is wanted; raises RegistryError when it cannot say.
    gives_way
        Whether another sensor has `DEFERRED` seconds to ask for a run, once nothing holds it up.
    noticed
        Called with the token on each move, before anything is done.
    forgets
        Whether what is gone is forgotten, so that its return is a move.
    slack
        Seconds that may pass between what `act` does and the start of a run.
    """

    subject: str
    look: Callable[[], str | None]
    asked: Callable[[], Asked]
    published: Callable[[str | None], str | None]
    situation: Callable[[Look], Situation]
    act: Callable[[Request], Action]
    retries: int
    tell: Callable[[str], bool]
    defer: Callable[[], str] = str
    hold: Callable[[], str] = str
    gives_way: bool = False
    noticed: Callable[[str | None], None] | None = None
    forgets: bool = True
    slack: float = 0.0


def now() -> float:
    """Seconds since 1970."""
    return time.time()


def evaluate_tick(context: dg.SensorEvaluationContext, watch: Watch) -> dg.SensorResult:
    """Look, decide, and act where something moved, or where what was asked for has not come about."""
    memory = Memory.read(context.cursor)
    if context.cursor and memory == Memory():
        context.log.warning("The cursor cannot be read; it is restored from what was asked for last")
    if memory.wait > 0:
        return skip_while_waiting(memory)
    try:
        token = watch.look()
    except (RegistryError, TableError) as error:
        return skip_and_tell(memory, error, watch.subject, watch.tell)
    if token is None and not watch.forgets:
        rested = replace(memory, failures=0, wait=0, told=is_still_told(memory))
        return _skip(rested, f"{memory.recovery}{watch.subject}: no files are there, so nothing is to be done")
    if has_moved(memory, token):
        decision = decide(
            watch.subject,
            memory,
            token,
            watch.asked(),
            None if memory.known else watch.published(token),
            defer="" if memory.known else watch.defer(),
            now=now(),
        )
        is_wanted = decision.run_key is not None
    else:
        look = Look(token or "", run_key(watch.subject, memory.moves, token or ""), memory.is_waiting)
        situation = Situation(None) if token is None else watch.situation(look)
        decision = reconcile(
            watch.subject, memory, token, situation, watch.asked, retries=watch.retries, slack=watch.slack, now=now()
        )
        is_wanted = situation.settled is False and not situation.running
    try:
        held_up = watch.hold() if is_wanted else ""
    except RegistryError as error:
        return skip_and_tell(memory, error, watch.subject, watch.tell)
    if held_up:
        decision = hold_up(memory, decision, watch.subject, held_up, now() if watch.gives_way else 0.0)
    if decision.moved and watch.noticed is not None:
        watch.noticed(token)
    if decision.tell is not None:
        context.log.warning(decision.reason)
        if not watch.tell(decision.reason):
            decision = replace(decision, memory=replace(decision.memory, told=False))
    if decision.run_key is None:
        if memory.failures:
            context.log.info(decision.reason)
        return _skip(decision.memory, decision.reason)
    context.log.info(decision.reason)
    move = run_key(watch.subject, decision.memory.moves, token or "")
    action, cursor = watch.act(Request(decision.run_key, move, token or "")), decision.memory.to_cursor()
    if isinstance(action, dg.AssetMaterialization):
        return dg.SensorResult(asset_events=[action], cursor=cursor, skip_reason=decision.reason)
    requests = [action] if isinstance(action, dg.RunRequest) else list(action)
    if not requests:
        return _skip(decision.memory, f"{decision.reason}; no partition was ever scored")
    return dg.SensorResult(run_requests=requests, cursor=cursor)


def run_of_move(request: Request, tags: Mapping[str, str]) -> dg.RunRequest:
    """The run that a move asks for."""
    return dg.RunRequest(run_key=request.key, tags={**tags, MOVE_TAG: request.move})


def run_of_partition(request: Request, partition: str, tags: Mapping[str, str]) -> dg.RunRequest:
    """One of the runs that a move asks for, one per partition."""
    return dg.RunRequest(
        run_key=f"{request.key}[{partition}]", partition_key=partition, tags={**tags, MOVE_TAG: request.move}
    )


def skip_while_waiting(memory: RetryState) -> dg.SensorResult:
    """A tick that lets an attempt pass."""
    return _skip(memory.after_wait(), f"Backing off after {memory.failures} failures; {memory.wait} ticks to wait")


def skip_after_failure(memory: RetryState, error: Exception) -> dg.SensorResult:
    """A tick whose attempt failed: skipped with the reason, and the next attempt put off."""
    return _put_off(memory.after_failure(), error)


def skip_and_tell(memory: Memory, error: Exception, subject: str, tell: Callable[[str], bool]) -> dg.SensorResult:
    """As `skip_after_failure`; people are told once when it has happened too often."""
    after = memory.after_failure()
    report = report_silence(subject, after, _describe(error))
    if report is not None:
        after = replace(after, told=tell(report))
    return _put_off(after, error)


def _put_off(after: RetryState, error: Exception) -> dg.SensorResult:
    return _skip(after, f"{_describe(error)} Next attempt after {after.wait} further ticks.")


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _skip(memory: RetryState, reason: str) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=reason, cursor=memory.to_cursor())
