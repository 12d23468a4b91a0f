"""What is reported of a run, from real runs."""

import dagster as dg
import pandas as pd
import pytest
from dagster._core.events import DagsterEventType
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression

from mlops_assets.resources.notifier import Notifier

ROWS = 40


class Recorder(Notifier):
    """Keeps the messages."""

    def notify(self, title: str, message: str) -> None:
        MESSAGES.append((title, message))


class Broken(Notifier):
    """A notifier that cannot deliver."""

    def notify(self, title: str, message: str) -> None:
        raise ConnectionError("https://token-canary@chat.example does not answer")


MESSAGES: list[tuple[str, str]] = []


@pytest.fixture(autouse=True)
def no_messages():
    MESSAGES.clear()


@pytest.fixture
def features(registry) -> pd.DataFrame:
    features, target = load_diabetes(return_X_y=True, as_frame=True)
    features = features.iloc[:ROWS, :4]
    registry.add_sklearn(LinearRegression().fit(features, target[:ROWS]), features)
    return features


def report(done, instance: dg.DagsterInstance, which: str, notifier: Notifier) -> None:
    """Evaluate one notification sensor for a finished run."""
    sensor = done.definitions.resolve_sensor_def(f"m_{which}_notification")
    kind = DagsterEventType.RUN_FAILURE if which == "failure" else DagsterEventType.RUN_SUCCESS
    event = next(event for event in done.result.all_events if event.event_type == kind)
    context = dg.build_run_status_sensor_context(
        sensor_name=sensor.name,
        dagster_event=event,
        dagster_instance=instance,
        dagster_run=done.result.dagster_run,
        resources={"notifier": notifier},
    )
    sensor(context.for_run_failure() if which == "failure" else context)


def test_success_of_inference_reports_the_shape_of_the_predictions(features, run, instance):
    done = run(features, job="inference")
    report(done, instance, "success", Recorder())
    columns = len(done.table("predictions").columns)
    title, message = MESSAGES[0]
    assert title == "m: m_inference_job succeeded"
    assert message.splitlines() == [
        f"Run {done.result.run_id}",
        f"Predictions: {ROWS} rows x {columns} columns, model version 1",
    ]


def test_success_of_explanations_reports_the_number_of_features_and_the_first_of_them(features, run, instance):
    done = run(features)
    report(done, instance, "success", Recorder())
    ranked = done.table("model_explanations").sort_values("rank")["feature"].tolist()
    assert MESSAGES[0][0] == "m: m_explanations_job succeeded"
    assert MESSAGES[0][1].splitlines()[-1] == f"Explanations: 4 features; top: {', '.join(ranked)}"


def test_failure_reports_the_step_and_the_first_line_of_the_error(features, run, instance):
    done = run({"path": "nowhere.parquet"}, job="inference")
    report(done, instance, "failure", Recorder())
    title, message = MESSAGES[0]
    step, first_line = message.splitlines()[1].split(": ", 1)
    assert title == "m: m_inference_job failed"
    assert step == "Step m__samples"
    assert first_line == done.error().strip().splitlines()[0]
    assert "TableError" in first_line
    assert "nowhere.parquet" in first_line


@pytest.mark.parametrize(("which", "inputs"), [("success", None), ("failure", {"path": "nowhere.parquet"})])
def test_a_notifier_that_raises_is_logged_without_its_words_and_goes_no_further(
    which, inputs, features, run, instance, capfd
):
    done = run(features if inputs is None else inputs, job="inference")
    status = instance.get_run_by_id(done.result.run_id).status
    report(done, instance, which, Broken())
    logged = capfd.readouterr().err
    assert "The notifier Broken failed with a ConnectionError" in logged
    assert "token-canary" not in logged
    assert instance.get_run_by_id(done.result.run_id).status == status


def test_without_automation_the_sensors_watch_the_models_own_jobs(features, run, instance):
    @dg.job
    def somebody_elses() -> None: ...

    sensor = run(features, job="inference").definitions.resolve_sensor_def("m_success_notification")

    def tick(cursor: str | None) -> str:
        with dg.build_sensor_context(instance=instance, cursor=cursor, resources={"notifier": Recorder()}) as context:
            return sensor.evaluate_tick(context).cursor

    cursor = tick(None)
    somebody_elses.execute_in_process(instance=instance)
    own = run(features, job="inference")
    tick(cursor)
    assert [message.splitlines()[0] for _, message in MESSAGES] == [f"Run {own.result.run_id}"]


def test_with_automation_a_run_outside_the_jobs_is_reported_too(features, run, instance):
    done = run(features, job="inference", automation="eager")
    everything = done.definitions.resolve_implicit_global_asset_job_def()
    done.result = everything.execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(["m", "champion_model"])],
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    report(done, instance, "success", Recorder())
    assert [("m: a run outside its jobs succeeded", f"Run {done.result.run_id}")] == MESSAGES


def test_with_automation_a_run_of_other_assets_is_not_reported(features, run, instance):
    done = run(features, job="inference", automation="eager")

    @dg.job
    def somebody_elses() -> None: ...

    done.result = somebody_elses.execute_in_process(instance=instance)
    report(done, instance, "success", Recorder())
    assert MESSAGES == []
