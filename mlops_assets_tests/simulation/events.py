"""What can happen on a day: each event is a name and a few numbers, so that a history is a list that can be shortened.

An event that makes no sense where it stands (an alias moved where no version is) does nothing.
"""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from mlops_assets_tests.simulation.journal import check_journal
from mlops_assets_tests.simulation.models import VARIANTS, make_rows, write_rows
from mlops_assets_tests.simulation.seams import WouldWait
from mlops_assets_tests.simulation.world import CHAMPION, KEY_TAG, SENSORS, Plan, World

HOUR = 3_600.0
LANDED = 1_700_000_000
# A run has about 250 points, a tick of a sensor about 30.
POINTS_OF_RUN, POINTS_OF_TICK = 250, 30
# What can happen while a run works.
INNER = (
    "promote", "land", "tick_only", "register_anew", "rival", "remove_alias", "promote_and_tick", "promote_and_rival",
)  # fmt: skip


@dataclass(frozen=True)
class Event:
    """One thing that happens."""

    kind: str
    numbers: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(map(str, self.numbers))})"

    def happen(self, world: World) -> None:
        world.say(f"-- {self}")
        EVENTS[self.kind](world, *self.numbers)


# -- people and models


def register(world: World, variant: int) -> None:
    number = world.registry.register(variant % VARIANTS)
    world.seen.versions.add((number, variant % VARIANTS))


def promote(world: World, choice: int) -> None:
    versions = sorted(world.registry.variants)
    if versions:
        world.registry.set_alias(world.yaml.alias, versions[choice % len(versions)])
        world.note_change()


def challenge(world: World, choice: int) -> None:
    """The other alias moves."""
    versions = sorted(world.registry.variants)
    if versions:
        world.registry.set_alias("Challenger", versions[choice % len(versions)])


def remove_alias(world: World) -> None:
    if world.expected_version() is not None:
        world.registry.set_alias(world.yaml.alias, None)
        world.removals += 1
        world.note_change()


def register_anew(world: World, *variants: int) -> None:
    """The model is deleted, and one of the same name is registered, between two ticks."""
    world.registry.delete()
    world.removals += 1
    world.note_change()
    for variant in variants:
        register(world, variant)
    if variants:
        promote(world, len(variants) - 1)


def delete_model(world: World) -> None:
    world.registry.delete()
    world.removals += 1
    world.note_change()


# -- files


def land(world: World, file: int, seed: int) -> None:
    """A file appears, or is rewritten."""
    rows = make_rows(file, seed)
    write_rows(rows, world.path_of(world.yaml.folder, file))
    # Rewriting within one tick of the file system's clock is no change that anybody could see.
    world.stamp += 1
    os.utime(world.path_of(world.yaml.folder, file), (LANDED + world.stamp,) * 2)
    world.files.setdefault(world.yaml.folder, {})[file] = rows
    world.broken.discard((world.yaml.folder, file))
    world.note_inputs()


def remove_file(world: World, file: int) -> None:
    if world.files.get(world.yaml.folder, {}).pop(file, None) is not None:
        world.path_of(world.yaml.folder, file).unlink()
        world.broken.discard((world.yaml.folder, file))
        world.stamp += 1
        world.note_inputs()


def half_write(world: World, file: int, seed: int) -> None:
    """A writer that does not switch files into place is at work."""
    path = world.path_of(world.yaml.folder, file)
    write_rows(make_rows(file, seed), path)
    path.write_bytes(path.read_bytes()[: 40 + seed % 200])
    world.files.setdefault(world.yaml.folder, {})[file] = {}
    world.stamp += 1
    os.utime(path, (LANDED + world.stamp,) * 2)
    world.note_change()
    world.broken.add((world.yaml.folder, file))


def empty_folder(world: World) -> None:
    for file in list(world.files.get(world.yaml.folder, {})):
        remove_file(world, file)


