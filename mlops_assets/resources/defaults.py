"""The resources that every model of a code location shares."""

from pathlib import Path
from typing import Any

import dagster as dg

from mlops_assets.naming import NOTIFIER, REGISTRY
from mlops_assets.resources.notifier import LogNotifier
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.state import FOLDER


def default_resources(root: Path | None = None) -> dict[str, dg.ConfigurableResource[Any]]:
    """``mlflow_registry`` (MLflow's own settings, else the embedded default below `root`), ``notifier`` (the log)."""
    state = str(root / FOLDER) if root else None
    return {REGISTRY: MlflowRegistry(state=state), NOTIFIER: LogNotifier()}
