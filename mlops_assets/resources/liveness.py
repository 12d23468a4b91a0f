"""A run shows that it lives: which process it is, a lock that the process holds, a heartbeat in Dagster's storage.

Dagster's default launcher cannot tell whether a run's process still exists once its code server is gone.
`mlops_assets.sensors.dead_runs` reads what is written here.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import wraps
from pathlib import Path
from typing import Self, TypeVar

import dagster as dg
from dagster._core.events import EngineEventData  # no public name (dagster 1.13.27)

from mlops_assets.process_identity import ProcessIdentity, own_identity, parent_identity
from mlops_assets.storage.locks import hold

LOG = logging.getLogger("mlops_assets")

LIVENESS = "mlops_assets/liveness"
"""The metadata of the engine event that says where a run lives."""

SECONDS_BETWEEN_BEATS = 20.0
FOLDER = "mlops_assets_liveness"
_KEYS_IN_USE = set[str]()

Config = TypeVar("Config", bound=dg.Config)


@dataclass(frozen=True)
class Liveness:
    """Where one process of a run lives.

    Attributes
    ----------
    model
        What the model's assets are named after.
    process, parent
        The process that executes steps, and the one that started it: with the multiprocess executor the run's worker.
    lock
        The file that the process holds while it executes steps; None: none could be made.
    folder
        Device and inode of the lock's folder: another folder of the same name has others.
    heartbeat
        The key of the heartbeat among Dagster's cursor values.
    silent_seconds
        How long no heartbeat may come before the process counts as dead where it cannot be seen.
    """

    model: str
    process: ProcessIdentity
    parent: ProcessIdentity
    lock: str | None
    folder: tuple[int, int] | None
    heartbeat: str
    silent_seconds: float

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` made.

        Raises
        ------
        ValueError, TypeError, KeyError
            The text is something else.
        """
        fields = json.loads(text)
        folder = fields.pop("folder")
        return cls(
            process=ProcessIdentity(**fields.pop("process")),
            parent=ProcessIdentity(**fields.pop("parent")),
            folder=None if folder is None else (int(folder[0]), int(folder[1])),
            **fields,
        )


@contextmanager
def show_life(
    instance: dg.DagsterInstance | None, run: dg.DagsterRun | None, model: str, silent_seconds: float
) -> Iterator[None]:
    """Within: the process holds a lock and sends heartbeats for the run; nothing for runs that nobody else can see."""
    if instance is None or run is None or instance.is_ephemeral:
        yield
        return
    process = own_identity()
    with ExitStack() as stack:
        key = _reserve_key(process, stack)
        lock = _hold_lock(Path(instance.root_directory) / FOLDER / f"{run.run_id}.{process.pid}.{key[-1]}", stack)
        folder = (lock.parent.stat().st_dev, lock.parent.stat().st_ino) if lock else None
        living = Liveness(model, process, parent_identity(), str(lock) if lock else None, folder, key, silent_seconds)
        _beat(instance, run.run_id, key)
        instance.report_engine_event(
            f"Process {process.pid} on {process.host.partition('/')[0]} executes steps of {model}",
            run,
            EngineEventData({LIVENESS: dg.MetadataValue.text(living.to_json())}),
        )
        stack.enter_context(_beating(instance, run.run_id, key))
        yield


def executed_alive(
    model: str, silent_seconds: float
) -> "Callable[[Callable[[dg.OpExecutionContext, Config], None]], Callable[[dg.OpExecutionContext, Config], None]]":
    """A decorator for the function of an op that is a whole job: its process shows that it lives."""

    def decorate(
        function: "Callable[[dg.OpExecutionContext, Config], None]",
    ) -> "Callable[[dg.OpExecutionContext, Config], None]":
        @wraps(function)
        def execute(context: dg.OpExecutionContext, config: Config) -> None:
            with show_life(context.instance, context.run, model, silent_seconds):
                function(context, config)

        return execute

    return decorate


def read_beat(values: Mapping[str, str], key: str, run_id: str) -> str:
    """The last heartbeat of a run among cursor values; empty where the key has none of it."""
    value = values.get(key, "")
    return value if value.startswith(f"{run_id} ") else ""


def _reserve_key(process: ProcessIdentity, stack: ExitStack) -> str:
    """A key that is used again by later processes of this number: Dagster's storage has no way to delete one."""
    number = 0
    while (key := f"mlops_assets/heartbeat/{process.host}/{process.pid}/{number}") in _KEYS_IN_USE:
        number += 1
    _KEYS_IN_USE.add(key)
    stack.callback(_KEYS_IN_USE.discard, key)
    return key


def _hold_lock(path: Path, stack: ExitStack) -> Path | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stack.enter_context(hold(path))
    except (OSError, NotImplementedError) as error:
        LOG.warning("No lock can be held in %s (%s); heartbeats alone show that this run lives", path.parent, error)
        return None
    return path


def _beat(instance: dg.DagsterInstance, run_id: str, key: str) -> None:
    instance.daemon_cursor_storage.set_cursor_values({key: f"{run_id} {time.time():.3f}"})


@contextmanager
def _beating(instance: dg.DagsterInstance, run_id: str, key: str) -> Iterator[None]:
    """Heartbeats from a thread, until the block ends."""
    ended = threading.Event()

    def beat_on() -> None:
        failed = False
        while not ended.wait(SECONDS_BETWEEN_BEATS):
            try:
                _beat(instance, run_id, key)
                failed = False
            except Exception as error:  # noqa: BLE001 - a storage that is away for a minute must not stop the beats
                if not failed:
                    LOG.warning("A heartbeat could not be stored: %s: %s", type(error).__name__, error)
                failed = True

    thread = threading.Thread(target=beat_on, name="mlops_assets heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
