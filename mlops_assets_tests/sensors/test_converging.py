"""Whatever fails: the tables end up being the champion's on the files that are there, or a person is told why not."""

import os
import shutil
from types import SimpleNamespace

import dagster as dg
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

from mlops_assets.errors import RegistryUnreachableError
from mlops_assets.models.registry import Registry
from mlops_assets.naming import MODEL_TAG, ModelNames
from mlops_assets.resources.notifier import Notifier
from mlops_assets.sensors import watch
from mlops_assets.sensors.published import PublishedTables

CHAMPION, INPUTS, NEW_VERSION = "m_champion_sensor", "m_inputs_sensor", "m_new_version_sensor"
SOON = {"champion": {"job": "inference", "retries": 2}, "inputs": {"job": "inference", "retries": 2}}
TOLD: list[tuple[str, str]] = []


class ToldNotifier(Notifier):
    """Keeps what it is told."""

    def notify(self, title: str, message: str) -> None:
        TOLD.append((title, message))


class Daemon:
    """Ticks sensors and launches what they ask for, a run key once for ever, on a clock of its own."""

    def __init__(self, model, clock) -> None:
        self.m, self.clock = model, clock
        self.launched: list[str] = []

    def tick(self, *sensors: str, minutes: float = 1.0) -> list[dg.ExecuteInProcessResult]:
        self.clock.now += 60 * minutes
        runs = []
        for sensor in sensors:
            for request in self.m.tick(sensor).run_requests or []:
                if request.run_key in self.launched:
                    continue
                self.launched.append(request.run_key)
                tags = {**request.tags, "dagster/sensor_name": sensor, "dagster/run_key": request.run_key}
                job = self.m.definitions.resolve_sensor_def(sensor).job_name
                runs.append(self.m.materialize(job, tags=tags, **(request.run_config or {})))
        return runs

    def start_promoted(self, registry) -> dg.DagsterRun:
        """Version 2 promoted, and the run that is asked for at work."""
        champion(registry, 2)
        (request,) = self.m.tick(CHAMPION).run_requests
        job = self.m.definitions.resolve_job_def("m_inference_job")
        return self.m.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=request.tags)

    def published(self) -> str | None:
        return PublishedTables.read(self.m.instance, ModelNames("m"), "inference").champion


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=1_800_000_000.0)
    monkeypatch.setattr(watch, "time", SimpleNamespace(time=lambda: clock.now))
    return clock


@pytest.fixture
def daemon(model, clock):
    """`daemon(**settings)`: a model whose sensors are ticked, and whose notifier is `TOLD`."""
    TOLD.clear()

    def start(**settings) -> Daemon:
        m = model(**{"sensors": SOON, **settings})
        m.definitions.resources["notifier"] = ToldNotifier()
        return Daemon(m, clock)

    return start


@pytest.fixture
def inputs(tmp_path):
    return tmp_path / "inputs.parquet"


def champion(registry, version: int) -> None:
    registry.client.set_registered_model_alias("m", "Champion", str(version))


def test_a_run_that_failed_is_made_up_for(daemon, registry, inputs, tmp_path):
    """Its inputs are away when it runs, and come back: another run makes the tables the champion's."""
    days = daemon()
    days.tick(CHAMPION)
    assert days.published().startswith("v1#")
    inputs.rename(tmp_path / "away")
    champion(registry, 2)
    (failed,) = days.tick(CHAMPION)
    assert not failed.success
    assert days.tick(CHAMPION, minutes=0.5) == []
    (tmp_path / "away").rename(inputs)
    (again,) = days.tick(CHAMPION)
    assert again.success
    assert days.launched == ["m@Champion:1:v1", "m@Champion:2:v2", "m@Champion:2:v2:again1"]
    assert days.published().startswith("v2#")
    assert [days.tick(CHAMPION, minutes=60) for _ in range(3)] == [[], [], []]
    assert TOLD == []


