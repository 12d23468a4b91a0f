"""One deployment: a registry, a landing folder, tables, a Dagster instance, its daemon and its runs."""

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol
from unittest import mock

import dagster as dg

from mlops_assets.component import build_model_definitions
from mlops_assets.models import process_cache, working_copy
from mlops_assets.resources.defaults import default_resources
from mlops_assets.resources.notifier import Notifier
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets_tests.simulation.clock import Clock
from mlops_assets_tests.simulation.models import MODEL, Rows, SimulatedRegistry, merge
from mlops_assets_tests.simulation.quick import forget_answers_on_change, forget_runs
from mlops_assets_tests.simulation.seams import Killed, Plan, Process, Seams, WouldWait

START = 1_800_000_000.0
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
CHAMPION, INPUTS, NEW_VERSION = "m_champion_sensor", "m_inputs_sensor", "m_new_version_sensor"
SENSORS = (INPUTS, CHAMPION, NEW_VERSION)
SENSOR_TAG, KEY_TAG = "dagster/sensor_name", "dagster/run_key"


@dataclass(frozen=True)
class Yaml:
    """What people have written into the model's YAML."""

    alias: str = "Champion"
    folder: str = "data/a"
    executor: str = "in_process"
    explains: bool = False


@dataclass
class Request:
    """A run that a sensor asked for."""

    sensor: str
    key: str
    # What was there when it was asked for: more than a token says.
    truth: object


@dataclass
class History:
    """What has been seen so far, for the invariants."""

    # Everything that the landing folders held at some time: folder's rows.
    snapshots: list[Rows] = field(default_factory=list)
    # (version, digest's variant) pairs that were ever registered.
    versions: set[tuple[int, int]] = field(default_factory=set)
    launched: list[Request] = field(default_factory=list)
    dropped: list[Request] = field(default_factory=list)
    # What people were told since the world changed last.
    told: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


TOLD: list[str] = []


class CapturingNotifier(Notifier):
    """Keeps what people are told."""

    KIND: ClassVar[Literal["CapturingNotifier"]] = "CapturingNotifier"

    def notify(self, title: str, message: str) -> None:
        if message.startswith((f"{MODEL}@", f"{MODEL}/inputs")):
            TOLD.append(f"{title}: {message}")


class Stage:
    """What histories share because it takes long to make: definitions, saved models, Dagster's tables."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.root.mkdir(parents=True)
        self.registry = SimulatedRegistry(folder / "registry")
        self.instance = dg.DagsterInstance.ephemeral(tempdir=str(folder / "dagster"))
        forget_answers_on_change(self.instance)
        self._definitions: dict[Yaml, dg.Definitions] = {}
        self._jobs: dict[tuple[Yaml, str], dg.JobDefinition] = {}

    def definitions(self, yaml: Yaml) -> dg.Definitions:
        if yaml not in self._definitions:
            job = "explanations" if yaml.explains else "inference"
            launching = {"job": job, "status": "RUNNING"}
            resource = MlflowRegistry(tracking_uri=self.registry.uri, state=str(self.root / "state"))
            self._definitions[yaml] = dg.Definitions.merge(
                build_model_definitions(
                    MODEL,
                    self.root,
                    alias_or_version=yaml.alias,
                    inputs={"path": yaml.folder, "row_key": ["id"], "format": "parquet"},
                    outputs={"path": "tables"},
                    contract={"max_rejected": 1_000_000},
                    journal={"path": "state/journal"},
                    executor=yaml.executor,
                    sensors={"champion": launching, "inputs": launching},
                ),
                dg.Definitions(
                    resources=default_resources(self.root)
                    | {"mlflow_registry": resource, "notifier": CapturingNotifier()}
                ),
            )
        return self._definitions[yaml]

    def job(self, yaml: Yaml, name: str) -> dg.JobDefinition:
        """A job; without its checks where nothing is explained, for they take half of a run's time."""
        if (yaml, name) not in self._jobs:
            job = self.definitions(yaml).resolve_job_def(name)
            if not yaml.explains and not name.endswith("validation_job"):
                keys = set(job.asset_layer.selected_asset_keys)
                job = job.get_subset(asset_selection=keys, asset_check_selection=set())
            self._jobs[yaml, name] = job
        return self._jobs[yaml, name]

    def clear(self) -> None:
        self.registry.clear()
        for path in self.root.iterdir():
            shutil.rmtree(path)
        forget_runs(self.instance)
        forget_everything()


