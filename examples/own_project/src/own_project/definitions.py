"""The code location: what is in ``defs/``."""

from pathlib import Path

import dagster as dg

from mlops_assets import load_from_defs_folder


@dg.definitions
def defs() -> dg.Definitions:
    """Each YAML of ``defs/`` loads by itself; one that is broken does not hide the others."""
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
