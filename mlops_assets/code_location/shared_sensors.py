"""What the YAML files of one code location have together: one of them brings it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from weakref import WeakKeyDictionary

import dagster as dg

from mlops_assets.code_location.same_names import yaml_of
from mlops_assets.naming import ModelNames
from mlops_assets.sensors.dead_runs import dead_runs_sensor

# The YAML that brings the sensors, for each tree of components that is being loaded.
_BRINGS: "WeakKeyDictionary[object, str]" = WeakKeyDictionary()

_are_shared: ContextVar[bool] = ContextVar("mlops_assets_sensors_are_shared", default=False)


@contextmanager
def shared_sensors() -> Iterator[None]:
    """Within it, no model brings sensors of its own that its code location's YAML files share."""
    before = _are_shared.set(True)
    try:
        yield
    finally:
        _are_shared.reset(before)


def with_own_sensors(definitions: dg.Definitions, names: ModelNames) -> dg.Definitions:
    """The definitions of a model with the sensor that looks after its runs, unless this is shared."""
    if _are_shared.get():
        return definitions
    return dg.Definitions.merge(definitions, dg.Definitions(sensors=[dead_runs_sensor(names)]))


def with_shared_sensors(definitions: dg.Definitions, context: dg.ComponentLoadContext) -> dg.Definitions:
    """The definitions of a YAML; of the first one with the sensors that look after all models of its code location.

    Dagster refuses two sensors of one name, also where they are the same object (dagster 1.13.27).
    """
    place = yaml_of(context)
    if _BRINGS.setdefault(context.component_tree.state_tracker, place) != place:
        return definitions
    return dg.Definitions.merge(definitions, dg.Definitions(sensors=[dead_runs_sensor()]))
