"""The demo's project, as a command writes it: what a person would write for a model of their own."""

from pathlib import Path

from mlops_assets.errors import ConfigurationError

DEFAULT_FOLDER = "mlops_assets_demo"
PACKAGE = "breast_cancer_demo"

DEFS_YAML = """\
# The demo: one registered model, one table. Every key is described in the documentation's page "Configuration".
type: mlops_assets.MlflowModelComponent

attributes:
  model: breast_cancer
  alias_or_version: Champion
  inputs:
    path: .mlops_assets/demo/breast_cancer.parquet
    row_key: [patient_id]
  outputs:
    path: .mlops_assets/tables/breast_cancer
  predict:
    method: predict_proba
"""

_DEFINITIONS = '''\
"""The code location: what is in ``defs/``."""

from pathlib import Path

import dagster as dg
from mlops_assets import load_from_defs_folder


@dg.definitions
def defs() -> dg.Definitions:
    """One folder with a ``defs.yaml`` per registered model."""
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
'''

_PYPROJECT = f"""\
[project]
name = "breast-cancer-demo"
version = "0"
requires-python = ">=3.11"
dependencies = ["mlops-assets"]

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "{PACKAGE}"
code_location_name = "{PACKAGE}"

[tool.dg.cli]
# whatever environment is active: this project has none of its own
suppress_warnings = ["project_and_activated_venv_mismatch"]
"""

FILES = {
    "pyproject.toml": _PYPROJECT,
    ".gitignore": ".mlops_assets/\n.env\n__pycache__/\n",
    f"{PACKAGE}/__init__.py": '"""The demo of mlops_assets."""\n',
    f"{PACKAGE}/definitions.py": _DEFINITIONS,
    f"{PACKAGE}/defs/__init__.py": '"""One folder per registered model."""\n',
    f"{PACKAGE}/defs/breast_cancer/defs.yaml": DEFS_YAML,
}


def write_demo_project(folder: Path) -> list[Path]:
    """Write the files that are missing in `folder`, and return them; what is there is left as it is.

    Raises
    ------
    ConfigurationError
        Another project is there, or the folder cannot be written.
    """
    pyproject = folder / "pyproject.toml"
    if pyproject.exists() and PACKAGE not in pyproject.read_text("utf-8"):
        raise ConfigurationError(
            "The folder holds another project", where=str(folder), fix="Name another: mlops-assets demo FOLDER"
        )
    written = []
    try:
        for name, text in FILES.items():
            file = folder / name
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, "utf-8")
                written.append(file)
    except OSError as error:
        raise ConfigurationError(
            f"The demo cannot be written: {error.strerror}", where=str(folder), fix="Name a folder that can be written"
        ) from error
    return written
