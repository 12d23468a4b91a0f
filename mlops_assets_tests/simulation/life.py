"""One life of a model, with every single touch of the world failed once, killed once, and cut from its power once.

Train, land, promote, score (and explain), roll back: states of the world alternate, so that each run has everything to
publish anew. After each disturbance the tables are whole; one undisturbed run later they are those of the champion.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import chain, count
from unittest import mock

from mlops_assets.tables import part_size
from mlops_assets_tests.simulation.events import land, make_rows, register
from mlops_assets_tests.simulation.invariants import Invariants, check_all, check_leftovers, differences
from mlops_assets_tests.simulation.quick import quick_dagster
from mlops_assets_tests.simulation.world import CHAMPION, INPUTS, NEW_VERSION, Stage, World, silence

FATES = ("fail", "kill", "cut")
# Dagster's records of a world's runs make each next run slower.
LIVES = 12


def begin(stage: Stage, *, explains: bool = False, publishes: bool = True) -> World:
    """Two versions of a model, the first one published."""
    world = World(stage, Invariants())
    world.yaml = replace(world.yaml, explains=explains)
    with world.clock.installed(), world.seams.installed(), quick_dagster():
        register(world, 0)
        register(world, 1)
        land(world, 0, 0)
        world.registry.set_alias("Champion", 1)
        world.tick_all()
        if publishes:
            world.execute(world.queue[-1])
        world.queue.clear()
    return world


def turn(world: World, number: int) -> None:
    """The world's other state: another champion, another file."""
    world.registry.set_alias("Champion", 2 if number % 2 else 1)
    world.note_change()
    # Of a file without a row that can be scored nothing is published, and the check says so.
    land(world, 0, next(filter(_has_rows, count(100 * number))))
    land(world, 1, next(filter(_has_rows, count(100 * number))))


@contextmanager
def tables_in_parts() -> Iterator[None]:
    """Inside the block every file of the inputs is a part of its own, and so are its rows in each table."""
    with mock.patch.object(part_size, "PART_ROWS", 1):
        yield


def _has_rows(seed: int) -> bool:
    return all(any(None not in row for row in make_rows(file, seed).values()) for file in (0, 1))


def disturb_run(world: World, number: int, point: int, fate: str) -> int:
    """A run that is disturbed at one point, and one that is not; returns how many points the first had."""
    with world.clock.installed(), world.seams.installed(), quick_dagster():
        turn(world, number)
        world.tick_all()
        process = world.execute(world.queue.pop(0), {point: fate})
        check_all(world)
        world.restart()
        if not world.queue:
            # The run that was disturbed was the only one: the next one is somebody's by hand.
            world.queue.append(world.create_run(world.whole_job, {}))
        world.work()
        check_all(world)
        check_leftovers(world)
        for wrong in differences(world):
            world.violate(f"after {fate} at point {point} ({process.names[-1]}): {wrong}")
    return process.points


def disturb_tick(world: World, number: int, sensor: str, point: int, fate: str) -> int:
    """A tick that is disturbed at one point, and some that are not; returns how many points the first had."""
    with world.clock.installed(), world.seams.installed(), quick_dagster():
        turn(world, number)
        if sensor == NEW_VERSION:
            register(world, number)
        before = len(world.seen.launched)
        process = world.tick(sensor, {point: fate})
        check_all(world)
        for _ in range(2):
            world.tick(sensor)
        asked = len(world.seen.launched) - before
        if asked != 1:
            world.violate(f"{sensor}, {fate} at point {point}: {asked} runs were asked for")
        world.queue.clear()
        check_all(world)
    return process.points


def sweep(stage: Stage, stride: int = 1, offset: int = 0, *, explains: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Disturb every `stride`-th point of a run with the fates by turns, `offset` being the first's; what was violated.

    With a stride of 1 three offsets are all points with all fates.
    """
    world, number, point = begin(stage, explains=explains), 0, 1
    while True:
        if number % LIVES == LIVES - 1:
            world = begin(stage, explains=explains)
        number += 1
        fate = FATES[(number + offset) % len(FATES)]
        reached = disturb_run(world, number, point, fate)
        if reached < point:
            return
        yield f"run, {fate} at point {point}", world.seen.violations
        point += stride


def sweep_ticks(stage: Stage, fates: tuple[str, ...] = FATES) -> Iterator[tuple[str, list[str]]]:
    """Every point of every sensor's tick, with every fate."""
    for sensor in (CHAMPION, INPUTS, NEW_VERSION):
        for fate in fates:
            point = 0
            while True:
                if point % LIVES == 0:
                    world = begin(stage, publishes=False)
                point += 1
                if disturb_tick(world, point, sensor, point, fate) < point:
                    break
                yield f"{sensor}, {fate} at point {point}", world.seen.violations


def main() -> int:
    """Every point of a run and of a tick, with every fate."""
    from mlops_assets_tests.simulation.history import make_stage

    parser = argparse.ArgumentParser(prog="python -m mlops_assets_tests.simulation.life", description=__doc__)
    parser.add_argument("--stride", type=int, default=1, help="only each such point of a run")
    parser.add_argument("--explain", action="store_true", help="runs of all assets, with their checks")
    parser.add_argument("--parts", action="store_true", help="tables in parts")
    arguments = parser.parse_args()
    silence()
    stage, tried, failed = make_stage(), 0, 0
    sweeps = [sweep_ticks(stage), *(sweep(stage, arguments.stride, at, explains=arguments.explain) for at in range(3))]
    with tables_in_parts() if arguments.parts else nullcontext():
        for what, violations in chain.from_iterable(sweeps):
            tried += 1
            if violations:
                failed += 1
                print(f"{what}: {violations}", flush=True)
                violations.clear()
    print(f"{tried} disturbances, {failed} with consequences")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
