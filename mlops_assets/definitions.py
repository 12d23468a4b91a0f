"""The code location: what is in ``defs/``."""

from pathlib import Path

import dagster as dg

from mlops_assets.code_location.defs_folder import load_from_defs_folder


@dg.definitions
def defs() -> dg.Definitions:
    """Everything under ``defs/``: shared resources, and one folder with a ``defs.yaml`` per registered model."""
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
