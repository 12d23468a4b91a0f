"""The new-version sensor: each newly registered version is validated, away from the published tables."""

from collections.abc import Mapping
from dataclasses import replace

import dagster as dg

from mlops_assets.errors import RegistryError, VersionNotFoundError
from mlops_assets.models.registry_answers import time_of_registration
from mlops_assets.naming import REGISTRY, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.shared import shared_resource
from mlops_assets.sensors.alerts import alert_stale
from mlops_assets.sensors.moves import Memory
from mlops_assets.sensors.requests import MOVE_TAG, RUN_KEY_TAG, describe_ends, is_unfinished, last_runs, of_status
from mlops_assets.sensors.versions import Newest, NewVersions, VersionMemory, Waiting, is_due, new_versions
from mlops_assets.sensors.watch import now, skip_and_tell, skip_while_waiting
from mlops_assets.settings.sensors import RepeatingSensorSettings

VERSION_TAG = "mlops_assets/version"


def new_version_sensor(
    names: ModelNames, settings: RepeatingSensorSettings, defaults: Mapping[str, dg.ResourceDefinition]
) -> dg.SensorDefinition:
    """Launches the validation job once for each version that is registered after the sensor's first tick.

    One registry call a tick, and one more for each version that is new or has no verdict yet. Exactly once: the run key
    is the version's number and the time of its registration. Versions that carry a verdict already are passed over. A
    version whose validation has ended without one is validated again, `settings.retries` times, unless a person has
    canceled it; then people are told.
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
        memory, tell = VersionMemory.read(context.cursor), alert_stale(context, names, defaults)
        if memory.attempts.wait > 0:
            return _with_attempts(skip_while_waiting(memory.attempts), memory)
        try:
            with shared_resource(context, REGISTRY, defaults) as registry:
                newest = newest_version(registry, names.model)
                last = asked_last(context.instance, names.model) if memory.handled is None else None
                decision = new_versions(names.model, memory, newest, last)
                tick = _Tick(context, names, registry, settings.retries, decision)
                requests = [*tick.ask_for_new(), *tick.ask_again()]
        except RegistryError as error:
            return _with_attempts(skip_and_tell(memory.attempts, error, names.model, tell), memory)
        context.log.info(decision.reason)
        for number, reason in tick.given_up.items():
            context.log.warning(reason)
            if not tell(reason):
                tick.waiting[number] = decision.memory.waiting[number]
        cursor = replace(decision.memory, waiting=tick.waiting).to_cursor()
        if not requests:
            return dg.SensorResult(skip_reason=decision.reason, cursor=cursor)
        return dg.SensorResult(run_requests=requests, cursor=cursor)

    return new_version


class _Tick:
    """One look at the versions that are new, and at those that wait for a verdict.

    Attributes
    ----------
    waiting
        Those that will wait after this tick.
    given_up
        Version number -> why no more is asked for, for people.
    """

    def __init__(
        self,
        context: dg.SensorEvaluationContext,
        names: ModelNames,
        registry: MlflowRegistry,
        retries: int,
        decision: NewVersions,
    ) -> None:
        self.instance, self.names, self.registry, self.retries = context.instance, names, registry, retries
        self.new = decision.versions
        self.waiting: dict[int, Waiting] = dict(decision.memory.waiting)
        self.given_up: dict[int, str] = {}

    def ask_for_new(self) -> list[dg.RunRequest]:
        """A validation of each new version."""
        requests = []
        for number in self.new:
            registered = self._without_verdict(number)
            if registered is not None:
                self.waiting[number] = Waiting(registered, 1, now())
                requests.append(self._request(number, self.waiting[number]))
        return requests

    def ask_again(self) -> list[dg.RunRequest]:
        """Another validation of each version whose last one has brought no verdict; forgets those that have one."""
        requests = []
        for number, waiting in [(number, each) for number, each in self.waiting.items() if number not in self.new]:
            runs = last_runs(self.instance, self._move(number, waiting))
            if any(is_unfinished(run, now()) for run in runs.values()):
                self.waiting[number] = replace(waiting, since=now())
                continue
            if not is_due(waiting, now()):
                continue
            if self._without_verdict(number) != waiting.registered:
                del self.waiting[number]
            elif waiting.asked > self.retries or of_status(runs, dg.DagsterRunStatus.CANCELED):
                del self.waiting[number]
                end = describe_ends(self.instance, runs.values()) or "it is not known why"
                times = f"{waiting.asked} validation{'s' * (waiting.asked > 1)}"
                self.given_up[number] = (
                    f"{self.names.model} version {number} has no verdict after {times}: {end}. "
                    f"Nothing more is asked for: launch {self.names.validation_job} by hand"
                )
            else:
                again = replace(waiting, asked=waiting.asked + 1, since=now())
                self.waiting[number] = again
                requests.append(self._request(number, again))
        return requests

    def _without_verdict(self, number: int) -> int | None:
        """When a version was registered; None: it has a verdict, or was deleted before anybody looked."""
        from mlops_assets.validation.verdict import TAG

        try:
            version = self.registry.address().version(self.names.model, number)
        except VersionNotFoundError:
            return None
        return None if TAG in version.tags else time_of_registration(version) or 0

    def _move(self, number: int, waiting: Waiting) -> str:
        return f"{self.names.model}/v{number}:{waiting.registered}"

    def _request(self, number: int, waiting: Waiting) -> dg.RunRequest:
        move = self._move(number, waiting)
        return dg.RunRequest(
            run_key=move if waiting.asked == 1 else f"{move}:again{waiting.asked - 1}",
            run_config={"ops": {f"{self.names.slug}__validate": {"config": {"version": number}}}},
            tags={VERSION_TAG: str(number), MOVE_TAG: move},
        )


def newest_version(registry: MlflowRegistry, model: str) -> Newest:
    """The newest version of a model; one registry call."""
    registered = registry.address().model(model)
    versions = [(int(each.version), time_of_registration(each) or 0) for each in registered.latest_versions]
    return Newest(*max(versions, default=(0, 0)), model_registered=int(registered.creation_timestamp or 0))


def asked_last(instance: dg.DagsterInstance, model: str) -> int | None:
    """The highest version for which a validation was ever asked for."""
    prefix = f"{model}/v"
    tags = instance.get_run_tags([RUN_KEY_TAG], value_prefix=prefix)
    numbers = [key.removeprefix(prefix).partition(":")[0] for _, keys in tags for key in keys if key.startswith(prefix)]
    return max((int(number) for number in numbers if number.isascii() and number.isdigit()), default=None)


def _with_attempts(result: dg.SensorResult, memory: VersionMemory) -> dg.SensorResult:
    """`result` of an attempt, with what is remembered of versions kept in its cursor."""
    cursor = replace(memory, attempts=Memory.read(result.cursor)).to_cursor()
    return dg.SensorResult(skip_reason=result.skip_reason, cursor=cursor)
