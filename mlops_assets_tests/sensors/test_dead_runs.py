"""Which runs are ended because their process is gone: on a real instance, with real processes, by the test's clock."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from dagster._core.test_utils import create_run_for_test

from mlops_assets.component import build_model_definitions
from mlops_assets.process_identity import existed_at, own_identity
from mlops_assets.resources.liveness import FOLDER, LIVENESS, Liveness
from mlops_assets.sensors import dead_runs
from mlops_assets.sensors.run_signs import SECONDS_OF_GRACE, SECONDS_WITHOUT_SIGN, write_silences
from mlops_assets_tests.waiting import LONGEST_SECONDS

pytestmark = pytest.mark.slow

FAILURE, STARTED, CANCELED = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELED
BOUND = 600.0

# Shows life for a run as its steps do; with a second argument, a forked child survives it and inherits its files.
LIFE = """
import os, sys, time
import dagster as dg
from mlops_assets.resources.liveness import show_life
home, run, fork = sys.argv[1:]
with dg.DagsterInstance.from_config(home) as instance:
    with show_life(instance, instance.get_run_by_id(run), "m", 600.0):
        child = os.fork() if fork else 1
        if child == 0:
            os.setsid()
            time.sleep(600)
        print(child, flush=True)
        time.sleep(600)
"""


class Watch:
    """An instance with runs of the model ``m``, and looks at them with a clock that is set by hand."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.home, self.instance, self.now = home, instance, 1e9
        self.cursor: str | None = None
        self.definitions = build_model_definitions("m", home, inputs={"path": "x.csv"}, outputs={"path": "tables"})
        self.processes: list[subprocess.Popen[str]] = []

    def create_run(self, status: dg.DagsterRunStatus = STARTED, **tags: str) -> str:
        job = self.definitions.resolve_job_def("m_inference_job")
        return self.instance.create_run_for_job(job, status=status, tags={**job.tags, **tags}).run_id

    def start_process(self, run: str, *, fork: bool = False) -> tuple[subprocess.Popen[str], int]:
        """A process that executes the run, and its forked child."""
        command = [sys.executable, "-c", LIFE, str(self.home), run, "fork" if fork else ""]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        assert process.stdout is not None
        child = int(process.stdout.readline())
        self.lead(run, process.pid)
        return process, child

    def end_process(self, run: str) -> None:
        """As if a process of this machine had executed the run, and ended: its number is another's now."""
        mine = own_identity()
        self.show(run, replace(somewhere(run), process=replace(mine, started="1")))
        self.lead(run, mine.pid)

    def lead(self, run: str, pid: int) -> None:
        """What Dagster reports of a run's process."""
        self.instance.report_engine_event("Started process", self._run(run), EngineEventData.in_process(pid))

    def show(self, run: str, life: Liveness) -> None:
        event = EngineEventData({LIVENESS: dg.MetadataValue.text(life.to_json())})
        self.instance.report_engine_event("A process", self._run(run), event)

    def beat(self, run: str, life: Liveness) -> None:
        self.instance.daemon_cursor_storage.set_cursor_values({life.heartbeat: f"{run} {self.now}"})

    def look(self, times: int = 1, seconds: float = 20.0) -> None:
        for _ in range(times):
            self.now += seconds
            context = dg.build_sensor_context(
                self.instance, self.cursor, definitions=self.definitions, sensor_name="m_dead_runs"
            )
            silences, _ = dead_runs.look_after(context, None, self.now)
            self.cursor = json.dumps(write_silences(silences))

    def status(self, run: str) -> dg.DagsterRunStatus:
        return self._run(run).status

    def reason(self, run: str) -> str:
        (record,) = self.instance.get_records_for_run(run, of_type=dg.DagsterEventType.RUN_FAILURE).records
        return str(record.event_log_entry.dagster_event.message)

    def _run(self, run: str) -> dg.DagsterRun:
        found = self.instance.get_run_by_id(run)
        assert found is not None
        return found


@pytest.fixture
def watch(tmp_path) -> Iterator[Watch]:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\nconcurrency: {pools: {default_limit: 1}}\n")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        made = Watch(home, instance)
        yield made
        for process in made.processes:
            process.kill()
            process.communicate()


def somewhere(run: str) -> Liveness:
    """The life of a process on another machine."""
    identity = replace(own_identity(), host="elsewhere", boot="b", namespace="n", pid=4)
    return Liveness("m", identity, replace(identity, pid=3), None, None, f"mlops_assets/heartbeat/{run}", BOUND)