def test_a_run_that_cannot_succeed_ends_with_one_alert_that_says_why(daemon, registry, inputs):
    days = daemon()
    days.tick(CHAMPION)
    inputs.unlink()
    champion(registry, 2)
    for _ in range(20):
        days.tick(CHAMPION, minutes=10)
    assert days.launched[1:] == ["m@Champion:2:v2", "m@Champion:2:v2:again1", "m@Champion:2:v2:again2"]
    ((title, message),) = TOLD
    assert title == "m: stale"
    assert message.startswith("m@Champion is v2, and the published tables are made from v1: 3 runs asked for, run ")
    assert "failed in m__samples: mlops_assets.errors.TableError" in message
    assert "inputs.parquet" in message
    champion(registry, 1)
    days.tick(CHAMPION)
    assert days.launched[-1] == "m@Champion:3:v1"


def test_what_a_failed_run_of_new_files_left_undone_is_made_up_for(daemon, versions, inputs):
    days = daemon()
    days.tick(CHAMPION, INPUTS)
    inputs.write_bytes(b"half of a file")
    (failed,) = days.tick(INPUTS)
    assert not failed.success
    versions.head(7).to_parquet(inputs)
    (run,) = days.tick(INPUTS)
    assert run.success
    # A run that dies between two tables leaves them of two inputs.
    event = days.m.instance.get_latest_materialization_event(dg.AssetKey(["m", "input_samples"]))
    metadata = event.asset_materialization.metadata
    days.m.instance.report_runless_asset_event(
        dg.AssetMaterialization(
            dg.AssetKey(["m", "input_samples"]),
            metadata=metadata,
            tags={"dagster/data_version": "another"},
        )
    )
    (again,) = days.tick(INPUTS, minutes=3)
    assert again.success
    assert days.tick(INPUTS, minutes=60) == []


def test_tables_of_another_version_by_hand_are_made_the_champions_again(daemon):
    days = daemon()
    days.tick(CHAMPION)
    assert days.tick(CHAMPION) == []
    config = {"ops": {"m__champion_model": {"config": {"version": 2}}}}
    assert days.m.materialize("m_inference_job", **config).success
    assert days.published().startswith("v2#")
    days.tick(CHAMPION, minutes=5)
    assert days.launched == ["m@Champion:1:v1", "m@Champion:2:v1"]
    assert days.published().startswith("v1#")


def test_a_run_by_hand_that_left_rows_out_is_left_alone(daemon):
    days = daemon()
    days.tick(CHAMPION, INPUTS)
    assert days.m.materialize("m_inference_job", ops={"m__samples": {"config": {"limit": 3}}}).success
    assert [days.tick(INPUTS, minutes=60) for _ in range(3)] == [[], [], []]


def test_a_model_deleted_and_registered_anew_between_two_ticks_is_scored_anew(daemon, registry, versions):
    days = daemon()
    days.tick(CHAMPION)
    before = days.published()
    registry.client.delete_registered_model("m")
    registry.add_sklearn(Ridge(3).fit(versions, load_diabetes(return_X_y=True)[1][: len(versions)]), versions)
    champion(registry, 1)
    (run,) = days.tick(CHAMPION)
    assert days.launched == ["m@Champion:1:v1", "m@Champion:2:v1"]
    # Its files are not those that the journal has under this number: a person has to say that this was meant.
    assert not run.success
    assert days.published() == before


def test_a_folder_that_took_the_place_of_another_is_seen_whatever_its_times(daemon, versions, tmp_path):
    for name, rows in (("a", versions.head(9)), ("b", versions.tail(9))):
        (tmp_path / name).mkdir()
        rows.reset_index(drop=True).to_parquet(tmp_path / name / "part.parquet")
    size = (tmp_path / "a" / "part.parquet").stat().st_size
    with (tmp_path / "b" / "part.parquet").open("ab"):
        os.truncate(tmp_path / "b" / "part.parquet", (tmp_path / "b" / "part.parquet").stat().st_size)
    days = daemon(inputs={"path": "a", "format": "parquet"})
    days.tick(CHAMPION, INPUTS)
    times = (tmp_path / "a" / "part.parquet").stat()
    os.utime(tmp_path / "b" / "part.parquet", ns=(times.st_atime_ns, times.st_mtime_ns))
    shutil.rmtree(tmp_path / "a")
    (tmp_path / "b").rename(tmp_path / "a")
    assert (tmp_path / "a" / "part.parquet").stat().st_size == size
    (run,) = days.tick(INPUTS)
    assert run.success
    assert days.launched[-1].startswith("m/inputs:1:")


