"""The code location: what lies in ``defs/``."""

from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """Everything under ``defs/``: shared resources, and one folder with a ``defs.yaml`` per registered model."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