def test_a_killed_run_fails_with_the_reason_and_frees_its_slots(watch):
    run = watch.create_run()
    process, _ = watch.start_process(run)
    storage = watch.instance.event_log_storage
    storage.initialize_concurrency_limit_to_default("m_tables")
    assert storage.claim_concurrency_slot("m_tables", run, "step").is_claimed
    watch.look(10)
    # A stopped process executes no instruction, and goes on when it is let.
    process.send_signal(signal.SIGSTOP)
    watch.look(10, seconds=3600)
    assert watch.status(run) == STARTED
    process.kill()
    # Not waited for: a zombie is dead.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    watch.look()
    assert watch.status(run) == STARTED, "the code server has the first word"
    watch.look()
    assert watch.status(run) == FAILURE
    assert f"process {process.pid}" in watch.reason(run)
    assert storage.get_concurrency_info("m_tables").claimed_slots == []
    watch.look(3)
    assert watch.reason(run), "reported once"


def test_a_forked_child_that_holds_the_lock_does_not_keep_a_dead_run_alive(watch):
    run = watch.create_run()
    process, child = watch.start_process(run, fork=True)
    process.kill()
    process.wait(LONGEST_SECONDS)
    try:
        watch.look(2)
        assert watch.status(run) == FAILURE
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def test_a_canceled_run_whose_process_is_gone_ends_as_canceled(watch):
    run = watch.create_run()
    watch.end_process(run)
    watch.instance.report_run_canceling(watch.instance.get_run_by_id(run))
    watch.look(2)
    assert watch.status(run) == CANCELED


def test_a_number_that_was_given_to_another_process_is_not_the_run(watch):
    run = watch.create_run()
    watch.end_process(run)
    watch.look(2)
    assert watch.status(run) == FAILURE


def test_a_run_that_ends_between_two_looks_keeps_its_own_result(watch, monkeypatch):
    run = watch.create_run()
    watch.end_process(run)
    watch.look()
    find = dead_runs.find

    def find_late(signs):
        found = find(signs)
        watch.instance.report_run_failed(watch.instance.get_run_by_id(run), "its own words")
        return found

    monkeypatch.setattr(dead_runs, "find", find_late)
    watch.look()
    assert watch.reason(run) == "its own words"


def test_elsewhere_a_run_lives_as_long_as_its_heartbeat_does(watch):
    run = watch.create_run()
    life = somewhere(run)
    watch.show(run, life)
    watch.lead(run, life.process.pid)
    for _ in range(int(BOUND / 20) + 5):
        watch.beat(run, life)
        watch.look()
    watch.look(int(BOUND / 20) - 2)
    assert watch.status(run) == STARTED
    watch.look(4)
    assert watch.status(run) == FAILURE
    assert "sends no heartbeat any more" in watch.reason(run)


def test_a_clock_that_is_set_forward_ends_no_run(watch):
    run = watch.create_run()
    life = somewhere(run)
    watch.show(run, life)
    watch.lead(run, life.process.pid)
    watch.look(3)
    watch.look(1, seconds=1e6)
    watch.beat(run, life)
    watch.look(3)
    assert watch.status(run) == STARTED


@pytest.mark.parametrize("changed", [{"boot": "another"}, {"namespace": "another"}])
def test_after_a_restart_of_the_machine_or_container_a_run_is_dead_once_it_is_silent(watch, changed):
    run = watch.create_run()
    life = replace(somewhere(run), process=replace(own_identity(), pid=4, **changed))
    watch.show(run, life)
    watch.lead(run, life.process.pid)
    for _ in range(10):
        watch.beat(run, life)
        watch.look()
    assert watch.status(run) == STARTED
    watch.look(int(SECONDS_OF_GRACE / 20) + 2)
    assert watch.status(run) == FAILURE


