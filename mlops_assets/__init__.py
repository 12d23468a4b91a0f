"""Contract-checked predictions and exact, joinable explanations for a registered MLflow model, as Dagster assets.

What can be imported from here is listed, once, in ``__init__.pyi``. Each name is imported from its home when it is
first used: the contract, inference and the explainers need no Dagster, and importing this package costs nothing.
"""

import ast
import warnings
from functools import cache
from importlib import import_module
from pathlib import Path

# Dagster's own bookkeeping of asset checks that come from a component trips over its own beta marker; the message names
# nothing that is used here. Set before dagster is imported, because a filter set while it loads definitions is undone.
warnings.filterwarnings("ignore", message="Parameter `execution_type` of function `AssetsDefinition.__init__`")


@cache
def _homes() -> dict[str, str]:
    """Public name -> the module that defines it."""
    stub = ast.parse(Path(__file__).with_suffix(".pyi").read_text("utf-8"))
    return {
        alias.name: node.module
        for node in stub.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def __getattr__(name: str) -> object:
    if name == "__all__":
        return sorted(_homes())
    if name.startswith("_") or name not in _homes():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_homes()[name]), name)


def __dir__() -> list[str]:
    return sorted(_homes())
