"""The new-version sensor: each newly registered version is validated, away from the published tables."""

from collections.abc import Mapping

import dagster as dg

from mlops_assets.errors import RegistryError, VersionNotFoundError
from mlops_assets.naming import REGISTRY, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.shared import shared_resource
from mlops_assets.sensors.moves import Memory
from mlops_assets.sensors.versions import new_versions
from mlops_assets.sensors.watch import last_run_key, skip_after_failure, skip_while_waiting
from mlops_assets.settings.sensors import SensorSettings

VERSION_TAG = "mlops_assets/version"


def new_version_sensor(
    names: ModelNames, settings: SensorSettings, defaults: Mapping[str, dg.ResourceDefinition]
) -> dg.SensorDefinition:
    """Launches the validation job once for each version that is registered after the sensor's first tick.

    One registry call a tick, and one more for each new version. Exactly once: the run key is the version's number and
    the time of its registration. Versions that carry a verdict already are passed over.
    """
    name = names.new_version_sensor

    @dg.sensor(
        name=name,
        # By name: a job that already has resources would make Dagster copy the sensor, with a beta warning.
        job_name=names.validation_job,
        default_status=settings.default_status,
        minimum_interval_seconds=settings.interval_seconds,
        description=f"Launches {names.validation_job} for each newly registered version of {names.model}; the verdict "
        "is written to the version's tags in MLflow. Switch it on to judge candidates before a promotion.",
    )
    @redact_errors
    def new_version(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        memory = Memory.read(context.cursor)
        if memory.wait > 0:
            return skip_while_waiting(memory)
        try:
            with shared_resource(context, REGISTRY, defaults) as registry:
                newest = newest_version(registry, names.model)
                last = None if memory.known else asked_last(context.instance, name)
                decision = new_versions(names.model, memory, newest, last)
                requests = [request for version in decision.versions if (request := _request(registry, names, version))]
        except RegistryError as error:
            return skip_after_failure(memory, error)
        context.log.info(decision.reason)
        if not requests:
            return dg.SensorResult(skip_reason=decision.reason, cursor=decision.memory.to_cursor())
        return dg.SensorResult(run_requests=requests, cursor=decision.memory.to_cursor())

    return new_version


def newest_version(registry: MlflowRegistry, model: str) -> int | None:
    """The highest version number of a model; one registry call."""
    numbers = [int(version.version) for version in registry.address().model(model).latest_versions]
    return max(numbers, default=None)


def asked_last(instance: dg.DagsterInstance, sensor_name: str) -> int | None:
    """The version for which this sensor launched its last run."""
    number = (last_run_key(instance, sensor_name) or "").rpartition("/v")[2].partition(":")[0]
    return int(number) if number.isascii() and number.isdigit() else None


def _request(registry: MlflowRegistry, names: ModelNames, number: int) -> dg.RunRequest | None:
    from mlops_assets.validation.verdict import TAG

    try:
        version = registry.address().version(names.model, number)
    except VersionNotFoundError:
        # Deleted before anybody looked.
        return None
    if TAG in version.tags:
        return None
    return dg.RunRequest(
        run_key=f"{names.model}/v{number}:{version.creation_timestamp}",
        run_config={"ops": {f"{names.slug}__validate": {"config": {"version": number}}}},
        tags={VERSION_TAG: str(number)},
    )
