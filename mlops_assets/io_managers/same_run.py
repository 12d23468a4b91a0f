"""Never a mixture of two runs: a step reads what its own run made, and that is still published when the step publishes.

Two runs of one model at once write the same files. Those of the model's own jobs wait for each other (see
`mlops_assets.resources.run_lock`); where they cannot (several machines, steps in processes of their own, an asset
materialized by hand) the one whose tables were replaced fails, and the other one's remain.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import dagster as dg

from mlops_assets.errors import ConcurrentRunError, TableError, list_some, strip_ends
from mlops_assets.storage.location import Location
from mlops_assets.storage.locks import lock_file
from mlops_assets.storage.os_errors import translate_os_errors

if TYPE_CHECKING:
    from dagster._core.execution.context.system import StepExecutionContext

SWITCH = ".mlops_assets.switch"
_FIX = "Run again; docs/operate.md says how to make runs of one model wait for each other"


# Partition (None: the asset has none) -> the version of its file; None where the file records none, or is not there.
Versions = Mapping[str | None, str | None]
# Runs of other partitions may publish while one summarises them all: it reads them again.
MOST_RETRIES, SECONDS_TO_WAIT = 5, 1.0
# Steps may run on another machine, with another clock, than the one that has written when the run began.
SECONDS_OF_SKEW, EVENTS_AT_ONCE = 3_600.0, 100


@dataclass(frozen=True)
class _SeenTable:
    """What a step has read or published of one asset, and how to look again."""

    key: dg.AssetKey
    versions: Versions
    now: Callable[[], Versions]
    several: bool = False


_steps: "WeakKeyDictionary[StepExecutionContext, list[_SeenTable]]" = WeakKeyDictionary()


def version_of(materialization: dg.AssetMaterialization) -> str | None:
    """The data version that a materialization recorded."""
    return (materialization.tags or {}).get("dagster/data_version")


def note_read(
    context: dg.InputContext,
    now: Callable[[], Versions],
    recorded: Callable[[dg.AssetMaterialization], str | None] = version_of,
    *,
    several: bool = False,
) -> None:
    """Note what a step is about to read, and refuse it where its own run has made something else.

    Parameters
    ----------
    now
        The versions of what is published at the moment.
    recorded
        The version in a materialization of this asset.
    several
        Partitions of other runs are read as well, which may publish them meanwhile.

    Raises
    ------
    ConcurrentRunError
        Another run replaced a file since this run published it.
    """
    try:
        step = context.step_context
    except dg.DagsterInvariantViolationError:
        # Read outside of a run, in a notebook for example.
        return
    seen = _SeenTable(context.asset_key, now(), now, several)
    for materialization in _made_by_run(context.instance, step.run_id, seen):
        made, read = recorded(materialization), seen.versions.get(materialization.partition)
        if made is not None and read is not None and made != read:
            raise ConcurrentRunError(
                "Another run has replaced what this run had made",
                where=_name(seen.key, materialization.partition),
                fix=_FIX,
            )
    _steps.setdefault(step, []).append(seen)


@dataclass(frozen=True)
class _RunHere:
    """A run of which this process executes steps, and what these have found: of that, nothing changes any more."""

    run_id: str
    # What it made is recorded after this.
    after: float | None
    found: dict[tuple[dg.AssetKey, str | None], tuple[dg.AssetMaterialization, ...]]

    @classmethod
    def look_up(cls, instance: dg.DagsterInstance, run_id: str) -> "_RunHere":
        record = instance.get_run_record_by_id(run_id)
        return cls(run_id, None if record is None else record.create_timestamp.timestamp() - SECONDS_OF_SKEW, {})


_runs: "WeakKeyDictionary[dg.DagsterInstance, _RunHere]" = WeakKeyDictionary()


def _made_by_run(instance: dg.DagsterInstance, run_id: str, seen: _SeenTable) -> tuple[dg.AssetMaterialization, ...]:
    """What a run has materialized of one asset, asked for once: many steps read the same tables."""
    run = _runs.get(instance)
    if run is None or run.run_id != run_id:
        run = _runs[instance] = _RunHere.look_up(instance, run_id)
    if len(seen.versions) != 1:
        return tuple(find_made(instance, run, seen.key, None))
    (partition,) = seen.versions
    # What is not there yet may come.
    if not run.found.get((seen.key, partition)):
        run.found[seen.key, partition] = tuple(find_made(instance, run, seen.key, partition))
    return run.found[seen.key, partition]


def find_made(
    instance: dg.DagsterInstance, run: _RunHere, key: dg.AssetKey, partition: str | None
) -> Iterator[dg.AssetMaterialization]:
    """Found by the asset and the run's time, not among all events of the run: these are many, of every asset."""
    wanted = dg.AssetRecordsFilter(
        key, asset_partitions=None if partition is None else [partition], after_timestamp=run.after
    )
    cursor: str | None = None
    while True:
        found = instance.fetch_materializations(wanted, limit=EVENTS_AT_ONCE, cursor=cursor)
        for record in found.records:
            materialization = record.asset_materialization
            if record.run_id == run.run_id and materialization is not None:
                yield materialization
        if not found.has_more:
            return
        cursor = found.cursor


