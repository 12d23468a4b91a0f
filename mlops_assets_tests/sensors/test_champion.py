"""The champion sensor on a real registry: what moves fire, and what failures do not."""

import json
import socket

import dagster as dg
import pytest
from mlflow import MlflowClient

from mlops_assets.errors import ConfigurationError
from mlops_assets.journal.journal import Journal
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.storage.location import Location
from mlops_assets_tests.waiting import watch_patience

SENSOR = "m_champion_sensor"


@pytest.fixture
def move(registry):
    def to(version: int | None) -> None:
        if version is None:
            registry.client.delete_registered_model_alias("m", "Champion")
        else:
            registry.client.set_registered_model_alias("m", "Champion", str(version))

    return to


@pytest.mark.fast
def test_every_move_asks_for_one_run(model, move):
    m, keys = model(), []
    for version in (1, 1, 3, 2, 3, None, None, 3, 3):
        move(version) if version or "Champion" in m.registry.address().model("m").aliases else None
        keys += m.keys(SENSOR)
    assert keys == [
        "m@Champion:1:v1",
        "m@Champion:2:v3",
        "m@Champion:3:v2",
        "m@Champion:4:v3",
        "m@Champion:5:v3",
    ]


def test_a_tick_is_one_registry_call(model, monkeypatch):
    m, called = model(), []
    m.tick(SENSOR)
    for name in ("get_registered_model", "get_model_version", "get_model_version_by_alias", "search_model_versions"):
        whole = getattr(MlflowClient, name)
        monkeypatch.setattr(
            MlflowClient, name, lambda *a, _name=name, _whole=whole, **kw: called.append(_name) or _whole(*a, **kw)
        )
    m.tick(SENSOR)
    assert called == ["get_model_version_by_alias"]


def test_a_tick_repeated_with_the_old_cursor_asks_for_the_same_run(model, move):
    m = model()
    m.tick(SENSOR)
    move(2)
    first = m.tick(SENSOR, keep_cursor=False).run_requests
    again = m.tick(SENSOR).run_requests
    assert [request.run_key for request in first] == ["m@Champion:2:v2"]
    assert [(request.run_key, request.tags) for request in again] == [
        (request.run_key, request.tags) for request in first
    ]


def test_what_is_published_already_asks_for_no_run_at_first_sight(model, move):
    m = model()
    assert m.materialize().success
    done = m.tick(SENSOR)
    assert done.run_requests == []
    assert done.skip_message == "m@Champion is v1, from which the tables were made"
    move(2)
    assert m.keys(SENSOR) == ["m@Champion:1:v2"]


def test_first_sight_of_another_version_than_the_published_asks_for_a_run(model, move):
    m = model()
    assert m.materialize().success
    move(2)
    assert m.keys(SENSOR) == ["m@Champion:1:v2"]


def test_a_reset_cursor_repeats_nothing_also_after_a_failed_run(model, move, tmp_path):
    m = model()
    (key,) = m.keys(SENSOR)
    (tmp_path / "inputs.parquet").write_bytes(b"half of a file")
    run_of_the_daemon = {"dagster/sensor_name": SENSOR, "dagster/run_key": key}
    assert not m.materialize(tags=run_of_the_daemon).success
    for cursor in (None, "garbled {", '{"version": 1}', "1"):
        m.cursors[SENSOR] = cursor
        done = m.tick(SENSOR)
        assert done.run_requests == []
        assert done.skip_message == "m@Champion is v1, for which the last run was requested"
    move(2)
    m.cursors[SENSOR] = None
    assert m.keys(SENSOR) == ["m@Champion:2:v2"]


def test_the_request_launches_the_job_that_is_configured(model):
    for job in ("explanations", "inference"):
        m = model(sensors={"champion": {"job": job}})
        assert m.definitions.resolve_sensor_def(SENSOR).job_name == f"m_{job}_job"
        (request,) = m.tick(SENSOR).run_requests
        assert request.tags["mlops_assets/champion_seen"] == "v1"


