"""What the retention job deletes and what it never does, on a real instance with SQLite."""

import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, SensorInstigatorData
from dagster._core.test_utils import create_run_for_test
from dagster._core.utils import make_new_run_id

from mlops_assets.component import build_model_definitions
from mlops_assets.errors import ConfigurationError
from mlops_assets.jobs.old_runs import LEAST_AGE
from mlops_assets.sensors.tracking_cursor import LINK_TAG, TrackingCursor

SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE
JOB = "m_inference_job"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
LONG_AGO = time.time() - 10 * LEAST_AGE.total_seconds()


class Home:
    """An instance with runs of long ago, and the job."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.folder, self.instance = folder, instance
        self.define()

    def define(self, **settings: object) -> None:
        self.definitions = build_model_definitions(
            "m", self.folder, inputs={"path": "x.csv"}, outputs={"path": "tables"}, retention={"runs": 2}, **settings
        )

    def ticked(self, sensor: str, cursor: str) -> None:
        """The sensor is on, and has this cursor."""
        place = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("location"), "__repository__")
        self.instance.add_instigator_state(
            InstigatorState(
                RemoteInstigatorOrigin(place, sensor),
                InstigatorType.SENSOR,
                InstigatorStatus.RUNNING,
                SensorInstigatorData(cursor=cursor),
            )
        )

    def run(
        self,
        status: dg.DagsterRunStatus = SUCCESS,
        job: str = JOB,
        asset: str = "",
        partition: str = "",
        **more: object,
    ) -> str:
        """A run of long ago, that materialized an asset or none."""
        run = create_run_for_test(self.instance, job, make_new_run_id(), **more)
        event = dg.DagsterEventType.RUN_SUCCESS if status == SUCCESS else dg.DagsterEventType.RUN_FAILURE
        kinds = [dg.DagsterEventType.RUN_START, *([event] if status in (SUCCESS, FAILURE) else [])]
        for kind in kinds:
            self._report(run.run_id, dg.DagsterEvent(kind.value, job, message="happened"))
        if asset:
            key = dg.AssetKey(["m", asset])
            materialization = dg.AssetMaterialization(key, partition=partition or None)
            from dagster._core.events import StepMaterializationData

            data = StepMaterializationData(materialization)
            kind = dg.DagsterEventType.ASSET_MATERIALIZATION
            self._report(run.run_id, dg.DagsterEvent(kind.value, job, event_specific_data=data))
        return run.run_id

    def clean(self, **config: object) -> dict[str, object]:
        done = self.definitions.resolve_job_def("m_retention_job").execute_in_process(
            instance=self.instance, run_config=QUIET | {"ops": {"m__delete_old_runs": {"config": config}}}
        )
        event = next(event for event in done.all_node_events if event.is_successful_output)
        return {name: value.value for name, value in event.step_output_data.metadata.items()}

    def kept(self, *runs: str) -> list[bool]:
        return [self.instance.has_run(run) for run in runs]

    def shard(self, run: str) -> Path:
        return self.folder / "home" / "history" / "runs" / f"{run}.db"

    def _report(self, run: str, event: dg.DagsterEvent) -> None:
        self.instance.report_dagster_event(event, run, timestamp=LONG_AGO)


@pytest.fixture
def home(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
        yield Home(tmp_path, instance)


@pytest.mark.slow
def test_runs_beyond_the_newest_are_gone_with_their_events_logs_and_files(home):
    runs = [home.run() for _ in range(5)]
    logs = home.folder / "home" / "storage" / runs[0] / "compute_logs"
    logs.mkdir(parents=True)
    (logs / "a.err").write_text("words")
    sizes = [home.shard(run).stat().st_size for run in runs]
    done = home.clean()
    assert home.kept(*runs) == [False, False, False, True, True]
    assert [home.shard(run).exists() for run in runs] == [False, False, False, True, True]
    assert not logs.parent.exists()
    assert done["deleted"] == 3
    assert done["deleted_by_job"] == {JOB: 3}
    assert done["freed_bytes"] >= sum(sizes[:3])
    assert done["more_to_delete"] is False


@pytest.mark.slow
def test_what_is_shown_used_or_counted_from_is_kept(home):
    tags = {"dagster/sensor_name": "m_champion_sensor"}
    succeeded = home.run()
    shown = home.run(FAILURE, asset="predictions")
    partitions = [home.run(FAILURE, asset="input_samples", partition=day) for day in ("1", "1", "2", "3")]
    highest = home.run(FAILURE, tags=tags | {"dagster/run_key": "m@Champion:12:v9"})
    again = home.run(FAILURE, tags=tags | {"dagster/run_key": "m@Champion:12:v9:again2"})
    lower = home.run(FAILURE, tags=tags | {"dagster/run_key": "m@Champion:9:v8"})
    versions = [
        home.run(FAILURE, job="m_validation_job", tags={"dagster/sensor_name": "n", "dagster/run_key": f"m/v{each}:17"})
        for each in (10, 7, 9, 8)
    ]
    repeated = home.run(FAILURE)
    home.run(dg.DagsterRunStatus.STARTED, parent_run_id=repeated, root_run_id=repeated)
    others = home.run(job="somebody_elses")
    old = home.run(FAILURE)
    newest = [home.run(FAILURE) for _ in range(2)]
    home.run(FAILURE, asset="input_samples", partition="3")
    done = home.clean()
    assert home.kept(succeeded, shown, highest, again, repeated, others) == [True] * 6
    assert home.kept(*partitions) == [False, True, True, False]
    assert home.kept(*versions) == [True, False, True, True], "the highest, and the two newest of the job"
    assert home.kept(lower, old, newest[0]) == [False, False, False]
    assert home.kept(newest[1]) == [True]
    assert sum(done["kept_although_old"].values()) >= 5


@pytest.mark.slow
def test_work_is_bounded_and_can_be_looked_at_before(home):
    runs = [home.run() for _ in range(6)]
    assert home.clean(dry_run=True)["deleted"] == 4
    assert all(home.kept(*runs))
    assert home.clean(most=3)["more_to_delete"] is True
    assert home.kept(*runs) == [False] * 3 + [True] * 3
    home.clean(most=3)
    assert home.kept(*runs) == [False] * 4 + [True] * 2


@pytest.mark.slow
def test_runs_of_the_last_hour_are_kept(home, monkeypatch):
    monkeypatch.setattr("mlops_assets_tests.jobs.test_retention.LONG_AGO", time.time())
    runs = [home.run() for _ in range(4)]
    assert home.clean()["deleted"] == 0
    assert all(home.kept(*runs))


@pytest.mark.slow
def test_runs_of_assets_without_a_job_are_the_models_whose_assets_they_are(home):
    def of(*keys: list[str]) -> str:
        return home.run(job="__ASSET_JOB", asset_selection=frozenset(map(dg.AssetKey, keys)))

    own = [of(["m", "predictions"]) for _ in range(4)]
    others = [of(["m", "predictions"], ["other", "table"]) for _ in range(2)]
    home.clean()
    assert home.kept(*own) == [False, False, True, True]
    assert all(home.kept(*others))


def test_without_the_setting_there_is_no_job_and_no_schedule(tmp_path):
    definitions = build_model_definitions("m", tmp_path, inputs={"path": "x.csv"})
    assert not definitions.schedules
    assert "m_retention_job" not in [job.name for job in definitions.jobs]


def test_the_schedule_runs_by_itself_and_its_time_is_checked(tmp_path):
    settings = {"inputs": {"path": "x.csv"}, "retention": {"runs": 10, "cron": "0 3 * * *"}}
    (schedule,) = build_model_definitions("m", tmp_path, **settings).schedules
    assert (schedule.name, schedule.cron_schedule) == ("m_retention_schedule", "0 3 * * *")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    settings["retention"] = {"runs": 10, "cron": "each night"}
    with pytest.raises(ConfigurationError, match=r"retention\.cron.*five fields"):
        build_model_definitions("m", tmp_path, **settings)


@pytest.mark.slow
def test_what_the_tracking_sensor_has_not_recorded_yet_is_kept(home):
    """The tracking server was away for longer than runs are kept at least."""
    home.define(tracking={"enabled": True})
    recorded, linked, waiting, *newest = [home.run() for _ in range(5)]
    home.instance.add_run_tags(linked, {LINK_TAG: "an MLflow run"})
    done = home.clean(dry_run=True)
    assert done["deleted"] == 1, "before its first tick the sensor is yet to look at the last day"
    updated = home.instance.get_run_record_by_id(recorded).update_timestamp.timestamp()
    home.ticked("m_tracking_sensor", TrackingCursor(updated, {recorded: updated}).to_cursor())
    done = home.clean()
    assert home.kept(recorded, linked, waiting, *newest) == [False, False, True, True, True]
    assert done["kept_although_old"]["not recorded in MLflow yet"] == 1
