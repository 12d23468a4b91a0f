"""All sensors of one model."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.resources.journal import journal_resource
from mlops_assets.sensors.automation import automation_sensors
from mlops_assets.sensors.candidate import candidate_sensor
from mlops_assets.sensors.champion import champion_sensor
from mlops_assets.sensors.inputs import inputs_sensor
from mlops_assets.sensors.new_version import new_version_sensor
from mlops_assets.sensors.notifications import notification_sensors
from mlops_assets.sensors.outcomes import outcomes_sensor
from mlops_assets.sensors.partitioned_inputs import partitioned_inputs_sensor
from mlops_assets.sensors.tracking import tracking_sensor
from mlops_assets.settings.model import ModelSettings

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def all_sensors(
    settings: ModelSettings,
    root: Path,
    inference: "UnresolvedAssetJobDefinition",
    explanations: "UnresolvedAssetJobDefinition",
    on_request: "Mapping[str, UnresolvedAssetJobDefinition]",
    resources: Mapping[str, dg.ResourceDefinition],
    defaults: Mapping[str, dg.ResourceDefinition],
) -> list[dg.SensorDefinition]:
    """Notifications; and what launches runs: sensors, or declarative automation in their place.

    `on_request`: name -> the jobs that the settings ask for.
    """
    names, alias, groups = settings.names, settings.alias, settings.sensors
    jobs = {"inference": inference, "explanations": explanations}
    sensors = notification_sensors(
        names, groups.notifications, list(jobs.values()), defaults, automated=settings.automation is not None
    )
    sensors.append(new_version_sensor(names, groups.new_version, defaults))
    if settings.tracking.enabled:
        sensors.append(tracking_sensor(names, groups.tracking, resources, defaults))
    if settings.outcomes is not None and settings.outcomes.path is not None:
        job = on_request[names.performance_job]
        sensors.append(outcomes_sensor(names, groups.outcomes, settings.outcomes, root, job, defaults))
    candidate = settings.explain.candidate_alias
    if candidate is not None:
        job, partitions = on_request[names.changes_job], settings.partitions_def
        sensors.append(candidate_sensor(names, candidate, groups.candidate, partitions, job, defaults))
    journal = journal_resource(names, settings.journal, settings.outputs, root)
    if settings.automation and alias is not None:
        return sensors + automation_sensors(names, alias, groups.automation, settings.inputs, journal, root, defaults)
    if alias is not None:
        job = jobs[groups.champion.job]
        sensors.append(
            champion_sensor(
                names, alias, groups.champion, journal, settings.partitions_def, settings.inputs, root, job, defaults
            )
        )
    if settings.inputs.path:
        job = jobs[groups.inputs.job]
        if settings.partitioning is None:
            sensors.append(
                inputs_sensor(names, groups.inputs, settings.inputs, settings.alias_or_version, root, job, defaults)
            )
        else:
            sensors.append(
                partitioned_inputs_sensor(
                    names,
                    groups.inputs,
                    settings.inputs,
                    settings.partitioning,
                    settings.alias_or_version,
                    root,
                    job,
                    defaults,
                )
            )
    return sensors
