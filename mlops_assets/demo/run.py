"""Run the demo's whole graph once, and print a summary of its results."""

import logging
import os
import shlex
import sys
import time
from contextlib import chdir
from pathlib import Path
from typing import Any

import dagster as dg

from mlops_assets.code_location.find_location import CodeLocation
from mlops_assets.code_location.model_resources import registry_of
from mlops_assets.code_location.open_location import load_definitions, open_code_location
from mlops_assets.demo.champion import MODEL, register_demo_champion, write_demo_table
from mlops_assets.demo.project import DEFAULT_FOLDER, write_demo_project
from mlops_assets.errors import user_error
from mlops_assets.metadata import ROW_COUNT, URI
from mlops_assets.naming import (
    CHAMPION_MODEL,
    EXPLANATION_REPORT,
    INPUT_SAMPLES,
    MODEL_EXPLANATIONS,
    PREDICTIONS,
    REJECTED_SAMPLES,
    SAMPLE_EXPLANATIONS,
    ModelNames,
)
from mlops_assets.state import FOLDER as STATE_FOLDER
from mlops_assets.state import project_root, state_folder

DAGSTER_YAML = """# The embedded default's Dagster instance: SQLite in this folder.
telemetry:
  enabled: false
nux:
  enabled: false
"""


def run_demo(folder: Path | None = None) -> int:
    """Write the project, train and register the model, materialize every asset, run every check, print a summary.

    Parameters
    ----------
    folder
        The project's. None: the project that holds the demo and that the working directory is in, else a new one.

    Returns
    -------
    0 when everything succeeded, 1 when the run or a check failed.

    Raises
    ------
    ConfigurationError
        The project cannot be written.
    """
    root = (folder or find_demo_project() or Path.cwd() / DEFAULT_FOLDER).absolute()
    if not _holds_demo(root):
        print(f"Writing the demo's project into {_shortest(root, Path.cwd())} ...", flush=True)
        write_demo_project(root)
    start = Path.cwd()
    with chdir(root), open_code_location() as location:
        return _run_in(location, start)


def find_demo_project() -> Path | None:
    """The project that the working directory is in, if it holds the demo."""
    root = project_root()
    return root if _holds_demo(root) else None


def _holds_demo(root: Path) -> bool:
    return (root / "pyproject.toml").is_file() and any(root.glob(f"*/defs/{MODEL}/defs.yaml"))


def _run_in(location: CodeLocation, start: Path) -> int:
    """Run the demo's graph; paths are printed as they are typed at `start`."""
    root = location.folder
    home = prepare_dagster_home(root)
    definitions = load_definitions(location)
    registry = registry_of(definitions, location)
    # MLflow logs each table that it creates, which would bury the demo's own output.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    print(f"Registering the demo model {MODEL!r} ...", flush=True)
    champion = register_demo_champion(registry)
    state = "registered now" if champion.registered_now else "was already registered"
    print(f"  version {champion.version} {state}")
    write_demo_table(state_folder(root) / "demo" / f"{MODEL}.parquet")
    print("Materializing its asset graph ...", flush=True)
    began = time.perf_counter()
    with dg.DagsterInstance.get() as instance:
        result = definitions.resolve_job_def(ModelNames(MODEL).explanations_job).execute_in_process(
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "WARNING"}}}},
            raise_on_error=False,
        )
        seconds = time.perf_counter() - began
        return print_summary(result, seconds, home, root, start)


def prepare_dagster_home(root: Path) -> Path:
    """`DAGSTER_HOME` if it is set, else a folder beside the embedded registry, which `.env` then names for the UI."""
    configured = os.environ.get("DAGSTER_HOME")
    if configured:
        return Path(configured)
    home = state_folder(root) / "dagster_home"
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    if not settings.exists():
        settings.write_text(DAGSTER_YAML, "utf-8")
    os.environ["DAGSTER_HOME"] = str(home)
    env_file = root / ".env"
    text = env_file.read_text("utf-8") if env_file.exists() else ""
    if "DAGSTER_HOME" not in text:
        # `dg dev` and `dagster dev` read this file; a DAGSTER_HOME that is set in the shell takes precedence.
        separator = "" if not text or text.endswith("\n") else "\n"
        env_file.write_text(f"{text}{separator}DAGSTER_HOME=${{DAGSTER_HOME:-{home}}}\n", "utf-8")
    return home


def print_summary(result: dg.ExecuteInProcessResult, seconds: float, home: Path, root: Path, start: Path) -> int:
    """Print the results of the run, and where to look further; returns the exit code of `run_demo`."""
    checks = result.get_asset_check_evaluations()
    failed_checks = [check for check in checks if not check.passed]
    if not result.success:
        for event in result.all_events:
            if event.is_step_failure and event.step_failure_data.error:
                print(f"\nStep {event.step_key} failed:\n{user_error(event.step_failure_data.error).message.strip()}")
        return 1
    metadata: dict[str, dict[str, Any]] = {
        event.asset_key.path[-1]: {key: value.value for key, value in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    champion, explanations = metadata[CHAMPION_MODEL], metadata[SAMPLE_EXPLANATIONS]
    print(f"\nFinished in {seconds:.1f} s\n")
    _print_line(
        "model",
        f"{champion['model']}, version {champion['version']} ({champion['alias']}), digest {champion['digest'][:12]}",
    )
    _print_line("rows scored", f"{metadata[PREDICTIONS][ROW_COUNT]:,}")
    _print_line("rows rejected", f"{metadata[INPUT_SAMPLES]['rows_rejected']:,}")
    _print_line("checks", f"{len(checks) - len(failed_checks)} of {len(checks)} passed")
    for check in failed_checks:
        _print_line("", f"failed: {check.asset_key.path[-1]}.{check.check_name} {check.description or ''}")
    _print_line("top features", metadata[MODEL_EXPLANATIONS]["top_features_text"])
    _print_line("explained by", f"{explanations['explainer']}; space: {explanations['space']}")
    print("\nTables and report")
    for asset in (PREDICTIONS, SAMPLE_EXPLANATIONS, MODEL_EXPLANATIONS, REJECTED_SAMPLES):
        _print_line(asset, _path_of(metadata[asset][URI], start))
    _print_line("report", _path_of(str(metadata[EXPLANATION_REPORT]["file"]), start))
    print("\nTo look at this run in Dagster's UI, start it and open http://127.0.0.1:3000:")
    print(f"  {_command_in(root, start)}")
    if home.parent.name != STATE_FOLDER:
        print(f"  (with DAGSTER_HOME={home})")
    return 1 if failed_checks else 0


def _print_line(name: str, value: str) -> None:
    print(f"  {name:<20} {value}")


def _command_in(root: Path, start: Path) -> str:
    """``dg dev`` of this environment, as it is typed where the demo was."""
    dg_command = Path(sys.executable).parent / "dg"
    dg_text = "dg" if _is_on_path(dg_command) else shlex.quote(str(_shortest(dg_command, start)))
    if root == start:
        return f"{dg_text} dev"
    return f"{dg_text} dev --target-path {shlex.quote(str(_shortest(root, start)))}"


def _is_on_path(command: Path) -> bool:
    import shutil

    found = shutil.which(command.name)
    return found is not None and Path(found) == command


def _shortest(path: Path, start: Path) -> Path:
    """The path from `start`, where it is below that."""
    return path.relative_to(start) if path.is_relative_to(start) else path


def _path_of(uri: str, start: Path) -> str:
    """The path below `start` where `uri` is a file there, else `uri`."""
    path = Path(uri.removeprefix("file://"))
    return str(path.relative_to(start)) if path.is_relative_to(start) else uri
