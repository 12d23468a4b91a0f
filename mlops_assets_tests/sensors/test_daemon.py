"""The champion sensor under the real sensor daemon, which is killed at the worst moments: one run per move."""

import os
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorType
from dagster._core.scheduler.instigation import SensorInstigatorData

from mlops_assets_tests.forked import run_forked

LOCATION = """
from pathlib import Path
import dagster as dg
from mlops_assets import MlflowRegistry, build_model_definitions, default_resources
root = Path(__file__).parent
registry = MlflowRegistry(tracking_uri={uri!r}, state=str(root / "state"))
defs = dg.Definitions.merge(
    build_model_definitions(
        "m", root, inputs={{"path": "inputs.parquet"}}, outputs={{"path": "tables"}},
        sensors={{"champion": {{"status": "RUNNING", "interval_seconds": 1}},
                 "notifications": {{"status": "STOPPED"}}}},
    ),
    dg.Definitions(resources=default_resources(root) | {{"mlflow_registry": registry}}),
)
"""

# Evaluates all sensors as the daemon does; a third argument is the moment at which it kills itself.
DAEMON = """
import logging, signal, sys
import dagster as dg
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import InProcessTestWorkspaceLoadTarget, create_test_daemon_workspace_context
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.sensor import execute_sensor_iteration
location, home, moment = sys.argv[1:]
origin = InProcessCodeLocationOrigin(LoadableTargetOrigin(executable_path=sys.executable, python_file=location))
with dg.DagsterInstance.from_config(home) as instance:
    with create_test_daemon_workspace_context(InProcessTestWorkspaceLoadTarget(origin), instance) as workspace:
        flags = {"m_champion_sensor": {moment: signal.SIGKILL}} if moment else None
        list(execute_sensor_iteration(workspace, logging.getLogger("daemon"), None, None, debug_crash_flags=flags))
"""

CONFIG = """
run_launcher: {module: dagster._core.test_utils, class: MockedRunLauncher}
telemetry: {enabled: false}
"""


@pytest.fixture
def daemon(versions, registry, tmp_path):
    """`daemon(moment)` runs one iteration in a process of its own; returns its exit code."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text(CONFIG)
    (tmp_path / "location.py").write_text(LOCATION.format(uri=registry.uri))
    ticked = [0.0]

    def iterate(moment: str = "") -> int:
        # A sensor whose interval has not passed yet is not evaluated.
        time.sleep(max(0.0, ticked[0] + 1.1 - time.monotonic()))
        arguments = [str(tmp_path / "location.py"), str(tmp_path / "home"), moment]
        done = run_forked(DAEMON, arguments, tmp_path, os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
        ticked[0] = time.monotonic()
        assert done.returncode in (0, -9), done.stderr
        return done.returncode

    return iterate


def run_keys(home: Path) -> list[str]:
    """The run keys of all runs, oldest first."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        return [run.tags["dagster/run_key"] for run in reversed(instance.get_runs())]


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["TICK_CREATED", "TICK_HELD", "RUN_CREATED", "RUN_LAUNCHED"])
def test_a_daemon_killed_at_any_moment_launches_one_run(moment, daemon, tmp_path):
    assert daemon(moment) == -9
    assert daemon() == 0
    assert daemon() == 0
    assert run_keys(tmp_path / "home") == ["m@Champion:1:v1"]


@pytest.mark.slow
def test_moves_between_reloads_of_the_code_location_launch_one_run_each(daemon, registry, tmp_path):
    """Each iteration is a new process that loads the code location anew."""
    for version in (1, 1, 3, 1):
        registry.client.set_registered_model_alias("m", "Champion", str(version))
        assert daemon() == 0
    assert run_keys(tmp_path / "home") == ["m@Champion:1:v1", "m@Champion:2:v3", "m@Champion:3:v1"]


@pytest.mark.slow
def test_a_reset_cursor_launches_nothing_again(daemon, registry, tmp_path):
    daemon()
    with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
        (state,) = [state for state in instance.all_instigator_state() if state.name == "m_champion_sensor"]
        # What `dagster sensor cursor --delete` and the UI's reset do.
        instance.update_instigator_state(
            state.with_data(SensorInstigatorData(sensor_type=SensorType.STANDARD, min_interval=1, cursor=None))
        )
    daemon()
    registry.client.set_registered_model_alias("m", "Champion", "2")
    daemon()
    assert run_keys(tmp_path / "home") == ["m@Champion:1:v1", "m@Champion:2:v2"]
