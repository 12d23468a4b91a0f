"""Faults planted into the package at run time: a simulator that does not find them proves nothing.

`python -m mlops_assets_tests.simulation.planted` looks for each of them, and ends with 1 where one is missed.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa

from mlops_assets.io_managers import champion as champion_store
from mlops_assets.io_managers import same_run, tables
from mlops_assets.journal import entry as journal_entry
from mlops_assets.journal import journal
from mlops_assets.models import model_source
from mlops_assets.models.process_cache import ProcessCache
from mlops_assets.resources import run_lock
from mlops_assets.sensors import champion, holds, inputs, moves, watch
from mlops_assets.storage import location
from mlops_assets.storage.location import Location
from mlops_assets.tables.table_writer import TableWriter
from mlops_assets_tests.simulation.history import Outcome, make_history, make_stage, play
from mlops_assets_tests.simulation.world import Stage, silence

MOST_SEEDS = 150


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes
    ----------
    plant
        Patches: (where, name, what takes its place given what was there).
    focus
        Events that come more often in the histories that look for it.
    """

    name: str
    plant: tuple[tuple[Any, str, Callable[[Any], Any]], ...]
    focus: tuple[str, ...] = ()

    @contextmanager
    def planted(self) -> Iterator[None]:
        with ExitStack() as stack:
            for where, name, replacement in self.plant:
                stack.enter_context(mock.patch.object(where, name, replacement(vars(where)[name])))
            yield


def find(fault: Fault, stage: Stage, most: int = MOST_SEEDS) -> tuple[int, Outcome | None]:
    """How many histories were played until one failed, and how it did; None where none of them did."""
    with fault.planted():
        for seed in range(1, most + 1):
            outcome = play(make_history(seed, focus=fault.focus), stage)
            if not outcome.holds:
                return seed, outcome
    return most, None


# -- what is planted


def _no_rename_of(name: str) -> Callable[[Any], Any]:
    def plant(move: Any) -> Any:
        def move_to(self: Location, target: Location) -> None:
            if target.name != name:
                move(self, target)

        return move_to

    return plant


def _switch_before_flush(_: Any) -> Any:
    def move_to(self: Location, target: Location) -> None:
        Path(self.address).replace(target.address)
        location.flush_to_disk(str(Path(target.address).parent))
        location.flush_to_disk(target.address)

    return move_to


def _never_flush(_: Any) -> Any:
    def move_to(self: Location, target: Location) -> None:
        Path(self.address).replace(target.address)

    return move_to


def _in_place(_: Any) -> Any:
    @contextmanager
    def open_draft(self: Location, target: Location | None = None) -> Iterator[pa.NativeFile]:
        Path(self.address).parent.mkdir(parents=True, exist_ok=True)
        with self.filesystem.open_output_stream(self.path, compression=None) as sink:
            yield sink

    return open_draft


def _without_last_row(name: str) -> Callable[[Any], Any]:
    def plant(write: Any) -> Any:
        def lossy(self: TableWriter, reader: pa.RecordBatchReader, place: Location, *more: Any, **options: Any) -> Any:
            if place.name == name:
                table = reader.read_all()
                reader = table.slice(0, max(0, table.num_rows - 1)).to_reader()
            return write(self, reader, place, *more, **options)

        return lossy

    return plant


def _with_a_row_twice(write: Any) -> Any:
    def doubling(self: TableWriter, reader: pa.RecordBatchReader, place: Location, *more: Any, **options: Any) -> Any:
        if place.name == "predictions":
            table = reader.read_all()
            reader = pa.concat_tables([table, table.slice(0, 1)]).combine_chunks().to_reader()
        return write(self, reader, place, *more, **options)

    return doubling


def _same_number(next_name: Any) -> Any:
    return lambda names: names[-1] if len(names) > 2 else next_name(names)


def _no_previous(_: Any) -> Any:
    return lambda self: journal_entry_to_line(replace(self, previous_version=None))


journal_entry_to_line = journal_entry.JournalEntry.to_line


def _found_by_name_alone(_: Any) -> Any:
    # A version number alone would do: the journal refuses other files under a number that it knows.
    cache: ProcessCache[Any, Any] = ProcessCache()
    return lambda reference, strategy, make: cache.get(reference.name, make)


def _reads_the_alias_again(load: Any) -> Any:
    # Where the reference itself is read again, the guard against mixtures refuses what comes of it.
    def load_what_is_champion_now(self: champion_store.ChampionIOManager, reference: Any, *trust: Any) -> Any:
        return load(self, self.registry.pin("m", reference.alias or 1, self.trust), *trust)

    return load_what_is_champion_now


def _stale(look: Any) -> Any:
    answers: dict[Any, Any] = {}

    def remembered(registry: Any, model: str, alias: str) -> Any:
        if alias not in answers:
            answers[alias] = look(registry, model, alias)
        return answers[alias]

    return remembered


def _failure_is_nothing(look: Any) -> Any:
    def swallow(*arguments: Any) -> Any:
        try:
            return look(*arguments)
        except champion.MlopsAssetsError:
            return None

    return swallow


def _names_alone(_: Any) -> Any:
    return lambda settings, root: settings.location(root).files() and "-".join(settings.location(root).files())