def other_folder(world: World, alike: int) -> None:
    """`inputs.path` is edited; the other folder's files may have the same names, sizes and times."""
    before = world.yaml.folder
    world.yaml = replace(world.yaml, folder="data/b" if before == "data/a" else "data/a")
    (world.root / world.yaml.folder).mkdir(parents=True, exist_ok=True)
    if alike:
        empty_folder(world)
        for file, rows in world.files.get(before, {}).items():
            other = {key: (None if a is None else -a, b) for key, (a, b) in rows.items()}
            path = world.path_of(world.yaml.folder, file)
            write_rows(other, path)
            facts = world.path_of(before, file).stat()
            os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
            world.files.setdefault(world.yaml.folder, {})[file] = other
    world.stamp += 1
    world.note_inputs()
    world.restart()


def other_alias(world: World, *_: int) -> None:
    """`alias_or_version` is edited."""
    world.yaml = replace(world.yaml, alias="Challenger" if world.yaml.alias == "Champion" else "Champion")
    world.note_change()
    world.restart()


# -- time, daemon, runs


def wait(world: World, hours: int) -> None:
    world.clock.advance(hours * HOUR)


def jump(world: World, hours: int) -> None:
    """The machine's clock is set."""
    world.clock.advance(hours * HOUR)


def tick(world: World) -> None:
    world.tick_all()
    world.work()


def tick_and_die(world: World, sensor: int, where: int) -> None:
    world.clock.advance(60)
    world.tick(SENSORS[sensor % 2], dies=("evaluated", "created", "launched")[where % 3])
    world.work()


def tick_broken(world: World, sensor: int, point: int, fate: int) -> None:
    """A tick that fails, or is killed, at one of its points."""
    world.clock.advance(60)
    world.tick(SENSORS[sensor % 2], {point: _FATES[fate % len(_FATES)]})
    world.work()


def tick_only(world: World, sensor: int) -> None:
    """One sensor's tick, while the others are late."""
    world.clock.advance(30)
    world.tick(SENSORS[sensor % 2])


def promote_and_tick(world: World, choice: int) -> None:
    """The alias moves, and its sensor sees it at once."""
    promote(world, choice)
    world.clock.advance(30)
    world.tick(CHAMPION)


def run_broken(world: World, point: int, fate: int) -> None:
    """The next run fails, is killed, or loses its power at one of its points."""
    _tick_and_work(world, {point: _FATES[fate % len(_FATES)]})


def run_failing_long(world: World, first: int, length: int, kind: int) -> None:
    """Something is away for a part of the next run."""

    def go() -> None:
        world.seams.away.add(("registry", "files", "database")[kind % 3])

    def come() -> None:
        world.seams.away.clear()

    _tick_and_work(world, {first: go, first + length: come})
    come()


def meanwhile(world: World, point: int, choice: int, first: int, second: int) -> None:
    """While a run works, something else happens."""
    _meanwhile(world, point, choice, first, second)


def _meanwhile(world: World, point: int | tuple[str, int], choice: int, first: int, second: int) -> None:
    name = INNER[choice % len(INNER)]
    numbers = {"land": (first % 3, second), "register_anew": (first % VARIANTS,), "remove_alias": ()}
    inner = Event(name, numbers.get(name, (first,)))

    def happen() -> None:
        try:
            inner.happen(world)
            # The run that goes on may write over what has just been noted.
            check_journal(world)
        except WouldWait:
            world.say("   it waits for the run")
            later.append(inner)

    later: list[Event] = []
    _tick_and_work(world, {point: happen})
    for event in later:
        event.happen(world)


def rival(world: World, *_: int) -> None:
    """Somebody materializes everything by hand."""
    run = world.create_run(world.whole_job, {})
    world.execute(run)


def promote_and_rival(world: World, choice: int) -> None:
    """The alias moves, and somebody materializes everything by hand."""
    promote(world, choice)
    rival(world)