def test_a_lock_that_is_held_is_a_life_that_cannot_be_seen_otherwise(watch):
    """As of another container on the same machine with the same home."""
    run = watch.create_run()
    process, _ = watch.start_process(run)
    (record, _) = watch.instance.get_records_for_run(run, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    text = record.event_log_entry.dagster_event.engine_event_data.metadata[LIVENESS].value
    life = Liveness.from_json(text)
    life = replace(life, process=replace(life.process, host="container"), heartbeat="mlops_assets/heartbeat/none")
    other = watch.create_run()
    watch.show(other, life)
    watch.lead(other, process.pid)
    watch.look(10, seconds=3600)
    assert watch.status(other) == STARTED
    process.kill()
    process.wait(LONGEST_SECONDS)
    watch.look(5)
    assert watch.status(other) == FAILURE


def test_steps_in_processes_of_their_own_belong_to_the_process_that_leads(watch):
    run, mine = watch.create_run(), own_identity()
    gone = replace(mine, pid=2**22, started="1")
    watch.lead(run, mine.pid)
    watch.show(run, replace(somewhere(run), process=gone, parent=mine))
    watch.look(10, seconds=3600)
    assert watch.status(run) == STARTED, "a step has ended; the run goes on"
    watch.lead(run, gone.pid)
    watch.show(run, replace(somewhere(run), process=mine, parent=gone))
    orphaned = watch.create_run()
    watch.lead(orphaned, gone.pid)
    watch.show(orphaned, replace(somewhere(run), process=mine, parent=gone))
    watch.look(10, seconds=3600)
    assert watch.status(orphaned) == STARTED, "its last step still writes"


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTING, STARTED])
def test_a_run_that_died_before_it_showed_life_is_dead_after_a_while(watch, status):
    run = watch.create_run(status)
    watch.lead(run, 2**22)
    watch.look(int(SECONDS_WITHOUT_SIGN / 20) - 1)
    assert watch.status(run) == status
    watch.look(4)
    assert watch.status(run) == FAILURE


def test_a_run_that_shows_no_life_lives_while_the_process_exists_that_dagster_started_for_it(watch):
    """As of a release that showed none, or while it imports."""
    run = watch.create_run()
    watch.lead(run, os.getpid())
    watch.look(10, seconds=SECONDS_WITHOUT_SIGN)
    assert watch.status(run) == STARTED
    assert not existed_at(os.getpid(), 0.0), "the number was another process's then"


@pytest.mark.parametrize(("keys", "status"), [(["m/predictions"], FAILURE), (["m/predictions", "other"], STARTED)])
def test_of_runs_without_a_job_those_are_watched_that_are_about_this_packages_assets(watch, keys, status):
    selection = frozenset(map(dg.AssetKey.from_user_string, keys))
    run = create_run_for_test(watch.instance, "__ASSET_JOB", status=STARTED, asset_selection=selection).run_id
    watch.look(6, seconds=SECONDS_WITHOUT_SIGN)
    assert watch.status(run) == status


def test_what_another_release_shows_of_a_run_is_no_proof_of_its_death(watch):
    run = watch.create_run()
    event = EngineEventData({LIVENESS: dg.MetadataValue.text('{"folder": null, "more": 1}')})
    watch.instance.report_engine_event("A process", watch.instance.get_run_by_id(run), event)
    watch.look(6, seconds=SECONDS_WITHOUT_SIGN)
    assert watch.status(run) == STARTED


def test_other_peoples_runs_are_left_alone(watch):
    @dg.job
    def somebody_elses() -> None: ...

    run = watch.instance.create_run_for_job(somebody_elses, status=STARTED).run_id
    watch.look(10, seconds=1e6)
    assert watch.status(run) == STARTED


def test_a_run_in_this_process_shows_life_until_it_ends(watch):
    lives = []

    @dg.op
    def executes(context: dg.OpExecutionContext) -> None:
        from mlops_assets.resources.liveness import show_life

        with show_life(context.instance, context.run, "m", BOUND):
            lives.extend((watch.home / FOLDER).iterdir())
            watch.look(10, seconds=3600)

    @dg.job(executor_def=dg.in_process_executor)
    def ours() -> None:
        executes()

    assert ours.execute_in_process(instance=watch.instance).success
    assert len(lives) == 1
    assert list((watch.home / FOLDER).iterdir()) == []


def test_what_a_home_without_runs_costs_is_one_query(watch, monkeypatch):
    asked = []
    ask = watch.instance.get_run_records
    monkeypatch.setattr(watch.instance, "get_run_records", lambda *a, **k: asked.append(1) or ask(*a, **k))
    monkeypatch.setattr(watch.instance, "get_records_for_run", None)
    watch.create_run(dg.DagsterRunStatus.SUCCESS)
    watch.look()
    assert asked == [1]
