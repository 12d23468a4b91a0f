"""Everything is killed in the middle of a run, as by a reboot, and started again: with Dagster's own daemon.

The instance is the one of docs/operate.md.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
import yaml

from mlops_assets.resources.liveness import LIVENESS, Liveness
from mlops_assets_tests.dev_server import dev_server
from mlops_assets_tests.test_readme import YAML
from mlops_assets_tests.waiting import wait_for

# Explaining waits as long as there is a file `hold`; messages go to a file; sensors look each second, and ask again
# after one.
LOCATION = """
import time
from pathlib import Path
import dagster as dg
from mlops_assets import MlflowRegistry, Notifier, build_model_definitions, default_resources
from mlops_assets.assets import sample_explanations
from mlops_assets.sensors import dead_runs, reconcile
root = Path(__file__).parent
dead_runs.SECONDS_BETWEEN_LOOKS = 1
reconcile.PAUSES = (1.0,)
explain = sample_explanations.explain_table

def explain_when_allowed(*positional, **named):
    (root / "explains").touch()
    while (root / "hold").exists():
        time.sleep(0.05)
    return explain(*positional, **named)

sample_explanations.explain_table = explain_when_allowed

class Recorder(Notifier):
    def notify(self, title, message):
        with (root / "messages").open("a") as file:
            file.write(f"{{title}} | {{message}}\\n")

sensors = {{"status": "RUNNING", "interval_seconds": 1}}
defs = dg.Definitions.merge(
    build_model_definitions(
        "m", root, inputs={{"path": "inputs.parquet"}}, outputs={{"path": "tables"}},
        sensors={{"champion": sensors, "notifications": sensors}},
    ),
    dg.Definitions(
        resources=default_resources(root)
        | {{"mlflow_registry": MlflowRegistry(tracking_uri={uri!r}, state=str(root / "state")), "notifier": Recorder()}}
    ),
)
"""


@pytest.fixture
def folder(versions, registry, tmp_path) -> Path:
    """A code location, and a home with the page's `dagster.yaml`."""
    (tmp_path / "home").mkdir()
    (settings,) = (text for text in YAML if text.startswith("concurrency:"))
    (tmp_path / "home" / "dagster.yaml").write_text(f"{settings}\ntelemetry: {{enabled: false}}\n")
    assert yaml.safe_load(settings)["concurrency"]["pools"]["default_limit"] == 1
    (tmp_path / "location.py").write_text(LOCATION.format(uri=registry.uri))
    return tmp_path


def daemon(folder: Path, number: int):
    """Dagster's daemon, and below it its code server and the runs: all are processes of one session."""
    environment = {**os.environ, "DAGSTER_HOME": str(folder / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-f", str(folder / "location.py")]
    return dev_server(command, folder, environment, folder / f"daemon{number}.log")


def kill(server: "subprocess.Popen[bytes]") -> None:
    """The daemon, its code server and their runs."""
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def processes_of(folder: Path) -> list[int]:
    """All that mention the folder, or were started by such a process."""
    lines = subprocess.run(["ps", "-eo", "pid,sid,command"], capture_output=True, text=True, check=True).stdout
    fields = [line.split(None, 2) for line in lines.splitlines()[1:]]
    sessions = {session for _, session, command in fields if str(folder) in command}
    return [int(pid) for pid, session, _ in fields if session in sessions]


@pytest.mark.slow
def test_after_everything_was_killed_dead_runs_fail_the_queue_moves_and_people_are_told(folder, registry):
    """And the run behind the dead one is killed as well, alone and where Dagster retries nothing: the champion's tables
    are asked for again."""
    (folder / "hold").touch()
    home = str(folder / "home")
    with dg.DagsterInstance.from_config(home) as instance, daemon(folder, 1) as first:

        def with_status(*statuses: dg.DagsterRunStatus) -> list[dg.DagsterRun]:
            return list(instance.get_runs(dg.RunsFilter(statuses=list(statuses))))

        wait_for((folder / "explains").exists, "a run that explains")
        (dead,) = with_status(dg.DagsterRunStatus.STARTED)
        registry.client.set_registered_model_alias("m", "Champion", "2")
        (queued,) = wait_for(lambda: with_status(dg.DagsterRunStatus.QUEUED), "a second run, behind the first")
        kill(first)
        wait_for(lambda: not processes_of(folder), "the end of all processes")
        assert instance.get_run_by_id(dead.run_id).status == dg.DagsterRunStatus.STARTED

        (folder / "explains").unlink()
        settings = folder / "home" / "dagster.yaml"
        settings.write_text(settings.read_text().replace("run_retries: {enabled: true", "run_retries: {enabled: false"))
        with daemon(folder, 2) as second:
            wait_for(lambda: with_status(dg.DagsterRunStatus.FAILURE), "the end of the dead run", 0.2)
            wait_for((folder / "explains").exists, "the run behind it, which explains", 0.2)
            os.kill(process_of(instance, queued), signal.SIGKILL)
            (folder / "hold").unlink()
            (again,) = wait_for(
                lambda: with_status(dg.DagsterRunStatus.SUCCESS), "the run that is asked for again", 0.2
            )
            messages = wait_for(lambda: messages_with(folder, "succeeded", dead.run_id, queued.run_id), "messages", 0.2)
            kill(second)

        events = instance.get_records_for_run(dead.run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records
        assert {run.run_id for run in with_status(dg.DagsterRunStatus.FAILURE)} == {dead.run_id, queued.run_id}
    assert queued.tags["dagster/run_key"] == "m@Champion:2:v2"
    assert again.tags["dagster/run_key"] == "m@Champion:2:v2:again1"
    (failure,) = (record.event_log_entry.dagster_event.message for record in events)
    assert "The run was killed" in failure
    assert messages.count(" failed | ") == 2
    assert f"m: m_explanations_job failed | Run {dead.run_id}\n{failure}\n" in messages
    for table in ("predictions", "sample_explanations", "model_explanations"):
        published = pd.read_parquet(folder / "tables" / f"{table}.parquet")
        assert set(published["model_version"]) == {"2"} or set(published["model_version"]) == {2}


def process_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int:
    """The process that executes a run, as the run says itself."""
    records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    metadata = [record.event_log_entry.dagster_event.engine_event_data.metadata for record in records]
    (lives,) = (each[LIVENESS] for each in metadata if LIVENESS in each)
    return Liveness.from_json(str(lives.value)).process.pid


def messages_with(folder: Path, *words: str) -> str:
    file = folder / "messages"
    text = file.read_text() if file.exists() else ""
    return text if all(word in text for word in words) else ""