def reexecute(world: World, choice: int) -> None:
    """A person runs an old run again: it carries the old run's key and tags."""
    runs = [run for run in world.instance.get_runs() if run.is_finished and not run.job_name.endswith("validation_job")]
    if runs:
        old = runs[choice % len(runs)]
        tags = {name: value for name, value in old.tags.items() if not name.startswith(".dagster")}
        tags |= {"dagster/parent_run_id": old.run_id, "dagster/root_run_id": old.root_run_id or old.run_id}
        world.execute(
            world.create_run(old.job_name, tags, parent_run_id=old.run_id, root_run_id=old.root_run_id or old.run_id)
        )


def hold_queue(world: World) -> None:
    """Runs are asked for and none is started, as while a pool is full."""
    world.held = True


def release_queue(world: World) -> None:
    world.held = False
    world.work()


def cancel(world: World, choice: int) -> None:
    """A person cancels a queued run."""
    if world.queue:
        run = world.queue.pop(choice % len(world.queue))
        world.instance.report_run_canceled(run)
        world.failures += 1
        world.say(f"run {run.tags.get(KEY_TAG)} cancelled")


def restart(world: World) -> None:
    world.restart()


def reset_cursor(world: World, sensor: int, garbled: int) -> None:
    world.cursors[SENSORS[sensor % 2]] = "garbled {" if garbled % 2 else None
    world.meddled.add(SENSORS[sensor % 2])


def old_cursor(world: World, choice: int) -> None:
    """The daemon's database is restored from a backup."""
    if world.old_cursors:
        sensor, cursor = world.old_cursors[choice % len(world.old_cursors)]
        world.cursors[sensor] = cursor
        world.meddled.add(sensor)


# -- what is away, for some ticks


def outage(world: World, kind: int, ticks: int) -> None:
    world.seams.away.add(("registry", "files", "database")[kind % 3])
    for _ in range(ticks):
        world.tick_all()
        world.work()
    world.seams.away.clear()


def stale_registry(world: World, ticks: int) -> None:
    """The registry answers as it did the last time it was asked the same (a replica that lags)."""
    world.lying = True
    for _ in range(ticks):
        world.tick_all()
        world.work()
    world.lying = False


_FATES: tuple[str, ...] = ("fail", "kill", "cut")


# Moments that matter: parts of the names of points.
MOMENTS = (
    "ask", "os.rename", "flush", ".mlops_assets.lock", ".mlops_assets.switch", ".mlops_assets.run",
    "store ASSET_MATERIALIZATION", "00000", "part-", "predictions", "input_samples", "champion_model", "add run",
    "made",
)  # fmt: skip


def run_broken_at(world: World, moment: int, number: int, fate: int) -> None:
    """As `run_broken`, at one of the moments that matter."""
    _tick_and_work(world, {(MOMENTS[moment % len(MOMENTS)], number): _FATES[fate % len(_FATES)]})


def meanwhile_at(world: World, moment: int, number: int, choice: int, first: int, second: int) -> None:
    """As `meanwhile`, at one of the moments that matter."""
    _meanwhile(world, (MOMENTS[moment % len(MOMENTS)], number), choice, first, second)


def switch_executor(world: World) -> None:
    """The YAML's `executor` is edited: runs of several processes do not take turns."""
    other = "in_process" if world.yaml.executor == "multiprocess" else "multiprocess"
    world.yaml = replace(world.yaml, executor=other)
    world.restart()


def explain(world: World) -> None:
    """All assets are asked for, with their checks."""
    world.yaml = replace(world.yaml, explains=True)
    world.restart()


def _tick_and_work(world: World, plan: Plan) -> None:
    """A tick whose first run has this plan; a run by hand where nothing is asked for."""
    world.tick_all()
    if world.held or not world.queue:
        run = world.create_run(world.whole_job, {})
        process = world.execute(run, plan)
    else:
        run = world.queue.pop(0)
        process = world.execute(run, plan)
    if process.dead:
        world.restart()
    world.work()