def _reuses_keys(_: Any) -> Any:
    return lambda memory, token, asked: 1


def _counts_from_the_cursor(_: Any) -> Any:
    return lambda memory, token, asked: memory.moves + 1


FAULTS = (
    Fault("a table's rename is dropped", ((Location, "move_to", _no_rename_of("predictions.parquet")),)),
    Fault(
        "the rename of rejected rows is dropped", ((Location, "move_to", _no_rename_of("rejected_samples.parquet")),)
    ),
    Fault("nothing is flushed", ((Location, "move_to", _never_flush),), ("run_broken", "run_broken_at")),
    Fault("the file is flushed after the switch", ((Location, "move_to", _switch_before_flush),), ("run_broken_at",)),
    Fault("tables are written in place", ((Location, "open_draft", _in_place),), ("run_broken_at", "at made")),
    Fault("a rejected row is dropped", ((TableWriter, "write", _without_last_row("rejected_samples")),)),
    Fault("an accepted row is dropped", ((TableWriter, "write", _without_last_row("input_samples")),)),
    Fault("a prediction is published twice", ((TableWriter, "write", _with_a_row_twice),)),
    Fault("a number of the journal is given twice", ((journal, "_next_name", _same_number),), ("promote", "tick")),
    Fault("the journal forgets the version before", ((journal_entry.JournalEntry, "to_line", _no_previous),)),
    Fault(
        "the journal is not locked",
        ((journal, "lock_folder", lambda _: lambda folder: nullcontext()),),
        ("meanwhile_at", "at 00000", "meanwhile promote_and_tick", "register"),
    ),
    Fault(
        "runs do not take turns",
        ((run_lock, "lock_file", lambda _: lambda *arguments: nullcontext()),),
        ("meanwhile_at", "at predictions", "meanwhile rival"),
    ),
    Fault(
        "leftovers stay",
        ((run_lock, "sweep_folder", lambda _: lambda *arguments: ()),),
        ("run_broken_at", "at flush", "at made"),
    ),
    Fault(
        "mixtures are not refused",
        (
            (same_run, "refuse_replaced", lambda _: _do_nothing),
            (tables, "refuse_replaced", lambda _: _do_nothing),
            (same_run, "_made_by_run", lambda _: lambda *arguments: iter(())),
        ),
        ("switch_executor", "meanwhile_at", "at predictions", "meanwhile promote_and_rival", "register"),
    ),
    Fault(
        "a loaded model is found by its name alone",
        ((model_source, "load_once", _found_by_name_alone),),
        ("promote", "register", "tick"),
    ),
    Fault(
        "the alias is read again by each step",
        ((champion_store.ChampionIOManager, "load", _reads_the_alias_again),),
        ("meanwhile_at", "at store ASSET_MATERIALIZATION", "meanwhile promote", "register"),
    ),
    Fault("the sensor asks a stale cache", ((champion, "champion_token", _stale),), ("promote", "tick")),
    Fault(
        "a failed look is taken for an empty registry",
        ((champion, "champion_token", _failure_is_nothing),),
        ("outage", "tick"),
    ),
    Fault("files are compared by their names", ((inputs, "inputs_token", _names_alone),)),
    Fault("a run key is used again", ((moves, "next_count", _reuses_keys),), ("promote", "tick")),
    Fault(
        "moves are counted by the cursor alone",
        ((moves, "next_count", _counts_from_the_cursor),),
        ("old_cursor", "reset_cursor", "promote", "tick"),
    ),
    Fault(
        "what failed is not asked for again", ((watch, "reconcile", lambda _: _rest),), ("run_broken", "run_broken_at")
    ),
    Fault(
        "one failure backs off for a day",
        ((moves, "ticks_to_wait", lambda _: lambda failures: 1_440),),
        ("outage", "tick_broken"),
    ),
    Fault(
        "an empty folder is an error",
        ((holds, "may_be_empty", lambda _: lambda place: False),),
        ("empty_folder", "tick"),
    ),
)


def _do_nothing(*arguments: Any, **options: Any) -> None:
    return


def _rest(subject: str, memory: Any, token: Any, *arguments: Any, **options: Any) -> Any:
    return moves.Decision(replace(memory, failures=0, wait=0), None, moves.describe_rest(subject, token), False)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m mlops_assets_tests.simulation.planted", description=__doc__)
    parser.add_argument("numbers", nargs="*", type=int, help="of the faults to look for; all by default")
    parser.add_argument("--most", type=int, default=MOST_SEEDS, help="histories that are played for each")
    arguments = parser.parse_args()
    silence()
    stage, missed = make_stage(), 0
    for number in arguments.numbers or range(1, len(FAULTS) + 1):
        fault = FAULTS[number - 1]
        began = time.process_time()
        seeds, outcome = find(fault, stage, arguments.most)
        missed += outcome is None
        said = f"{seeds:>3} histories: {outcome.violations[0][:90]}" if outcome else f"NOT FOUND in {seeds} histories"
        print(f"{number:>2} {fault.name:<48} {time.process_time() - began:>4.0f} s {said}", flush=True)
    print(f"{missed} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
