"""Play a history, and shorten one that fails."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_assets_tests.simulation.events import Event, make_history
from mlops_assets_tests.simulation.invariants import Invariants, check_all, check_convergence
from mlops_assets_tests.simulation.quick import quick_dagster
from mlops_assets_tests.simulation.world import Stage, World


@dataclass(frozen=True)
class Outcome:
    """What became of a history."""

    violations: tuple[str, ...]
    log: tuple[str, ...]
    end: str = ""

    @property
    def holds(self) -> bool:
        return not self.violations


def play(events: Sequence[Event], stage: Stage) -> Outcome:
    """All events in order, all invariants after each; it ends with the first that is violated."""
    world = World(stage, Invariants())
    with world.clock.installed(), world.seams.installed(), quick_dagster():
        for event in events:
            event.happen(world)
            check_all(world)
            if world.seen.violations:
                break
        else:
            check_convergence(world)
    return Outcome(tuple(world.seen.violations), tuple(world.seen.log), world.end)


def shorten(events: Sequence[Event], fails: Callable[[Sequence[Event]], bool]) -> list[Event]:
    """A part of the events, in order, that fails as well, and of which none can be left out (delta debugging)."""
    shortest, size = list(events), max(1, len(events) // 2)
    while True:
        at, found = 0, False
        while at < len(shortest):
            candidate = shortest[:at] + shortest[at + size :]
            if candidate and fails(candidate):
                shortest, found = candidate, True
            else:
                at += size
        if size == 1 and not found:
            return shortest
        size = max(1, size // 2)


def make_stage(folder: Path | None = None) -> Stage:
    """In memory where the system has a folder for that: what a disk would lose is simulated."""
    memory = Path("/dev/shm")
    place = memory if folder is None and memory.is_dir() and os.access(memory, os.W_OK) else folder
    stage = Stage(Path(tempfile.mkdtemp(prefix="simulation-", dir=place)))
    atexit.register(shutil.rmtree, stage.root.parent, ignore_errors=True)
    return stage


__all__ = ["Event", "Outcome", "make_history", "make_stage", "play", "shorten"]