def test_a_lost_cursor_loses_no_files(daemon, versions, inputs):
    days = daemon()
    days.tick(INPUTS)
    versions.head(5).to_parquet(inputs)
    days.m.cursors[INPUTS] = None
    (run,) = days.tick(INPUTS)
    assert run.success
    assert [key.split(":")[1] for key in days.launched] == ["1", "2"]


def test_an_empty_landing_folder_is_no_error(daemon, versions, tmp_path):
    (tmp_path / "landing").mkdir()
    days = daemon(inputs={"path": "landing", "format": "parquet"})
    for _ in range(40):
        done = days.m.tick(INPUTS)
    assert done.skip_message == "m/inputs: no files are there, so nothing is to be done"
    assert '"wait": 0' in done.cursor
    versions.to_parquet(tmp_path / "landing" / "first.parquet")
    assert [run.success for run in days.tick(INPUTS)] == [True]


def test_a_folder_that_is_not_there_is_an_error_that_backs_off_and_is_told_once(daemon, versions, tmp_path):
    days = daemon(inputs={"path": "landing", "format": "parquet"})
    assert days.m.tick(INPUTS).skip_message.startswith("TableError: There are no input files, nor a folder for them")
    for _ in range(100):
        days.tick(INPUTS)
    ((title, message),) = TOLD
    assert title == "m: stale"
    assert message.startswith("m/inputs cannot be looked at: 6 attempts in a row have failed")
    (tmp_path / "landing").mkdir()
    versions.to_parquet(tmp_path / "landing" / "first.parquet")
    assert [run.success for _ in range(33) for run in days.tick(INPUTS)] == [True]


def test_the_first_run_is_asked_for_once_by_whichever_sensor_is_first(daemon):
    """What the other one has asked for is queued or at work, and reads the same champion and the same files."""
    for first, second in ((CHAMPION, INPUTS), (INPUTS, CHAMPION)):
        days = daemon()
        (request,) = days.m.tick(first).run_requests
        job = days.m.definitions.resolve_job_def("m_inference_job")
        queued = days.m.instance.create_run_for_job(
            job, status=dg.DagsterRunStatus.STARTED, tags={**request.tags, MODEL_TAG: "m"}
        )
        done = days.m.tick(second)
        assert done.run_requests == []
        assert "a run that will use it is under way" in done.skip_message
        days.m.instance.report_run_canceled(queued)
        days.m.cursors.clear()
        days.m.instance.delete_run(queued.run_id)


def test_files_are_asked_for_after_all_where_the_run_under_way_did_not_read_them(daemon):
    days = daemon()
    days.m.tick(CHAMPION)
    job = days.m.definitions.resolve_job_def("m_inference_job")
    queued = days.m.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags={MODEL_TAG: "m"})
    assert days.tick(INPUTS) == []
    assert days.tick(INPUTS, minutes=60) == []
    days.m.instance.report_run_failed(queued)
    assert days.tick(INPUTS) == []
    (run,) = days.tick(INPUTS, minutes=2)
    assert run.success


def test_a_canceled_run_is_not_asked_for_again_and_told_once(daemon, registry):
    days = daemon()
    days.tick(CHAMPION)
    run = days.start_promoted(registry)
    days.m.instance.report_run_canceled(run)
    for _ in range(10):
        assert days.tick(CHAMPION, minutes=30) == []
    ((_, message),) = TOLD
    assert "1 run asked for, the last one was canceled" in message


