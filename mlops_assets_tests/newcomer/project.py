"""The newcomer's project, as ``create-dagster project my-project`` (1.13.27) writes it."""

from pathlib import Path

PACKAGE = "my_project"
FILES = {
    "pyproject.toml": """[project]
name = "my-project"
requires-python = ">=3.11,<3.14"
version = "0.1.0"
dependencies = [
    "dagster==1.13.27",
]

[dependency-groups]
dev = [
    "dagster-webserver",
    "dagster-dg-cli",
]

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
force-include = { "pyproject.toml" = "pyproject.toml" }

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "my_project"
registry_modules = [
    "my_project.components.*",
]
""",
    "src/my_project/__init__.py": "",
    "src/my_project/definitions.py": """from pathlib import Path

from dagster import definitions, load_from_defs_folder


@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
""",
    "src/my_project/defs/__init__.py": "",
    "tests/__init__.py": "",
}
# What the documentation shows; the newcomer writes their own names into two of its lines.
DOCUMENTED_YAML = """type: mlops_assets.MlflowModelComponent
attributes:
  model: churn
  inputs: {path: data/customers.parquet, row_key: [customer_id]}
"""


def write_project(folder: Path) -> Path:
    """Write it; returns its root."""
    for name, text in FILES.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    return folder


def yaml_place(root: Path, model: str) -> Path:
    """Below `src` as `create-dagster` has it, else as `mlops-assets init` does."""
    source = root / "src" if (root / "src").is_dir() else root
    return source / PACKAGE / "defs" / model / "defs.yaml"


def write_yaml_by_hand(root: Path, model: str) -> int:
    """The documented YAML with the newcomer's own names; returns how many lines were edited."""
    text = DOCUMENTED_YAML.replace("model: churn", f"model: {model}").replace(
        "data/customers.parquet, row_key: [customer_id]", f"data/{model}.parquet, row_key: [id]"
    )
    place = yaml_place(root, model)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, "utf-8")
    return sum(a != b for a, b in zip(DOCUMENTED_YAML.splitlines(), text.splitlines(), strict=True))