def note_published(context: dg.OutputContext, now: Callable[[], Versions]) -> None:
    """Note what a step has published, for what the same step publishes after it."""
    _steps.setdefault(context.step_context, []).append(_SeenTable(context.asset_key, now(), now))


@contextmanager
def guard_switch(context: dg.OutputContext, folder: Location) -> Iterator[None]:
    """Enclose the moment in which a new file takes its place; locally one writer at a time.

    Raises
    ------
    ConcurrentRunError
        What the step has read or published before is no longer what is published.
    RetryRequested
        The same of a step that read several partitions: it is run again.
    """
    with _lock_switch(folder):
        refuse_replaced(context)
        yield


def refuse_replaced(context: dg.OutputContext) -> None:
    """Raise where what the step has read or published before is no longer what is published; see `guard_switch`."""
    for seen in _steps.get(context.step_context, ()):
        now = seen.now()
        if now == seen.versions:
            continue
        if seen.several and context.step_context.previous_attempt_count < MOST_RETRIES:
            raise dg.RetryRequested(max_retries=MOST_RETRIES, seconds_to_wait=SECONDS_TO_WAIT)
        changed = [key for key in {*now, *seen.versions} if now.get(key) != seen.versions.get(key)]
        raise ConcurrentRunError(
            "Another run has replaced what this step was made from", where=_name(seen.key, changed[0]), fix=_FIX
        )


@contextmanager
def name_published(context: dg.OutputContext) -> Iterator[None]:
    """Enclose a publish: where it fails, the error says which tables of this run are published already.

    They and the table that failed are of different runs, until one succeeds.
    """
    try:
        yield
    except ConcurrentRunError:
        raise
    except TableError as error:
        made = dict.fromkeys(_name(key, partition) for key, partition in _materialized(context))
        if not made:
            raise
        asset = _name(context.asset_key, context.partition_key if context.has_asset_partitions else None)
        remedy = (
            f"{strip_ends(error.fix or 'Correct it')}, and run again: {asset} is as it was before this run, and this "
            f"run has published {list_some(tuple(made))}"
        )
        raise type(error)(error.what, where=error.where, fix=remedy) from error.__cause__


def _materialized(context: dg.OutputContext) -> Iterator[tuple[dg.AssetKey, str | None]]:
    """What the run of this step has published of the same model so far."""
    cursor: str | None = None
    while True:
        found = context.step_context.instance.get_records_for_run(
            context.run_id, cursor, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION, limit=EVENTS_AT_ONCE
        )
        for record in found.records:
            materialization = record.asset_materialization
            if materialization is not None and materialization.asset_key.path[:-1] == context.asset_key.path[:-1]:
                yield materialization.asset_key, materialization.partition
        if not found.has_more:
            return
        cursor = found.cursor


def _name(key: dg.AssetKey, partition: str | None) -> str:
    return "/".join([*key.path, *([partition] if partition is not None else [])])


@contextmanager
def _lock_switch(folder: Location) -> Iterator[None]:
    if not folder.is_local:
        yield
        return
    with translate_os_errors(folder):
        Path(folder.address).mkdir(parents=True, exist_ok=True)
    with lock_file(Path(folder.address) / SWITCH):
        yield
