"""Simulated time: what this package and Dagster take for now."""

import datetime as real_datetime
import sys
import time as real_time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from types import ModuleType
from typing import Any
from unittest import mock

# Of Dagster: where a step waits until it is tried again.
WAITING = frozenset({"dagster._core.execution.plan.active"})

# Of MLflow: what says when a version was registered.
MLFLOW_STORES = ("mlflow.store.model_registry.sqlalchemy_store",)


class Clock:
    """A clock that moves when it is told to, also backwards; who sleeps moves it."""

    def __init__(self, start: float) -> None:
        self.now = start

    def advance(self, seconds: float) -> None:
        self.now += seconds

    @contextmanager
    def installed(self) -> Iterator[None]:
        """In place of the real one, in every module of this package that has one and in Dagster."""
        from dagster import _time as dagster_time

        clock = self

        class SimulatedDatetime(real_datetime.datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return real_datetime.datetime.fromtimestamp(clock.now, tz)

        time = ModuleType("time")
        time.__dict__.update(
            {**vars(real_time), "time": lambda: clock.now, "monotonic": lambda: clock.now, "sleep": clock.advance}
        )
        with mock.patch.multiple(
            dagster_time,
            _mockable_get_current_timestamp=lambda: clock.now,
            _mockable_get_current_datetime=lambda: SimulatedDatetime.now(real_datetime.UTC),
        ):
            patches: list[Any] = []
            # No two of MLflow's times are the same, as with its own clock; a history that is played again has the same.
            ticks = count()

            def millis() -> int:
                return int(clock.now * 1000) + next(ticks)

            patches += [mock.patch(f"{store}.get_current_time_millis", millis) for store in MLFLOW_STORES]
            for name in [name for name in sys.modules if name.startswith("mlops_assets.") or name in WAITING]:
                module = sys.modules[name]
                if vars(module).get("datetime") is real_datetime.datetime:
                    patches.append(mock.patch.object(module, "datetime", SimulatedDatetime))
                if vars(module).get("time") is real_time:
                    patches.append(mock.patch.object(module, "time", time))
            for patch in patches:
                patch.start()
            try:
                yield
            finally:
                for patch in patches:
                    patch.stop()