def test_no_such_model_is_skipped_backs_off_and_never_fires(model, registry, move):
    m = model()
    m.keys(SENSOR)
    registry.client.rename_registered_model("m", "elsewhere")
    said = [m.tick(SENSOR).skip_message for _ in range(6)]
    assert [text.split(":")[0] for text in said] == [
        "ModelNotFoundError",
        "ModelNotFoundError",
        "Backing off after 2 failures; 1 ticks to wait",
        "ModelNotFoundError",
        "Backing off after 3 failures; 3 ticks to wait",
        "Backing off after 3 failures; 2 ticks to wait",
    ]
    registry.client.rename_registered_model("elsewhere", "m")
    m.tick(SENSOR)
    done = m.tick(SENSOR)
    assert done.run_requests == []
    assert done.skip_message.startswith("It answers again, after 3 failed attempts. m@Champion is still v1")
    assert json.loads(done.cursor)["failures"] == 0


def test_a_move_while_the_registry_was_away_fires_once_it_is_back(model, registry, move):
    m = model()
    m.keys(SENSOR)
    registry.client.rename_registered_model("m", "elsewhere")
    m.tick(SENSOR)
    registry.client.rename_registered_model("elsewhere", "m")
    move(2)
    assert m.keys(SENSOR) == ["m@Champion:2:v2"]


def test_a_dead_server_costs_no_time(model, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = MlflowRegistry(tracking_uri=f"http://127.0.0.1:{unused.getsockname()[1]}")
        m = model(registry=dead)
        patience = watch_patience(monkeypatch)
        done = m.tick(SENSOR)
    assert len(patience.timeouts) == 2  # once, and one retry
    assert sum(patience.slept) < 5
    assert done.run_requests == []
    assert done.skip_message.startswith("RegistryUnreachableError: The MLflow registry does not answer")


def test_a_server_that_hangs_costs_its_timeout(model, monkeypatch):
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen()
        slow = MlflowRegistry(tracking_uri=f"http://127.0.0.1:{hanging.getsockname()[1]}", timeout=1, retries=1)
        patience = watch_patience(monkeypatch)
        done = model(registry=slow).tick(SENSOR)
    assert patience.timeouts == [1, 1]
    assert sum(patience.slept) < 5
    assert done.skip_message.startswith("RegistryUnreachableError")


def test_the_journal_gets_each_move(model, move, tmp_path):
    m = model()
    for version in (1, 2, None):
        move(version)
        m.tick(SENSOR)
        m.tick(SENSOR)
    entries = Journal(Location.parse(tmp_path / ".mlops_assets" / "journal" / "m"), "m").entries()
    assert [(entry.version, entry.previous_version, entry.noticed_by) for entry in entries] == [
        (1, None, "sensor"),
        (2, 1, "sensor"),
        (None, 2, "sensor"),
    ]


def test_a_journal_that_cannot_be_written_holds_up_no_run(model, tmp_path, capfd):
    (tmp_path / "in_the_way").write_text("")
    m = model(journal={"path": "in_the_way"})
    assert m.keys(SENSOR) == ["m@Champion:1:v1"]
    assert "could not be noted in the journal" in capfd.readouterr().err


def test_its_status_and_interval_are_settings(model):
    default = model().definitions.resolve_sensor_def(SENSOR)
    assert (default.default_status, default.minimum_interval_seconds) == (dg.DefaultSensorStatus.STOPPED, 60)
    running = model(sensors={"champion": {"status": "RUNNING", "interval_seconds": 7}}).definitions
    own = running.resolve_sensor_def(SENSOR)
    assert (own.default_status, own.minimum_interval_seconds) == (dg.DefaultSensorStatus.RUNNING, 7)


def test_a_pinned_version_has_no_champion_sensor(model):
    names = {sensor.name for sensor in model(alias_or_version=1).definitions.get_repository_def().sensor_defs}
    assert SENSOR not in names
    with pytest.raises(ConfigurationError, match="a version, which never moves"):
        model(alias_or_version=1, sensors={"champion": {"status": "RUNNING"}})
