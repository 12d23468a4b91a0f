"""Is the process of a run gone? Decided from what the run has shown of itself; no dagster here."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mlops_assets.process_identity import ProcessIdentity, Trace, existed_at, look_for, own_identity
from mlops_assets.resources.liveness import SECONDS_BETWEEN_BEATS, Liveness
from mlops_assets.storage.locks import is_held

# A run that ends gives up its lock a moment before Dagster knows its result, and a machine may be slow: a free lock
# says nothing as long as heartbeats come.
SECONDS_OF_GRACE = 4 * SECONDS_BETWEEN_BEATS + 10
# A code server that still lives reports the death of its runs itself, within a second.
FEWEST_LOOKS, FEWEST_LOOKS_OF_SILENCE = 2, 5
# Of a run that has shown nothing of itself.
SECONDS_WITHOUT_SIGN = 15 * 60.0
# Dagster keeps what waits for a pool, also of a run that has died meanwhile.
SECONDS_OF_WAITING = 24 * 3600.0


@dataclass(frozen=True)
class Silence:
    """How long a run has shown nothing new, by the clock of the one who watches.

    Attributes
    ----------
    token
        All that the run has shown: its last event and its heartbeats.
    since
        When the token was first seen, in seconds.
    looks
        How often it was seen.
    gone
        How often in a row the process was seen to have ended.
    """

    token: str
    since: float
    looks: int = 0
    gone: int = 0

    def after_look(self, token: str, now: float, *, gone: bool) -> "Silence":
        """With one more look."""
        same = self if token == self.token and self.since <= now else Silence(token, now)
        return replace(same, looks=same.looks + 1, gone=self.gone + 1 if gone else 0)

    def lasts(self, seconds: float, now: float) -> bool:
        """Whether nothing new came for so long; a clock that was set forward alone does not make it so."""
        return now - self.since >= seconds and self.looks >= FEWEST_LOOKS_OF_SILENCE


@dataclass(frozen=True)
class Signs:
    """What a run has shown.

    Attributes
    ----------
    lives
        Of each process that executes or has executed steps.
    workers
        Numbers of the processes that Dagster's own events name as the run's, and the times of these events.
    whole
        All that the run does are steps of this package's: none of them keeps quiet for long.
    """

    lives: Sequence[Liveness]
    workers: Mapping[int, float]
    whole: bool


@dataclass(frozen=True)
class Finding:
    """What the signs say: whether the process has ended for certain, and else after which silence it has; None: never.

    `reason` says why, for a person. `may_wait`: a run of this kind is silent while its steps wait for a pool.
    """

    ended: bool
    silent_seconds: float | None
    reason: str
    may_wait: bool = False


def find(signs: Signs) -> Finding:
    """Whether the process that leads a run is gone, or how long it must have been silent to be so.

    A run is never gone while any of its processes is seen: a step's process may outlive the one that leads the run, and
    still writes.
    """
    if not signs.lives:
        if any(existed_at(pid, time) for pid, time in signs.workers.items()):
            # A run of a release that showed nothing, or whose imports take long.
            return Finding(False, None, "a process exists that Dagster may have started for it")
        reason = "no process has shown that it executes the run"
        return Finding(False, SECONDS_WITHOUT_SIGN if signs.whole else None, reason, may_wait=True)
    traces = {life: trace_life(life) for life in signs.lives}
    if Trace.ALIVE in traces.values():
        return Finding(False, None, "a process of it exists")
    bound = max(life.silent_seconds for life in signs.lives)
    leaders = [life for life in signs.lives if life.process.pid in signs.workers]
    if leaders:
        # The latest: a run may be resumed by another process.
        process, trace, beats = leaders[-1].process, traces[leaders[-1]], True
    else:
        parents = [life.parent for life in signs.lives if life.parent.pid in signs.workers]
        if not parents:
            return Finding(False, None, "its process is not known")
        process, trace, beats = parents[-1], look_for(parents[-1]), False
    where = f"process {process.pid} on {process.host.partition('/')[0]}"
    match trace:
        case Trace.ALIVE:
            return Finding(False, None, f"{where} exists")
        case Trace.ENDED:
            return Finding(True, None, f"{where} has ended without reporting how")
        case Trace.RESTARTED:
            seconds = SECONDS_OF_GRACE if beats else bound if signs.whole else None
            reason = f"{where} has ended: it holds no lock, or its machine has restarted"
            return Finding(False, seconds, reason, may_wait=not beats)
        case Trace.UNSEEN:
            seconds = bound if beats or signs.whole else None
            return Finding(False, seconds, f"{where} sends no heartbeat any more", may_wait=not beats)


def trace_life(life: Liveness) -> Trace:
    """What can be seen of a process, by its number, else by its lock. A free lock counts as `RESTARTED`."""
    trace = look_for(life.process)
    if trace in (Trace.ALIVE, Trace.ENDED) or not _is_same_lock(life):
        return trace
    assert life.lock is not None
    return Trace.ALIVE if is_held(Path(life.lock)) else Trace.RESTARTED


def _is_same_lock(life: Liveness) -> bool:
    """Whether the lock that the process holds can be seen from here: in the same folder, under the same kernel."""
    own: ProcessIdentity = own_identity()
    if life.lock is None or life.process.boot != own.boot or (not own.boot and life.process.host != own.host):
        return False
    try:
        status = Path(life.lock).parent.stat()
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == life.folder


def read_silences(fields: object) -> dict[str, Silence]:
    """What `write_silences` made; empty for everything else."""
    try:
        return {run: Silence(**silence) for run, silence in dict(fields or {}).items()}  # type: ignore[call-overload]
    except (TypeError, ValueError):
        return {}


def write_silences(silences: Mapping[str, Silence]) -> dict[str, dict[str, object]]:
    """As plain values for a cursor."""
    return {run: asdict(silence) for run, silence in silences.items()}
