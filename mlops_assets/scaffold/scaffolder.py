"""``dg scaffold defs mlops_assets.MlflowModelComponent``: a YAML that the registry and the table were asked for."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import BaseModel, Field

from mlops_assets.errors import MlopsAssetsError


class ModelScaffoldParams(BaseModel):
    """The options of ``dg scaffold defs``."""

    model: str | None = Field(default=None, description="churn (its Champion), churn@Challenger or churn/3.")
    inputs: str | None = Field(
        default=None, description="File, folder or URL of the table; or a database's URL, or env:VARIABLE."
    )
    table: str | None = Field(default=None, description="Of a database: the table or view, also SCHEMA.NAME.")
    query: str | None = Field(default=None, description="Of a database, instead of a table: a query.")
    row_key: list[str] = Field(default_factory=list, description="A column that identifies a row; once for each.")
    outputs: str | None = Field(default=None, description="Folder or URL for the tables; tables/<name> by default.")
    name: str | None = Field(default=None, description="What assets and jobs are named after; the model by default.")
    tracking_uri: str | None = Field(default=None, description="MLflow's; MLFLOW_TRACKING_URI by default.")


class ModelScaffolder(dg.Scaffolder[ModelScaffoldParams]):
    """Examines model and table, and writes the YAML that fits them; see `mlops_assets.examine`."""

    @classmethod
    def get_scaffold_params(cls) -> type[ModelScaffoldParams]:
        return ModelScaffoldParams

    def scaffold(self, request: dg.ScaffoldRequest[ModelScaffoldParams]) -> None:
        try:
            _scaffold(request)
        except MlopsAssetsError as error:
            # dg would print a traceback.
            sys.exit(f"{type(error).__name__}: {error}")


def _scaffold(request: dg.ScaffoldRequest[ModelScaffoldParams]) -> None:
    from mlops_assets.examine.request import ExaminationRequest, relative_inputs
    from mlops_assets.examine.yaml_text import attributes, first_line
    from mlops_assets.scaffold.write_model import examine_for_project

    root = request.project_root or Path.cwd()
    params = request.params
    model = examine_for_project(
        ExaminationRequest(
            model=params.model,
            inputs=relative_inputs(params.inputs, root, Path.cwd()) if params.inputs else None,
            root=root,
            table=params.table,
            query=params.query,
            row_key=tuple(params.row_key) or None,
            name=params.name,
            outputs=params.outputs,
            tracking_uri=params.tracking_uri,
        ),
        _defs_folder(request.target_path, root),
        request.target_path.name,
    )
    write_scaffold(
        request,
        "MlflowModelComponent",
        model.text,
        attributes(model.examination.proposal),
        model.examination.env_line,
        first_line(model.examination),
    )
    print(first_line(model.examination))
    for finding in (*model.examination.of("red")[1:], *model.examination.of("yellow")):
        print(f"{finding.color}: {finding}")


def write_scaffold(
    request: dg.ScaffoldRequest[Any],
    component: str,
    text: str,
    settings: Mapping[str, Any],
    env_line: str | None,
    line: str,
) -> None:
    """Write what was asked for: a ``defs.yaml``, a further document of one, or Python.

    Parameters
    ----------
    text, settings
        The YAML, and its attributes.
    env_line
        What belongs into ``.env`` beside a new YAML.
    line
        The first comment of Python: whether it is ready.

    Raises
    ------
    ConfigurationError
        The file is there already; it stays as it is.
    """
    from mlops_assets.scaffold.write_model import create_file, write_yaml_file

    if request.append:
        with request.target_path.open("a", encoding="utf-8") as file:
            file.write(f"---\n{text}")
    elif request.scaffold_format == "python":
        create_file(
            request.target_path / "component.py",
            _PYTHON.format(line=line, component=component, settings=dict(settings)),
        )
    else:
        write_yaml_file(text, request.target_path, request.project_root or Path.cwd(), env_line)


_PYTHON = """# {line}
import dagster as dg

from mlops_assets import {component}


@dg.component_instance
def load(context: dg.ComponentLoadContext) -> {component}:
    return {component}.model_validate({settings!r})
"""


def _defs_folder(target: Path, root: Path) -> Path | None:
    """The ``defs`` folder that `target` is in."""
    above = [folder for folder in target.parents if folder.is_relative_to(root) and folder != root]
    return next((folder for folder in reversed(above) if folder.name == "defs"), above[-1] if above else None)
