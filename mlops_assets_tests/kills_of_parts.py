"""Kill runs on tables of several parts, and look at what is left: `python -m mlops_assets_tests.kills_of_parts`.

A run goes from one state of the world (inputs and champion) to another. Its process, one that works for it, or both are
killed: at a task, at the end of a task, or at any time. Then each table is the old or the new one, and the next run
makes all of them the new ones, to the byte. ``--store`` is files, delta, s3 (Delta in a bucket), or all of them.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from mlops_assets_tests.breaking import run_once
from mlops_assets_tests.conftest import LocalRegistry
from mlops_assets_tests.leftovers import leftovers
from mlops_assets_tests.object_store import KEY, SECRET, make_bucket, s3_server

ROWS, FILES, STORES = 12, 9, ("files", "delta", "s3")
WORKERS = (7, 3)
"""Beside one and two, with which runs are killed and made up for."""
TABLES = ("input_samples", "rejected_samples", "predictions", "sample_explanations", "model_explanations")
ENGINE = "mlops_assets_tests.engines.hostile_engines.MortalEngine"
KINDS = (
    ("driver", "at an end"),
    ("both", "after"),
    ("worker", "before"),
    ("driver", "at any time"),
    ("worker", "after"),
    ("both", "before"),
    ("worker", "at any time"),
    ("both", "at any time"),
)
"""Who is killed, and when."""
IN_ONE_BUCKET = 15
"""Kills between two new worlds in S3: its stand-in keeps all that was ever written in memory, and becomes slow."""

Tables = dict[str, Any]


@dataclass(frozen=True)
class Kill:
    """Who is killed, when, and at which part (from 0 to 1) of the tasks or of the time."""

    victim: str
    moment: str
    place: float


def plan(count: int) -> list[Kill]:
    """So many kills, each kind as often as the others and spread over the whole run."""
    of_kind = -(-count // len(KINDS))
    places = [(number + 0.5) / of_kind for number in range(of_kind)]
    random.Random(count).shuffle(places)
    return [Kill(*kind, place) for place, kind in itertools.islice(itertools.product(places, KINDS), count)]


@dataclass
class World:
    """Two states, ``a`` and ``b``, a way to run towards each, and a foreign reader of tables.

    Attributes
    ----------
    folder
        Of its own.
    outputs
        The settings of the tables' place.
    read
        All tables; two equal ones hold the same.
    """

    folder: Path
    registry: str
    outputs: dict[str, Any]
    read: Callable[[], Tables]
    environment: dict[str, str] = field(default_factory=dict)
    tasks: int = 0
    seconds: float = 0.0
    states: dict[str, Tables] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(["mlops_assets_tests.breaking"])

    def start(self, state: str, workers: int, **killed: Any) -> Any:
        """A process that runs towards a state."""
        for name in ("counts", "died"):
            (self.folder / name).unlink(missing_ok=True)
        process = self._processes.Process(
            target=run_once,
            args=(self.folder, self.registry, state, 2 if state == "b" else 1),
            kwargs={
                "outputs": self.outputs,
                "environment": self.environment,
                "verdict": self.folder / "verdict",
                "engine": {"KIND": ENGINE, "workers": workers, "folder": str(self.folder), **killed},
                "part_rows": ROWS,
            },
        )
        process.start()
        return process

    def run(self, state: str, workers: int = 1) -> None:
        """Run towards a state, undisturbed."""
        process = self.start(state, workers)
        process.join()
        assert process.exitcode == 0, (self.folder / "verdict").read_text()

    def look_at_both_states(self) -> None:
        """Note the tables of each state, and what a run does and takes."""
        self.run("b", workers=2)
        self.states["b"] = self.read()
        began = time.monotonic()
        self.run("a", workers=2)
        self.seconds = time.monotonic() - began
        self.tasks = int((self.folder / "counts").read_text())
        self.states["a"] = self.read()
        assert all(self.states["a"][name] != self.states["b"][name] for name in TABLES if name != "rejected_samples")

    def kill(self, kill: Kill, after: str) -> int:
        """Run towards a state, and see to it that somebody dies; the exit status of the run."""
        if kill.moment == "at any time":
            process = self.start(after, workers=2)
            process.join((0.1 + 0.8 * kill.place) * self.seconds)
            self._kill_now(kill.victim, process.pid)
        else:
            at = 1 + int(kill.place * self.tasks)
            workers = 1 if kill.victim == "driver" and at % 2 else 2
            process = self.start(after, workers, at=at, victim=kill.victim, moment=kill.moment)
        process.join()
        return int(process.exitcode)

    def somebody_died(self, kill: Kill, status: int) -> bool:
        """Whether the kill met somebody; of a worker that is killed at any time only that the run was not over."""
        if kill.moment == "at any time":
            return bool(status) or kill.victim == "worker"
        return (self.folder / "died").exists()

    def _kill_now(self, victim: str, process: int) -> None:
        try:
            if victim == "driver":
                os.kill(process, signal.SIGKILL)
            elif victim == "both":
                os.killpg(process, signal.SIGKILL)
            else:
                children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
                for child in children[:1]:
                    os.kill(int(child), signal.SIGKILL)
        except (ProcessLookupError, FileNotFoundError):
            # It has ended, or has not begun.
            return


def check_workers(world: World, numbers: Sequence[int] = WORKERS) -> list[str]:
    """Make the tables anew, with other numbers of workers. What was found wrong."""
    wrong: list[str] = []
    for workers in numbers:
        shutil.rmtree(world.folder / "tables")
        shutil.rmtree(world.folder / ".mlops_assets")
        world.run("a", workers)
        now = world.read()
        wrong += [f"{name} differs with {workers} workers" for name in now if now[name] != world.states["a"][name]]
    return wrong


def check(
    world: World, kills: list[Kill], tell: Callable[[str], object] = lambda _line: None, first: int = 1
) -> list[str]:
    """Kill runs one after the other, counted from `first`. What was found wrong."""
    before, after = "a", "b"
    wrong: list[str] = []
    for number, planned in enumerate(kills, first):
        kill = planned
        while True:
            status = world.kill(kill, after)
            if world.somebody_died(kill, status) or kill.place < 0.01:
                break
            # Much was found and little to do: the run ended before the kill came. The next one is killed earlier.
            before, after = after, before
            kill = replace(kill, place=0.7 * kill.place)
        now = world.read()
        old, new = world.states[before], world.states[after]
        switched = [name for name in new if now.get(name) == new[name] != old[name]]
        torn = [name for name in new if now.get(name) not in (old[name], new[name])]
        problems = [f"torn: {torn}"] if torn else []
        if status not in (0, -signal.SIGKILL) or (kill.victim == "worker" and status):
            problems.append(f"the run ended with {status}: {(world.folder / 'verdict').read_text()}")
        if not world.somebody_died(kill, status):
            problems.append("nobody has died")
        if status == 0 and now != new:
            problems.append("the run ended well, and its tables are not the new ones")
        world.run(after)
        rerun = world.read()
        if different := [name for name in new if rerun.get(name) != new[name]]:
            problems.append(f"not the same after the next run: {different}")
        problems += [f"left among the tables: {name}" for name in leftovers(world.folder / "tables")]
        outcome = "; ".join(problems) or "whole"
        tell(f"{number} {kill.victim} {kill.moment} {kill.place:.2f}: {status}, {len(switched)} switched, {outcome}")
        wrong += [f"{number} {kill}: {problem}" for problem in problems]
        before, after = after, before
    return wrong


def read_files(tables: Path) -> Tables:
    """The bytes of each published file, or of all files of a folder."""
    found: Tables = {}
    for path in sorted(tables.iterdir()):
        if not path.name.startswith("."):
            files = sorted(path.iterdir()) if path.is_dir() else [path]
            found[path.name.removesuffix(".parquet")] = {file.name: file.read_bytes() for file in files}
    return found


def read_delta(address: str, options: dict[str, str] | None = None) -> Tables:
    """The rows of each Delta table, sorted: it promises no order."""
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    found: Tables = {}
    for name in TABLES:
        try:
            table = DeltaTable(f"{address}/{name}", storage_options=options).to_pandas()
        except TableNotFoundError:
            continue
        ordered = table[sorted(table.columns)].astype(str)
        found[name] = sorted(ordered.itertuples(index=False, name=None))
    return found


@contextmanager
def made_world(store: str, database: Path) -> Iterator[World]:
    """A world whose tables are in this kind of store; `database` is an empty registry's."""
    folder = Path(tempfile.mkdtemp(prefix="kills"))
    try:
        registry = LocalRegistry(folder / "registry", database)
        features, target = load_iris(return_X_y=True, as_frame=True)
        for strength in (1.0, 0.01):
            registry.add_sklearn(LogisticRegression(C=strength, max_iter=500).fit(features, target), features)
        features.insert(0, "flower", [f"flower-{number:03d}" for number in range(len(features))])
        for state, first in (("a", 0), ("b", 1)):
            (folder / state).mkdir()
            for number in range(first, first + FILES):
                file = folder / state / f"{number}.parquet"
                if state == "b" and (folder / "a" / file.name).exists():
                    # The same file: its part is found again.
                    os.link(folder / "a" / file.name, file)
                else:
                    features.iloc[number * ROWS : (number + 1) * ROWS].to_parquet(file, index=False)
        with _store(store, folder, registry.uri) as world:
            yield world
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _store(store: str, folder: Path, registry: str) -> Iterator[World]:
    tables = folder / "tables"
    if store == "files":
        yield World(folder, registry, {"path": "tables"}, lambda: read_files(tables))
    elif store == "delta":
        outputs = {"path": "tables", "format": "delta"}
        yield World(folder, registry, outputs, lambda: read_delta(str(tables)))
    else:
        with s3_server() as endpoint:
            bucket = make_bucket(endpoint, "kills")
            given = {
                "AWS_ACCESS_KEY_ID": KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_REGION": "eu-north-1",
                "AWS_ALLOW_HTTP": "true",
            }
            environment = {
                "TEST_S3_KEY": KEY,
                "TEST_S3_SECRET": SECRET,
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_CONFIG_FILE": "/nonexistent",
                "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
            }
            at_store: dict[str, Any] = {"path": f"{bucket.url}/tables", "format": "delta"}
            at_store["storage_options"] = bucket.options
            yield World(folder, registry, at_store, lambda: read_delta(f"{bucket.url}/tables", given), environment)


def main(arguments: list[str]) -> int:
    """0 where every kill left whole tables."""
    from mlflow import MlflowClient

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", choices=[*STORES, "all"], default="files")
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--after", type=int, default=0, help="leave out so many of them")
    options = parser.parse_args(arguments)
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        database = Path(scratch) / "mlflow.db"
        MlflowClient(tracking_uri=f"sqlite:///{database}", registry_uri=f"sqlite:///{database}").search_experiments()
        for store in STORES if options.store == "all" else (options.store,):
            kills, said = plan(options.kills), []
            lot = IN_ONE_BUCKET if store == "s3" else len(kills)
            for first in range(options.after, len(kills), lot):
                with made_world(store, database) as world:
                    world.look_at_both_states()
                    said += check_workers(world) if store == "files" else []
                    said += check(world, kills[first : first + lot], lambda line: print(line, flush=True), first + 1)
            count = len(kills) - options.after
            failed = len({line.split()[0] for line in said})
            print(json.dumps({"store": store, "kills": count, "whole and mended": count - failed}), flush=True)
            wrong += said
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
