"""``dg scaffold defs mlops_assets.MlflowRegistryComponent``: one YAML, after its models and tables were examined."""

import sys
from pathlib import Path

import dagster as dg
from pydantic import BaseModel, Field

from mlops_assets.errors import ConfigurationError, MlopsAssetsError


class RegistryScaffoldParams(BaseModel):
    """The options of ``dg scaffold defs``."""

    tag: list[str] = Field(
        default_factory=list,
        description="Only registered models with this tag: NAME=VALUE, or NAME for any value; once for each.",
    )
    pattern: str = Field(default="*", description="Only registered models with a name like this, such as risk_*.")
    inputs: str = Field(
        default="data/{model}.parquet", description="File, folder or URL of each model's table; {model} is its name."
    )
    row_key: list[str] = Field(default_factory=list, description="A column that identifies a row; once for each.")
    outputs: str = Field(default="tables/{model}", description="Folder or URL for each model's tables.")
    tracking_uri: str | None = Field(default=None, description="MLflow's; MLFLOW_TRACKING_URI by default.")


class RegistryScaffolder(dg.Scaffolder[RegistryScaffoldParams]):
    """Looks for the registry's models, examines them with their tables, and writes the YAML that fits them."""

    @classmethod
    def get_scaffold_params(cls) -> type[RegistryScaffoldParams]:
        return RegistryScaffoldParams

    def scaffold(self, request: dg.ScaffoldRequest[RegistryScaffoldParams]) -> None:
        try:
            _scaffold(request)
        except MlopsAssetsError as error:
            # dg would print a traceback.
            sys.exit(f"{type(error).__name__}: {error}")


def _scaffold(request: dg.ScaffoldRequest[RegistryScaffoldParams]) -> None:
    from mlops_assets.scaffold.examine_models import RegistryRequest, examine_models, parse_tags
    from mlops_assets.scaffold.registry_yaml import first_line, registry_attributes, write_registry_yaml
    from mlops_assets.scaffold.scaffolder import write_scaffold

    root = request.project_root or Path.cwd()
    params = request.params
    if "{model}" not in params.outputs:
        raise ConfigurationError(
            f"All models would write to {params.outputs}", where="--outputs", fix="Put {model} into it"
        )
    examination = examine_models(
        RegistryRequest(
            root=root,
            tags=parse_tags(params.tag),
            pattern=params.pattern,
            inputs=params.inputs,
            row_key=tuple(params.row_key),
            outputs=params.outputs,
            tracking_uri=params.tracking_uri,
        )
    )
    write_scaffold(
        request,
        "MlflowRegistryComponent",
        write_registry_yaml(examination),
        registry_attributes(examination),
        examination.env_line,
        first_line(examination),
    )
    print(first_line(examination))
    for finding in (*examination.of("red")[1:], *examination.of("yellow")):
        print(f"{finding.color}: {finding}")
    print("Next: dg utils refresh-defs-state")