def test_a_retry_that_dagster_announced_is_waited_for(daemon, registry):
    days = daemon()
    days.tick(CHAMPION)
    run = days.start_promoted(registry)
    days.m.instance.report_run_failed(run)
    days.m.instance.add_run_tags(run.run_id, {"dagster/will_retry": "true"})
    days.clock.now = days.m.instance.get_run_record_by_id(run.run_id).update_timestamp.timestamp() + 60
    assert days.tick(CHAMPION, minutes=5) == []
    days.m.instance.add_run_tags(run.run_id, {"dagster/auto_retry_run_id": "another"})
    (again,) = days.tick(CHAMPION, minutes=5)
    assert again.success


def test_a_version_whose_validation_died_is_validated_again_and_then_told(daemon, registry, versions):
    days = daemon(sensors={**SOON, "new_version": {"retries": 1}})
    days.tick(NEW_VERSION)
    registry.add_sklearn(Ridge(5).fit(versions, load_diabetes(return_X_y=True)[1][: len(versions)]), versions)
    champion(registry, 1)
    job = days.m.definitions.resolve_job_def("m_validation_job")
    keys = []
    for _ in range(6):
        days.clock.now += 600
        for request in days.m.tick(NEW_VERSION).run_requests:
            keys.append(request.run_key)
            run = days.m.instance.create_run_for_job(
                job, run_config=request.run_config, status=dg.DagsterRunStatus.STARTED, tags=request.tags
            )
            days.m.instance.report_run_failed(run, "its process is gone")
    first, second = keys
    assert second == f"{first}:again1"
    ((_, message),) = TOLD
    assert message.startswith("m version 4 has no verdict after 2 validations: run ")
    assert "its process is gone" in message


def test_a_version_that_got_its_verdict_is_asked_for_no_more(daemon, registry, versions):
    days = daemon(sensors={**SOON, "new_version": {"retries": 5}})
    days.tick(NEW_VERSION)
    registry.add_sklearn(Ridge(5).fit(versions, load_diabetes(return_X_y=True)[1][: len(versions)]), versions)
    champion(registry, 1)
    assert len(days.m.tick(NEW_VERSION).run_requests) == 1
    registry.client.set_model_version_tag("m", "4", "mlops_assets.validation", "passed")
    assert [days.tick(NEW_VERSION, minutes=60) for _ in range(3)] == [[], [], []]
    assert '"waiting": {}' in days.m.cursors[NEW_VERSION]


def test_a_run_that_was_made_and_never_launched_is_given_up(daemon, registry):
    days = daemon()
    days.tick(CHAMPION)
    champion(registry, 2)
    (request,) = days.m.tick(CHAMPION).run_requests
    job = days.m.definitions.resolve_job_def("m_inference_job")
    run = days.m.instance.create_run_for_job(job, tags={**request.tags, MODEL_TAG: "m"})
    days.clock.now = days.m.instance.get_run_record_by_id(run.run_id).update_timestamp.timestamp()
    assert days.tick(CHAMPION, minutes=5) == []
    (again,) = days.tick(CHAMPION, minutes=10)
    assert again.success


def test_files_that_land_before_there_is_a_champion_wait_for_it_and_make_one_run(daemon, registry, versions, inputs):
    registry.client.delete_registered_model_alias("m", "Champion")
    days = daemon()
    for rows in (30, 30, 20):
        versions.head(rows).to_parquet(inputs)
        assert days.tick(CHAMPION, INPUTS, minutes=60) == []
    waiting = days.m.tick(INPUTS).skip_message
    assert waiting.endswith("and no run is asked for: m has no champion: no version has the alias Champion")
    champion(registry, 2)
    (run,) = days.tick(INPUTS, CHAMPION)
    assert run.success
    assert [days.tick(INPUTS, CHAMPION, minutes=60) for _ in range(3)] == [[], [], []]
    assert days.launched == ["m@Champion:1:v2"]
    assert TOLD == []


def test_without_the_champion_sensor_the_first_champion_scores_the_files_that_wait(daemon, registry):
    registry.client.delete_registered_model_alias("m", "Champion")
    days = daemon()
    assert [days.tick(INPUTS, minutes=60) for _ in range(3)] == [[], [], []]
    champion(registry, 1)
    (run,) = [run for _ in range(5) for run in days.tick(INPUTS)]
    assert run.success
    # Once the alias is gone again, new files are nobody's to score.
    registry.client.delete_registered_model_alias("m", "Champion")
    days.m.folder.joinpath("inputs.parquet").touch()
    assert [days.tick(INPUTS, minutes=60) for _ in range(6)] == [[]] * 6
    assert TOLD == []