EVENTS: dict[str, Callable[..., None]] = {
    event.__name__: event
    for event in (
        register, promote, challenge, remove_alias, register_anew, delete_model, land, remove_file, half_write,
        empty_folder, other_folder, other_alias, wait, jump, tick, tick_and_die, tick_broken, tick_only, run_broken,
        run_failing_long, meanwhile, rival, reexecute, hold_queue, release_queue, cancel, restart, reset_cursor,
        old_cursor, outage, stale_registry, run_broken_at, meanwhile_at, switch_executor, explain, promote_and_tick,
        promote_and_rival,
    )
}  # fmt: skip


def make_history(seed: int, length: int = 12, focus: tuple[str, ...] = ()) -> list[Event]:
    """The events of one seed.

    Parameters
    ----------
    focus
        Kinds of events that come more often; ``at <moment>`` and ``meanwhile <kind>``: only there, only that.
    """
    chance = random.Random(seed)
    number = chance.randrange
    moments = [at for at, moment in enumerate(MOMENTS) if f"at {moment}" in focus] or range(len(MOMENTS))
    inner = [at for at, kind in enumerate(INNER) if f"meanwhile {kind}" in focus] or range(len(INNER))

    def moment() -> int:
        return chance.choice(moments)

    kinds: list[tuple[int, Callable[[], Event]]] = [
        (6, lambda: Event("tick")),
        (4, lambda: Event("promote", (number(4),))),
        (3, lambda: Event("land", (number(3), number(1000)))),
        (2, lambda: Event("register", (number(VARIANTS),))),
        (1, lambda: Event("challenge", (number(4),))),
        (1, lambda: Event("remove_alias")),
        (1, lambda: Event("register_anew", tuple(number(VARIANTS) for _ in range(1 + number(2))))),
        (1, lambda: Event("delete_model")),
        (1, lambda: Event("remove_file", (number(3),))),
        (1, lambda: Event("half_write", (number(3), number(1000)))),
        (1, lambda: Event("empty_folder")),
        (1, lambda: Event("other_folder", (number(2),))),
        (2, lambda: Event("other_alias")),
        (1, lambda: Event("wait", (1 + number(30),))),
        (1, lambda: Event("jump", (number(96) - 48,))),
        (2, lambda: Event("tick_and_die", (number(2), number(3)))),
        (2, lambda: Event("tick_broken", (number(2), 1 + number(POINTS_OF_TICK), number(3)))),
        (1, lambda: Event("tick_only", (number(2),))),
        (3, lambda: Event("run_broken", (1 + number(POINTS_OF_RUN), number(3)))),
        (1, lambda: Event("run_failing_long", (1 + number(POINTS_OF_RUN), number(60), number(3)))),
        (2, lambda: Event("meanwhile", (1 + number(POINTS_OF_RUN), chance.choice(inner), number(4), number(1000)))),
        (
            3,
            lambda: Event(
                "meanwhile_at", (chance.choice(moments), number(6), chance.choice(inner), number(4), number(1000))
            ),
        ),
        (3, lambda: Event("run_broken_at", (moment(), number(6), number(3)))),
        (2, lambda: Event("reexecute", (number(6),))),
        (1, lambda: Event("hold_queue")),
        (1, lambda: Event("release_queue")),
        (1, lambda: Event("cancel", (number(3),))),
        (1, lambda: Event("restart")),
        (1, lambda: Event("reset_cursor", (number(2), number(2)))),
        (1, lambda: Event("old_cursor", (number(8),))),
        (1, lambda: Event("outage", (number(3), 1 + number(4)))),
        (1, lambda: Event("stale_registry", (1 + number(3),))),
    ]
    weights = [weight * (10 if make().kind in focus else 1) for weight, make in kinds]
    start = [Event("register", (number(VARIANTS),)), Event("land", (0, number(1000))), Event("promote", (0,))]
    chance.shuffle(start)
    start = start[: 2 + number(2)]
    if number(5) == 0 or "switch_executor" in focus:
        start.append(Event("switch_executor"))
    if number(16) == 0:
        start.append(Event("explain"))
    return start + [make() for _, make in chance.choices(kinds, weights, k=length - len(start))]
