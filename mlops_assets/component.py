"""One registered MLflow model as a Dagster component: its assets, checks, jobs and sensors from one YAML."""

from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import BaseModel

from mlops_assets.code_location.only_model import is_wanted
from mlops_assets.code_location.same_names import reserve_names
from mlops_assets.code_location.shared_sensors import shared_sensors, with_own_sensors, with_shared_sensors
from mlops_assets.engines.kinds import ENGINES
from mlops_assets.model_definitions import model_definitions
from mlops_assets.resources.loaders import LOADERS
from mlops_assets.resources.signers import SIGNERS
from mlops_assets.scaffold.scaffolder import ModelScaffolder
from mlops_assets.settings.described import strategy_schema
from mlops_assets.settings.model import ModelSettings
from mlops_assets.state import project_root


@dg.scaffold_with(ModelScaffolder)
class MlflowModelComponent(dg.Component, ModelSettings):
    """A registered MLflow model and a table, made into contract-checked predictions and exact explanations.

    Assets, under `name` (by default the model's): `champion_model`, `model_signature`, `input_samples`,
    `rejected_samples`, `predictions`, `sample_explanations`, `sample_explanations_background`, `model_explanations`,
    `explanation_report`. Jobs: `<name>_inference_job` (up to the predictions), `<name>_explanations_job` (all assets),
    and beside them `<name>_sign_job`, `<name>_compatibility_job` and `<name>_validation_job`. The resources
    `mlflow_registry` and `notifier` are the code location's where it has them, else `default_resources`.

    Smallest YAML:

        type: mlops_assets.MlflowModelComponent
        attributes:
          model: churn
          inputs: {path: data/customers.parquet, row_key: [customer_id]}

    The tables are written below tables/churn. Everything else has a default as well; docs/configuration.md lists every
    key with allowed values and an example.
    """

    @classmethod
    def model(cls) -> type[BaseModel]:
        """The YAML schema; it names the strategies and their arguments."""
        schema = super().model()
        for name, strategies in (("signer", SIGNERS), ("loader", LOADERS), ("engine", ENGINES)):
            field = schema.model_fields[name]
            extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
            field.json_schema_extra = {**extra, "anyOf": [strategy_schema(strategies.values()), {"type": "string"}]}
        schema.model_rebuild(force=True)
        return schema

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """`definitions` of this model; relative paths start at the project's folder, and the sensor that looks after
        dead runs is shared by the code location.

        Raises
        ------
        ConfigurationError
            Another YAML of the code location has this name, or one that makes the same names of jobs and assets; or it
            writes the same tables.
        """
        if not is_wanted(self):
            return dg.Definitions()
        root = Path(context.project_root)
        with reserve_names(self, root, context), shared_sensors():
            return with_shared_sensors(self.definitions(root), context)

    def definitions(self, root: Path | None = None) -> dg.Definitions:
        """The same without a component context, to be merged into your own `dg.Definitions`.

        The resources ``mlflow_registry`` and ``notifier`` are those of the code location that they are merged into,
        where it has them; else those of `default_resources`.

        Parameters
        ----------
        root
            Where relative paths start; None: the project's folder.

        Raises
        ------
        ConfigurationError
            A strategy's KIND cannot be found.
        """
        is_wanted(self)
        return with_own_sensors(model_definitions(self, root or project_root()), self.names)


def build_model_definitions(model: str, root: Path | None = None, **settings: Any) -> dg.Definitions:
    """The definitions of one registered model in plain Python: the keys of ``defs.yaml`` as arguments.

    Examples
    --------
    >>> defs = build_model_definitions(
    ...     model="churn",
    ...     inputs={"path": "customers.parquet", "row_key": ["customer_id"]},
    ...     outputs={"path": "tables/churn"},
    ... )
    >>> sorted(job.name for job in defs.jobs)
    ['churn_explanations_job', 'churn_inference_job']
    """
    return MlflowModelComponent.model_validate({"model": model, **settings}).definitions(root)
