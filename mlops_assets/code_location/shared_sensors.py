"""What the YAML files of one code location have together: one of them brings it."""

from weakref import WeakKeyDictionary

import dagster as dg

from mlops_assets.code_location.same_names import yaml_of
from mlops_assets.sensors.dead_runs import dead_runs_sensor

# The YAML that brings the sensors, for each tree of components that is being loaded.
_BRINGS: "WeakKeyDictionary[object, str]" = WeakKeyDictionary()


def with_shared_sensors(definitions: dg.Definitions, context: dg.ComponentLoadContext) -> dg.Definitions:
    """The definitions of a YAML; of the first one with the sensors that look after all models of its code location.

    Dagster refuses two sensors of one name, also where they are the same object (dagster 1.13.27).
    """
    place = yaml_of(context)
    if _BRINGS.setdefault(context.component_tree.state_tracker, place) != place:
        return definitions
    return dg.Definitions.merge(definitions, dg.Definitions(sensors=[dead_runs_sensor()]))
