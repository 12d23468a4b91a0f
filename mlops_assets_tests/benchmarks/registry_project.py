"""A code location of one `MlflowRegistryComponent`, whose state is refreshed already: for `benchmarks.load`."""

from pathlib import Path

from dagster.components.utils.project_paths import get_local_state_path

from mlops_assets.settings.registered_models import RegisteredModelTags, to_json

KEY = "benchmark"
YAML = f"""
type: mlops_assets.MlflowRegistryComponent
attributes:
  defaults:
    inputs: {{path: "data/{{model}}.parquet", row_key: [id]}}
    outputs: {{path: "tables/{{model}}"}}
  defs_state: {{key: {KEY}, management_type: LOCAL_FILESYSTEM}}
"""


def write_registry_component(folder: Path, package: str, models: int) -> None:
    """The YAML in `package`, and the state that a registry of `models` models without tags leaves in `folder`."""
    place = folder / package / "defs" / "registry" / "defs.yaml"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(YAML, "utf-8")
    known = [RegisteredModelTags(f"model_{number:04d}", {}) for number in range(models)]
    get_local_state_path(KEY, folder).write_text(to_json(known), "utf-8")
