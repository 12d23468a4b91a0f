"""All sensors of one model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.family import Family
from mlops_assets.sensors.automation import automation_sensors
from mlops_assets.sensors.champion import champion_sensor
from mlops_assets.sensors.inputs import inputs_sensor
from mlops_assets.sensors.new_version import new_version_sensor
from mlops_assets.sensors.notifications import notification_sensors
from mlops_assets.sensors.partitioned_inputs import partitioned_inputs_sensor
from mlops_assets.sensors.tracking import tracking_sensor

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def family_sensors(
    family: Family,
    inference: "UnresolvedAssetJobDefinition",
    explanations: "UnresolvedAssetJobDefinition",
    resources: Mapping[str, dg.ResourceDefinition],
) -> list[dg.SensorDefinition]:
    """Notifications; and what launches runs: sensors, or declarative automation in their place."""
    settings, alias = family.settings, family.settings.alias_or_version
    jobs = {"inference": inference, "explanations": explanations}
    sensors = notification_sensors(
        family, settings.sensors.notifications, jobs.values(), automated=bool(settings.automation)
    )
    sensors.append(new_version_sensor(family))
    if settings.tracking.enabled:
        sensors.append(tracking_sensor(family, settings.sensors.tracking, resources))
    if settings.automation and isinstance(alias, str):
        return sensors + automation_sensors(family, alias)
    if isinstance(alias, str):
        sensors.append(champion_sensor(family, alias, jobs[settings.sensors.champion.job]))
    if settings.inputs.path:
        sensor = inputs_sensor if family.partitions is None else partitioned_inputs_sensor
        sensors.append(sensor(family, jobs[settings.sensors.inputs.job]))
    return sensors