def forget_everything() -> None:
    """What a process has in memory when it starts: nothing."""
    for cache in list(process_cache._CACHES):  # noqa: SLF001 - as a forked process starts
        cache._entries.clear()  # noqa: SLF001 - closing nothing: a killed process closes nothing either
    working_copy._roots.clear()  # noqa: SLF001


class Judge(Protocol):
    """Who watches a world while things happen."""

    def run_succeeded(self, world: "World") -> None:
        """Called at the end of each such run."""

    def ticked(self, world: "World", sensor: str, said: str) -> None:
        """Called after each tick, with what it said."""

    def asked(self, world: "World", request: Request) -> None:
        """Called for each run that a sensor asks for, before it is made."""


class World:
    """One history's deployment, and what can happen to it."""

    def __init__(self, stage: Stage, judge: Judge) -> None:
        self.judge = judge
        stage.clear()
        self.stage, self.registry, self.instance = stage, stage.registry, stage.instance
        self.yaml = Yaml()
        self.clock = Clock(START)
        self.seams = Seams(stage.root)
        self.seams.on_answer = self._answer
        self.seen = History()
        self.cursors: dict[str, str | None] = {}
        self.old_cursors: list[tuple[str, str | None]] = []
        self.queue: list[dg.DagsterRun] = []
        # Runs whose process died: the instance takes them for started until somebody looks.
        self.dead_runs: list[str] = []
        self.stamp = 0
        self.files: dict[str, dict[int, Rows]] = {}
        self.broken: set[tuple[str, int]] = set()
        self.held = False
        self.stale_answers: dict[tuple[str, tuple[Any, ...]], tuple[int, Any]] = {}
        self.lying = False
        self.failures = 0
        # How often the alias was taken away: set again, it is a move, whatever it points at.
        self.removals = 0
        self.changes = 0
        self.end = ""
        # Sensors whose cursor somebody has changed since they last asked, those that a fault has hit since they last
        # succeeded, and those whose cursor was ever changed.
        self.meddled: set[str] = set()
        self.troubled: set[str] = set()
        self.restored: set[str] = set()
        # What each sensor has seen when it last looked and was answered.
        self.looked: dict[str, object] = {}
        self.running: list[Process] = []
        # Ticks since the code server was started.
        self.server: list[Process] = []
        TOLD.clear()
        self.said: dict[str, str] = {}
        self.disturbed = False
        (stage.root / "data/a").mkdir(parents=True)
        self.note_inputs()

    # -- people -----------------------------------------------------------------------------------------------------

    @property
    def root(self) -> Path:
        return self.stage.root

    @property
    def whole_job(self) -> str:
        """The job that a person starts by hand."""
        return "m_explanations_job" if self.yaml.explains else "m_inference_job"

    def say(self, text: str) -> None:
        self.seen.log.append(f"{self.clock.now - START:>9.0f}s {text}")

    def violate(self, text: str) -> None:
        self.say(f"VIOLATION {text}")
        self.seen.violations.append(text)

    def path_of(self, folder: str, file: int) -> Path:
        return self.root / folder / f"part-{file}.parquet"

    def note_inputs(self) -> None:
        """Remember what the landing folder holds now: a run may have read it."""
        self.seen.snapshots.append(self.inputs())
        self.note_change()

    def note_change(self) -> None:
        """The champion or the inputs are others now: what people were told before is of another state."""
        self.changes += 1
        TOLD.clear()

    def truth(self, sensor: str) -> object:
        """What a sensor should see: two states that differ are never the same run's business."""
        if sensor == INPUTS:
            return self.yaml.folder, self.stamp
        if sensor == CHAMPION:
            version = self.expected_version()
            return self.yaml.alias, version, self.registry.serials.get(version or 0), self.removals
        return self.registry.serials

    def inputs(self) -> Rows:
        """All rows of the landing folder."""
        return merge([rows for _, rows in sorted(self.files.get(self.yaml.folder, {}).items())])

    def expected_version(self) -> int | None:
        return self.registry.alias(self.yaml.alias)

    def _answer(self, name: str, arguments: tuple[Any, ...], ask: Callable[[], Any]) -> Any:
        """The registry's answer; the last one to the same question where it is lying, or nothing was changed since."""
        if not name.startswith(("get_", "search_")):
            self.registry.changes += 1
            return ask()
        if self.lying and (name, arguments) in self.stale_answers:
            return self.stale_answers[name, arguments][1]
        changes, found = self.stale_answers.get((name, arguments), (-1, None))
        if changes != self.registry.changes:
            found = ask()
            self.stale_answers[name, arguments] = self.registry.changes, found
        return found

    # -- Dagster ----------------------------------------------------------------------------------------------------

    def tick(self, sensor: str, plan: Plan | None = None, *, dies: str | None = None) -> Process:
        """One evaluation of a sensor, and what the daemon makes of it.

        Parameters
        ----------
        dies
            Where the daemon dies: ``evaluated`` (nothing is stored), ``created`` (the runs are, their launch and the
            cursor are not), ``launched`` (all but the cursor).
        """
        definitions = self.stage.definitions(self.yaml)
        definition = definitions.resolve_sensor_def(sensor)
        with self.seams.process(plan, ends=False) as process:
            # Of a code server, which lives on: what it forgets to release stays locked.
            self.server.append(process)
            try:
                with dg.build_sensor_context(
                    instance=self.instance,
                    cursor=self.cursors.get(sensor),
                    resources={},
                    definitions=definitions,
                ) as context:
                    context.log.setLevel("CRITICAL")
                    done = definition.evaluate_tick(context)
                if dies == "evaluated":
                    raise Killed
                self._submit(sensor, str(definition.job_name), done.run_requests or [], launches=dies != "created")
                if dies is not None:
                    raise Killed
                self.old_cursors.append((sensor, self.cursors.get(sensor)))
                self.cursors[sensor] = done.cursor
                requests = done.run_requests or []
                said = f"asks for {[each.run_key for each in requests]}" if requests else str(done.skip_message)
                if requests or self.said.get(sensor) != said:
                    self.say(f"tick of {sensor}: {said}")
                self.said[sensor] = said
                if process.failed or self.seams.away or self.lying:
                    self.troubled.add(sensor)
                elif "Backing off" not in said:
                    self.troubled.discard(sensor)
                    self.looked[sensor] = self.truth(sensor)
                if self.lying:
                    self.looked.pop(sensor, None)
                self.judge.ticked(self, sensor, said)
            except WouldWait:
                raise
            except Exception as error:  # noqa: BLE001 - the daemon logs whatever a sensor raises, and goes on
                self.say(f"tick of {sensor} failed: {type(error).__name__}: {error}")
        if process.dead:
            self.say(f"tick of {sensor} died")
            self.restart()
        return process

    def _submit(self, sensor: str, job_name: str, requests: Sequence[dg.RunRequest], *, launches: bool) -> None:
        for request in requests:
            key = request.run_key or ""
            made = Request(sensor, key, dict(self.registry.serials) if sensor == NEW_VERSION else self.truth(sensor))
            existing = self.instance.get_runs(filters=dg.RunsFilter(tags={SENSOR_TAG: sensor, KEY_TAG: key}))
            if existing and existing[0].status != dg.DagsterRunStatus.NOT_STARTED:
                if not self.lying:
                    self.seen.dropped.append(made)
                self.say(f"{key} was asked for before: no run")
                continue
            tags = {**request.tags, SENSOR_TAG: sensor, KEY_TAG: key}
            with self.seams.outside():
                self.judge.asked(self, made)
            run = existing[0] if existing else self.create_run(job_name, tags, request.run_config)
            if (sensor, key) not in [(each.sensor, each.key) for each in self.seen.launched]:
                self.seen.launched.append(made)
            if launches and run.run_id not in [each.run_id for each in self.queue]:
                self.queue.append(run)

    def create_run(
        self, job_name: str, tags: Mapping[str, str], config: Mapping[str, Any] | None = None, **parents: Any
    ) -> dg.DagsterRun:
        job = self.stage.job(self.yaml, job_name)
        return self.instance.create_run_for_job(
            job_def=job, run_config={**QUIET, **(config or {})}, tags={**job.run_tags, **tags}, **parents
        )

    def execute(self, run: dg.DagsterRun, plan: Plan | None = None) -> Process:
        """The run, in a process of its own."""
        job = self.stage.job(self.yaml, run.job_name)
        with self.seams.process(plan) as process:
            self.running.append(process)
            try:
                with mock.patch.object(self.instance, "create_run_for_job", return_value=run):
                    job.execute_in_process(
                        run_config=QUIET, instance=self.instance, run_id=run.run_id, raise_on_error=False
                    )
            except WouldWait:
                raise
            except Exception as error:  # noqa: BLE001 - what ends a run before Dagster can note it
                self.say(f"run {run.tags.get(KEY_TAG)} broke: {type(error).__name__}: {error}")
            finally:
                self.running.remove(process)
        status = self.instance.get_run_by_id(run.run_id).status
        if status == dg.DagsterRunStatus.SUCCESS:
            with self.seams.outside():
                self.judge.run_succeeded(self)
        if process.dead or not self.instance.get_run_by_id(run.run_id).is_finished:
            # Whatever ended its process without a word in Dagster's storage.
            self.dead_runs.append(run.run_id)
        if process.dead:
            forget_everything()
        if status != dg.DagsterRunStatus.SUCCESS or process.failed or process.dead:
            self.failures += 1
        self.say(f"run {run.tags.get(KEY_TAG) or '(by hand)'}: {'killed' if process.dead else status.value}")
        return process

    def work(self, plan: Plan | None = None) -> None:
        """Execute what is queued; `plan` is for the first."""
        if self.held:
            return
        while self.queue:
            run = self.queue.pop(0)
            if run.job_name.endswith("validation_job"):
                self._validate(run)
                continue
            self.execute(run, plan)
            plan = None

    def _validate(self, run: dg.DagsterRun) -> None:
        """A verdict, without the child process that a validation really starts."""
        (op,) = run.run_config["ops"].values()
        self.registry.judge(op["config"]["version"])
        self.instance.report_run_failed(run, "Only its verdict is simulated")

    def restart(self) -> None:
        """Daemon, code server and runs end and start again; whoever watches finds the dead runs."""
        forget_everything()
        for process in self.server:
            process.drop_locks()
        self.server.clear()
        for run_id in self.dead_runs:
            run = self.instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                self.instance.report_run_failed(run, "Its process is gone")
        self.dead_runs.clear()

    def tick_all(self) -> None:
        self.clock.advance(60)
        for sensor in SENSORS:
            self.tick(sensor)

    def cursor_fields(self, sensor: str) -> dict[str, Any]:
        return json.loads(self.cursors.get(sensor) or "{}")


def silence() -> None:
    """Dagster's and MLflow's own words while histories run."""
    import logging

    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    for name in ("dagster", "mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