def test_a_champion_before_there_are_any_files_waits_for_them_and_makes_one_run(daemon, registry, versions, tmp_path):
    (tmp_path / "landing").mkdir()
    days = daemon(inputs={"path": "landing", "format": "parquet"})
    assert [days.tick(CHAMPION, INPUTS, minutes=60) for _ in range(6)] == [[]] * 6
    champion(registry, 2)
    assert days.tick(CHAMPION, INPUTS) == []
    assert "no run is asked for: there are no input files yet in landing" in days.m.tick(CHAMPION).skip_message
    versions.to_parquet(tmp_path / "landing" / "first.parquet")
    (run,) = days.tick(INPUTS, CHAMPION)
    assert run.success
    assert [days.tick(INPUTS, CHAMPION, minutes=60) for _ in range(3)] == [[], [], []]
    assert days.published().startswith("v2#")
    assert TOLD == []


def test_a_registry_that_is_away_when_files_land_costs_no_run_and_is_told_once(daemon, monkeypatch, inputs, versions):
    days = daemon()
    days.tick(CHAMPION, INPUTS)
    versions.head(5).to_parquet(inputs)
    with monkeypatch.context() as outage:

        def no_answer(*_):
            raise RegistryUnreachableError("the registry does not answer")

        outage.setattr(Registry, "version", no_answer)
        assert [days.tick(INPUTS) for _ in range(64)] == [[]] * 64
    ((_, message),) = TOLD
    assert message.startswith("m/inputs cannot be looked at: 6 attempts in a row have failed")
    (run,) = [run for _ in range(33) for run in days.tick(INPUTS)]
    assert run.success


def test_an_alert_that_was_not_delivered_is_sent_with_a_later_tick(daemon, registry, monkeypatch):
    days = daemon()
    days.tick(CHAMPION)
    days.m.instance.report_run_canceled(days.start_promoted(registry))

    def fail(*_):
        raise OSError("the mail server is away")

    with monkeypatch.context() as outage:
        outage.setattr(ToldNotifier, "notify", fail)
        days.tick(CHAMPION)
        outage.setitem(days.m.definitions.resources, "notifier", dg.ResourceDefinition(fail))
        days.tick(CHAMPION)
    for _ in range(3):
        days.tick(CHAMPION)
    ((_, message),) = TOLD
    assert "the last one was canceled" in message


def test_a_short_outage_does_not_tell_again_what_was_told(daemon, registry, monkeypatch):
    days = daemon()
    days.tick(CHAMPION)
    days.m.instance.report_run_canceled(days.start_promoted(registry))
    days.tick(CHAMPION)

    def no_answer(*_):
        raise RegistryUnreachableError("the registry does not answer")

    with monkeypatch.context() as outage:
        outage.setattr(Registry, "version", no_answer)
        days.tick(CHAMPION)
    days.tick(CHAMPION)
    assert len(TOLD) == 1


def test_a_canceled_validation_is_not_asked_for_again_and_told_once(daemon, registry, versions):
    days = daemon(sensors={**SOON, "new_version": {"retries": 5}})
    days.tick(NEW_VERSION)
    registry.add_sklearn(Ridge(5).fit(versions, load_diabetes(return_X_y=True)[1][: len(versions)]), versions)
    (request,) = days.m.tick(NEW_VERSION).run_requests
    job = days.m.definitions.resolve_job_def("m_validation_job")
    run = days.m.instance.create_run_for_job(
        job, run_config=request.run_config, status=dg.DagsterRunStatus.STARTED, tags=request.tags
    )
    days.m.instance.report_run_canceled(run)
    assert [days.tick(NEW_VERSION, minutes=60) for _ in range(3)] == [[], [], []]
    ((_, message),) = TOLD
    assert message.startswith("m version 4 has no verdict after 1 validation: run ")
    assert "was canceled" in message
