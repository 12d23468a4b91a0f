"""What Dagster does anew for each run and tick, and would do alike: remembered, for it is most of a history's time.

Nothing of this package is left out or remembered here.
"""

import gc
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import dagster as dg
from dagster._config.pythonic_config import config, resource
from dagster._core.log_manager import DagsterLogManager
from dagster._core.storage.event_log.in_memory import InMemoryEventLogStorage
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.runs.in_memory import InMemoryRunStorage
from dagster._core.storage.runs.schema import KeyValueStoreTable, RunsTable, RunTagsTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from dagster._core.system_config.objects import ResolvedRunConfig
from sqlalchemy import Connection, Engine
from sqlalchemy.event import listen

from mlops_assets_tests.once import keep_connections

# What Dagster keeps of a run and nobody here reads.
UNREAD = frozenset(
    {
        "LOADED_INPUT",
        "STEP_INPUT",
        "STEP_OUTPUT",
        "HANDLED_OUTPUT",
        "STEP_START",
        "STEP_SUCCESS",
        "ENGINE_EVENT",
        "RESOURCE_INIT_STARTED",
        "RESOURCE_INIT_SUCCESS",
        "LOGS_CAPTURED",
    }
)

# What is stored at points that count, and no sensor or run asks for.
UNASKED = frozenset({"ASSET_MATERIALIZATION_PLANNED", "ASSET_CHECK_EVALUATION_PLANNED"})

_schemas: dict[object, Any] = {}
_configs: dict[object, Any] = {}
_answers: dict[Engine, dict[object, Any]] = {}
_ephemeral: dict[object, Any] = {}


def forget_answers_on_change(instance: dg.DagsterInstance) -> None:
    """Beside connections that are kept, what was asked before is remembered until something is written."""
    keep_connections(instance)
    for storage in (instance.event_log_storage, instance.run_storage):
        listen(storage._engine, "before_cursor_execute", _forget_answers)  # noqa: SLF001 - as `keep_connections`


def _forget_answers(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
    if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA")):
        _answers.pop(connection.engine, None)


def forget_runs(instance: dg.DagsterInstance) -> None:
    """All that was kept of runs and events; not what jobs look like, for that stays."""
    instance.event_log_storage.wipe()
    with instance.run_storage.connect() as connection:
        for table in (RunTagsTable, RunsTable, KeyValueStoreTable):
            connection.execute(table.delete())


@contextmanager
def quick_dagster() -> Iterator[None]:
    before = gc.get_threshold()
    # Looking for garbage is a tenth of a history's time.
    gc.set_threshold(50_000, 20, 50)
    with ExitStack() as stack:
        stack.callback(gc.set_threshold, *before)
        for target, name, replacement in _replacements():
            stack.enter_context(mock.patch.object(target, name, replacement))
        yield


def _replacements() -> Iterator[tuple[Any, str, Any]]:
    infer, build = config.infer_schema_from_config_class, ResolvedRunConfig.build
    log, ephemeral = DagsterLogManager.log_dagster_event, dg.JobDefinition.as_ephemeral_job
    updated = resource.ConfigurableResourceFactory._with_updated_values  # noqa: SLF001

    def infer_schema(
        kind: Any, description: str | None = None, fields_to_omit: set[str] | None = None, **more: Any
    ) -> Any:
        if more:
            return infer(kind, description, fields_to_omit, **more)
        key = (kind, description, frozenset(fields_to_omit or ()))
        return _remember(_schemas, key, lambda: infer(kind, description, fields_to_omit))

    def build_config(job_def: dg.JobDefinition, run_config: Any = None) -> Any:
        key = (job_def, json.dumps(run_config or {}, sort_keys=True))
        return _remember(_configs, key, lambda: build(job_def, run_config))

    def make_ephemeral(job: dg.JobDefinition, resource_defs: Any, input_values: Any, **more: Any) -> Any:
        if resource_defs or input_values or any(more.values()):
            return ephemeral(job, resource_defs, input_values, **more)
        return _remember(_ephemeral, job, lambda: ephemeral(job, resource_defs, input_values, **more))

    def update(itself: Any, values: Any) -> Any:
        bound = itself._state__internal__.resource_context is not None  # noqa: SLF001
        if bound and all(name in itself.__dict__ and itself.__dict__[name] == values[name] for name in values or {}):
            # A copy that nobody else has: see `bind`.
            return itself
        return updated(itself, values)

    def log_event(
        manager: DagsterLogManager, level: Any, msg: str, dagster_event: Any, *more: Any, **some: Any
    ) -> None:
        if dagster_event.event_type_value not in UNREAD:
            log(manager, level, msg, dagster_event, *more, **some)

    def set_level(manager: DagsterLogManager, level: int | str) -> None:
        # Else every logger of the process looks anew for its level, and none takes it from this one.
        manager.level = level if isinstance(level, int) else logging.getLevelNamesMapping()[level]
        manager._cache.clear()  # noqa: SLF001 - as `Logger.setLevel`

    def bind(itself: Any, context: Any) -> Any:
        # It is a copy already, and is copied once more.
        itself._state__internal__ = itself._state__internal__._replace(resource_context=context)  # noqa: SLF001
        return itself

    def remember_answers(ask: Callable[..., Any]) -> Callable[..., Any]:
        def answer(storage: Any, *arguments: Any, **options: Any) -> Any:
            key = (ask, repr(arguments), repr(options))
            known = _answers.setdefault(storage._engine, {})  # noqa: SLF001
            return list(_remember(known, key, lambda: ask(storage, *arguments, **options)))

        return answer

    @contextmanager
    def connect_to_runs(storage: InMemoryRunStorage) -> Iterator[Connection]:
        with storage._engine.begin() as connection:  # noqa: SLF001
            yield connection

    @contextmanager
    def connect_to_events(storage: InMemoryEventLogStorage) -> Iterator[Connection]:
        with storage._db_lock, storage._engine.begin() as connection:  # noqa: SLF001
            yield connection

    yield config, "infer_schema_from_config_class", infer_schema
    yield resource, "infer_schema_from_config_class", infer_schema
    yield ResolvedRunConfig, "build", staticmethod(build_config)
    yield DagsterLogManager, "log_dagster_event", log_event
    yield DagsterLogManager, "setLevel", set_level
    yield resource.ConfigurableResourceFactory, "with_replaced_resource_context", bind
    yield resource.ConfigurableResourceFactory, "_with_updated_values", update
    yield dg.JobDefinition, "as_ephemeral_job", make_ephemeral
    for kind, name in ((SqlRunStorage, "get_run_records"), (SqlEventLogStorage, "get_asset_records")):
        yield kind, name, remember_answers(vars(kind)[name])
    # Asked of the database with each run that is read.
    yield SqlRunStorage, "has_run_stats_index_cols", lambda _: True
    yield InMemoryRunStorage, "connect", connect_to_runs
    yield InMemoryEventLogStorage, "_connect", connect_to_events


def _remember(known: dict[object, Any], key: object, make: Callable[[], Any]) -> Any:
    if key not in known:
        known[key] = make()
    return known[key]
