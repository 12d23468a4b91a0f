"""Contract-checked predictions and exact, joinable explanations for a registered MLflow model, as Dagster assets.

Names are imported when they are first used, so that the pure rooms (`tables`, `signatures`, `models`, `scoring`,
`explain`) can be used without dagster.
"""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_assets.code_location.defs_folder import load_from_defs_folder
    from mlops_assets.component import MlflowModelComponent, build_model_definitions
    from mlops_assets.resources.dagster_mlflow_adapter import dagster_mlflow_resource
    from mlops_assets.resources.defaults import default_resources
    from mlops_assets.resources.loaders import Loader
    from mlops_assets.resources.notifier import AppriseNotifier, LogNotifier, Notifier
    from mlops_assets.resources.registry import MlflowRegistry
    from mlops_assets.resources.signers import ExampleSigner, InferSigner, ManualSigner, RecordedSigner, Signer

# Dagster's own bookkeeping of asset checks that come from a component trips over its own beta marker; the message names
# nothing that is used here. Set before dagster is imported, because a filter set while it loads definitions is undone.
warnings.filterwarnings("ignore", message="Parameter `execution_type` of function `AssetsDefinition.__init__`")

_HOMES = {
    "AppriseNotifier": "mlops_assets.resources.notifier",
    "ExampleSigner": "mlops_assets.resources.signers",
    "InferSigner": "mlops_assets.resources.signers",
    "Loader": "mlops_assets.resources.loaders",
    "ManualSigner": "mlops_assets.resources.signers",
    "RecordedSigner": "mlops_assets.resources.signers",
    "LogNotifier": "mlops_assets.resources.notifier",
    "MlflowModelComponent": "mlops_assets.component",
    "MlflowRegistry": "mlops_assets.resources.registry",
    "Notifier": "mlops_assets.resources.notifier",
    "Signer": "mlops_assets.resources.signers",
    "build_model_definitions": "mlops_assets.component",
    "dagster_mlflow_resource": "mlops_assets.resources.dagster_mlflow_adapter",
    "default_resources": "mlops_assets.resources.defaults",
    "load_from_defs_folder": "mlops_assets.code_location.defs_folder",
}

__all__ = [
    "AppriseNotifier",
    "ExampleSigner",
    "InferSigner",
    "Loader",
    "LogNotifier",
    "ManualSigner",
    "MlflowModelComponent",
    "MlflowRegistry",
    "Notifier",
    "RecordedSigner",
    "Signer",
    "build_model_definitions",
    "dagster_mlflow_resource",
    "default_resources",
    "load_from_defs_folder",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
