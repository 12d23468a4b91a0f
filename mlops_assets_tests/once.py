"""What every test would do again, done once: nothing of it depends on the test."""

import gc
from functools import cache
from typing import Any

import dagster as dg
from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._config.pythonic_config import config, resource
from dagster._core.definitions import scoped_resources_builder
from sqlalchemy import create_engine
from sqlalchemy.pool import QueuePool


def freeze_imports() -> None:
    """What has been imported stays: the garbage collector, which took a tenth of the time, looks at it no more.

    And less often at the rest.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


@cache
def read_migrations_once() -> None:
    """MLflow and Dagster read some hundred migration scripts for each database that they open: here for the first."""
    read = ScriptDirectory.from_config
    directories: dict[tuple[Any, ...], ScriptDirectory] = {}

    def read_once(config: Config) -> ScriptDirectory:
        place = tuple(config.get_main_option(name) for name in ("script_location", "version_locations"))
        if place not in directories:
            directories[place] = read(config)
        return directories[place]

    ScriptDirectory.from_config = staticmethod(read_once)  # type: ignore[method-assign]


@cache
def read_resources_once() -> None:
    """Dagster reads the fields of a resource's class whenever one is made, and makes a class for each step's resources.

    Both follow from the class and from the names alone.
    """
    infer = config.infer_schema_from_config_class
    schemas: dict[object, Any] = {}

    def infer_once(
        kind: Any, description: str | None = None, fields_to_omit: set[str] | None = None, **more: Any
    ) -> Any:
        if more:
            return infer(kind, description, fields_to_omit, **more)
        key = (kind, description, frozenset(fields_to_omit or ()))
        if key not in schemas:
            schemas[key] = infer(kind, description, fields_to_omit)
        return schemas[key]

    for module in (config, resource):
        module.infer_schema_from_config_class = infer_once
    make: Any = scoped_resources_builder.namedtuple

    @cache
    def make_once(name: str, fields: tuple[str, ...]) -> Any:
        return make(name, fields)

    scoped_resources_builder.namedtuple = lambda name, fields: make_once(name, tuple(fields))  # type: ignore[assignment,misc]


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Dagster's storages in memory open a connection for each statement."""
    for storage in (instance.event_log_storage, instance.run_storage):
        old = storage._engine  # noqa: SLF001 - in-memory storages have no setting for it
        storage._engine = create_engine(  # noqa: SLF001
            old.url, poolclass=QueuePool, connect_args={"check_same_thread": False}
        )
