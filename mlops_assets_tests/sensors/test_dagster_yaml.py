"""Each setting of the `dagster.yaml` in docs/operate.md, by its event; that of pools is in `test_restart.py`."""

import logging
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
import yaml
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.scheduler.instigation import InstigatorTick, TickData, TickStatus
from dagster._core.test_utils import (
    InProcessTestWorkspaceLoadTarget,
    create_run_for_test,
    create_test_daemon_workspace_context,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.monitoring import concurrency
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._utils.error import SerializableErrorInfo

from mlops_assets_tests.test_readme import YAML

pytestmark = pytest.mark.slow

LOG = logging.getLogger("daemon")
HOUR, DAY = 3600.0, 86400.0
STATUS = dg.DagsterRunStatus
LOCATION = """
import dagster as dg

@dg.sensor(default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=1)
def looks(): ...

defs = dg.Definitions(sensors=[looks])
"""


class Instance:
    """The page's instance, and a daemon's look at it."""

    def __init__(self, instance: dg.DagsterInstance, workspace: object) -> None:
        self.instance, self.workspace = instance, workspace

    def run(self, *events: dg.DagsterEventType) -> str:
        """A run to which something happened an hour ago."""
        run = create_run_for_test(self.instance, "m_inference_job")
        for kind in events:
            event = dg.DagsterEvent(kind.value, run.job_name, message="happened")
            self.instance.report_dagster_event(event, run.run_id, timestamp=time.time() - HOUR)
        return run.run_id

    def status(self, run: str) -> dg.DagsterRunStatus:
        found = self.instance.get_run_by_id(run)
        assert found is not None
        return found.status

    def monitor(self) -> None:
        errors = [*execute_run_monitoring_iteration(self.workspace, LOG)]  # type: ignore[arg-type]
        errors += concurrency.execute_concurrency_slots_iteration(self.workspace, LOG)  # type: ignore[arg-type]
        assert not any(errors), errors


@pytest.fixture
def page(tmp_path) -> Iterator[Instance]:
    (tmp_path / "home").mkdir()
    (settings,) = (yaml.safe_load(text) for text in YAML if text.startswith("concurrency:"))
    launcher = {"module": "dagster._core.test_utils", "class": "MockedRunLauncher"}
    (tmp_path / "home" / "dagster.yaml").write_text(
        yaml.safe_dump({**settings, "telemetry": {"enabled": False}, "run_launcher": launcher})
    )
    (tmp_path / "location.py").write_text(LOCATION)
    origin = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(executable_path=sys.executable, python_file=str(tmp_path / "location.py"))
    )
    with (
        dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance,
        create_test_daemon_workspace_context(InProcessTestWorkspaceLoadTarget(origin), instance) as workspace,
    ):
        yield Instance(instance, workspace)


def test_run_monitoring_ends_what_never_started_and_what_does_not_stop(page):
    starting = page.run(dg.DagsterEventType.RUN_STARTING)
    canceling = page.run(dg.DagsterEventType.RUN_START, dg.DagsterEventType.RUN_CANCELING)
    started = page.run(dg.DagsterEventType.RUN_START)
    page.monitor()
    assert page.status(starting) == STATUS.FAILURE
    assert page.status(canceling) == STATUS.CANCELED
    assert page.status(started) == STATUS.STARTED, "whether it lives is what our own sensor asks"


def test_a_pools_slots_that_a_killed_step_held_are_free_again(page, monkeypatch):
    run = page.run(dg.DagsterEventType.RUN_START, dg.DagsterEventType.RUN_FAILURE)
    storage = page.instance.event_log_storage
    storage.initialize_concurrency_limit_to_default("m_tables")
    assert storage.claim_concurrency_slot("m_tables", run, "step").is_claimed
    page.monitor()
    assert storage.get_concurrency_info("m_tables").claimed_slots, "the run has just ended"
    monkeypatch.setattr(concurrency, "get_current_datetime", lambda: datetime.now(UTC) + timedelta(seconds=70))
    page.monitor()
    assert storage.get_concurrency_info("m_tables").claimed_slots == []


def test_a_killed_run_is_repeated_and_one_that_failed_by_itself_is_not(page):
    killed, failed = page.run(dg.DagsterEventType.RUN_START), page.run(dg.DagsterEventType.RUN_START)
    page.instance.report_run_failed(page.instance.get_run_by_id(killed), "as the sensor of dead runs does")
    reason = JobFailureData(error=None, failure_reason=RunFailureReason.STEP_FAILURE)
    page.instance.report_run_failed(page.instance.get_run_by_id(failed), "as a step does", reason)
    retried = [page.instance.get_run_by_id(run).tags["dagster/will_retry"] for run in (killed, failed)]
    assert retried == ["true", "false"]


def test_ticks_are_forgotten_after_as_many_days_as_the_page_says(page):
    list(execute_sensor_iteration(page.workspace, LOG, None, None))
    (state,) = page.instance.all_instigator_state()
    statuses = (TickStatus.SKIPPED, TickStatus.SUCCESS, TickStatus.FAILURE)
    for days in (0.5, 2, 20, 40):
        for status in statuses:
            page.instance.create_tick(
                TickData(
                    instigator_origin_id=state.instigator_origin_id,
                    instigator_name=state.name,
                    instigator_type=state.instigator_type,
                    status=status,
                    run_ids=[],
                    skip_reason="nothing new" if status == TickStatus.SKIPPED else None,
                    error=SerializableErrorInfo("an error", [], None) if status == TickStatus.FAILURE else None,
                    timestamp=time.time() - days * DAY,
                    selector_id=state.selector_id,
                )
            )
    time.sleep(1)  # the sensor's own interval
    list(execute_sensor_iteration(page.workspace, LOG, None, None))
    ticks = page.instance.get_ticks(state.instigator_origin_id, state.selector_id, before=time.time() - 0.1 * DAY)
    ages = {status: sorted(_days(tick) for tick in ticks if tick.status == status) for status in statuses}
    assert ages == {TickStatus.SKIPPED: [0.5], TickStatus.SUCCESS: [0.5, 2, 20], TickStatus.FAILURE: [0.5, 2, 20]}


def _days(tick: InstigatorTick) -> float:
    return round((time.time() - tick.timestamp) / DAY, 1)
