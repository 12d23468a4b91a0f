"""Run the demo's whole graph once, and say what came out."""

import logging
import os
import time
from pathlib import Path
from typing import Any

import dagster as dg

from mlops_assets.demo.champion import MODEL, register_demo_champion, write_demo_table
from mlops_assets.errors import user_error
from mlops_assets.naming import REGISTRY
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.state import project_root, state_folder

DAGSTER_YAML = """# The embedded default's Dagster instance: SQLite in this folder.
telemetry:
  enabled: false
nux:
  enabled: false
"""


def run_demo() -> int:
    """Train and register the model, materialize every asset, run every check, print a summary.

    Returns
    -------
    0 when everything succeeded, 1 when the run or a check failed.
    """
    root = project_root()
    home = prepare_dagster_home(root)
    from mlops_assets.definitions import defs

    definitions = defs()
    registry = definitions.resources[REGISTRY] if definitions.resources else None
    if not isinstance(registry, MlflowRegistry):
        raise TypeError(f"The resource {REGISTRY} of the code location is not an MlflowRegistry")
    # MLflow tells that it creates its tables, which is no news in a demo.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    print(f"Model {MODEL!r}: training, or finding it registered ...", flush=True)
    champion = register_demo_champion(registry)
    print(f"  version {champion.version} {'registered now' if champion.registered_now else 'was already registered'}")
    write_demo_table(state_folder(root) / "demo" / f"{MODEL}.parquet")
    print("Materializing the graph ...", flush=True)
    start = time.perf_counter()
    with dg.DagsterInstance.get() as instance:
        result = definitions.resolve_job_def(f"{MODEL}_explanations_job").execute_in_process(
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "WARNING"}}}},
            raise_on_error=False,
        )
        seconds = time.perf_counter() - start
        return print_summary(result, seconds, home, root)


def prepare_dagster_home(root: Path) -> Path:
    """`DAGSTER_HOME` if it is set, else one beside the embedded registry; noted in the project's `.env` for the UI."""
    configured = os.environ.get("DAGSTER_HOME")
    if configured:
        return Path(configured)
    home = state_folder(root) / "dagster_home"
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    if not settings.exists():
        settings.write_text(DAGSTER_YAML, "utf-8")
    os.environ["DAGSTER_HOME"] = str(home)
    env = root / ".env"
    text = env.read_text("utf-8") if env.exists() else ""
    if "DAGSTER_HOME" not in text:
        # `dg dev` and `dagster dev` read this file; a DAGSTER_HOME that is set in the shell goes before it.
        ends = "" if not text or text.endswith("\n") else "\n"
        env.write_text(f"{text}{ends}DAGSTER_HOME=${{DAGSTER_HOME:-{home}}}\n", "utf-8")
    return home


def print_summary(result: dg.ExecuteInProcessResult, seconds: float, home: Path, root: Path) -> int:
    """Print what a person wants to know after the run."""
    told = {
        event.asset_key.path[-1]: event.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    checks = result.get_asset_check_evaluations()
    failed = [check for check in checks if not check.passed]
    if not result.success:
        for event in result.all_events:
            if event.is_step_failure and event.step_failure_data.error:
                print(f"\nStep {event.step_key} failed:\n{user_error(event.step_failure_data.error).message.strip()}")
        return 1
    value: dict[str, dict[str, Any]] = {
        name: {key: entry.value for key, entry in seen.metadata.items()} for name, seen in told.items()
    }
    champion, samples = value["champion_model"], value["input_samples"]
    print(f"\nDone in {seconds:.1f} s\n")
    _line(
        "model",
        f"{champion['model']}, version {champion['version']} ({champion['alias']}), digest {champion['digest'][:12]}",
    )
    _line("rows scored", f"{value['predictions']['dagster/row_count']:,}")
    _line("rows rejected", f"{samples['rows_rejected']:,}")
    _line("checks", f"{len(checks) - len(failed)} of {len(checks)} passed")
    for check in failed:
        _line("", f"failed: {check.asset_key.path[-1]}.{check.check_name} {check.description or ''}")
    _line("top features", value["model_explanations"]["top_features_text"])
    _line("explained by", f"{value['sample_explanations']['explainer']}, in {value['sample_explanations']['space']}")
    print("\nTables")
    for name in ("predictions", "sample_explanations", "model_explanations", "rejected_samples"):
        _line(name, _shown(value[name]["dagster/uri"], root))
    _line("report", _shown(str(value["model_explanations"]["report"]), root))
    print("\nOpen the UI, with the history of this run:\n  .venv/bin/dg dev        then http://127.0.0.1:3000")
    if home.parent.name != ".mlops_assets":
        print(f"  (DAGSTER_HOME is {home})")
    return 1 if failed else 0


def _line(name: str, value: str) -> None:
    print(f"  {name:<20} {value}")


def _shown(uri: str, root: Path) -> str:
    path = Path(uri.removeprefix("file://"))
    return str(path.relative_to(root)) if path.is_relative_to(root) else uri
