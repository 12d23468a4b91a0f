"""A registry as one Dagster component: the assets of every registered model that carries a tag, from one YAML."""

import logging
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg
from dagster.components import DefsStateConfig, DefsStateConfigArgs, ResolvedDefsStateConfig
from dagster_shared.serdes.objects.models.defs_state_info import LOCAL_STATE_VERSION, DefsStateManagementType
from pydantic import Field, PrivateAttr

from mlops_assets.code_location.broken_yaml import Broken
from mlops_assets.code_location.defs_folder import VALIDATION
from mlops_assets.code_location.only_model import is_wanted
from mlops_assets.code_location.same_names import reserve_names, yaml_of
from mlops_assets.code_location.shared_sensors import with_shared_sensors
from mlops_assets.errors import ConfigurationError, RegistryError
from mlops_assets.model_definitions import model_definitions
from mlops_assets.naming import REGISTRY, ModelNames
from mlops_assets.redaction.concealed import conceal
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.shared import shared_defaults
from mlops_assets.scaffold.registry_scaffolder import RegistryScaffolder
from mlops_assets.settings.described import SettingsGroup
from mlops_assets.settings.model import ModelSettings
from mlops_assets.settings.registered_models import (
    ModelFilter,
    RegisteredModelTags,
    from_json,
    settings_of_model,
    to_json,
)
from mlops_assets.state import FOLDER

LOG = logging.getLogger("mlops_assets")
REFRESH = "dg utils refresh-defs-state"


class RegistrySettings(SettingsGroup):
    """Which models of a registry are scored, and how."""

    tags: dict[str, str] = Field(
        default_factory=dict,
        description="Registered models that carry all of these tags; * stands for any value.",
        examples=[{"mlops_assets.serve": "true"}],
    )
    pattern: str = Field(
        default="*", description="Registered models whose names look like this.", examples=["risk_*"], min_length=1
    )
    defaults: dict[str, Any] = Field(
        description="The attributes of MlflowModelComponent for every model, without `model`; {model} in a text stands "
        "for the model's name. A tag mlops_assets.settings.<key> of a registered model takes precedence.",
        examples=[{"inputs": {"path": "data/{model}.parquet"}, "outputs": {"path": "tables/{model}"}}],
    )
    models: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="What is different for some: registered model -> attributes. Takes precedence over tags.",
        examples=[{"churn": {"explain": {"limit": 10000}}}],
    )
    allowed_inputs: Sequence[str] = Field(
        default=(),
        description="Places below which a tag may name a model's inputs. Without them no tag can.",
        examples=[["s3://features/"]],
    )
    tracking_uri: str | None = Field(
        default=None,
        description="MLflow's tracking server; null: MLFLOW_TRACKING_URI, else the embedded default.",
        examples=["http://127.0.0.1:5000"],
    )
    registry_uri: str | None = Field(
        default=None,
        description="MLflow's registry; null: as for the resource mlflow_registry.",
        examples=["databricks-uc"],
    )
    defs_state: ResolvedDefsStateConfig = Field(
        default_factory=DefsStateConfigArgs.local_filesystem,
        description="Where Dagster keeps what was found in the registry, and whether `dg dev` looks anew.",
        examples=[{"management_type": "LOCAL_FILESYSTEM"}],
    )


@dg.scaffold_with(RegistryScaffolder)
class MlflowRegistryComponent(dg.StateBackedComponent, RegistrySettings):
    """The assets, checks, jobs and sensors of every registered model that carries a tag or has a name of a kind.

    Which models there are is looked up by ``dg utils refresh-defs-state``, and each time ``dg dev`` starts; in between,
    definitions load without asking the registry. A model that cannot be defined is reported by an asset in its place,
    and fails `dg check defs`.
    """

    _loading: bool = PrivateAttr(default=False)

    @property
    def defs_state_config(self) -> DefsStateConfig:
        # Quoted, so that no two filters have one key: a tag's value may hold a comma or an equals sign.
        chosen = ",".join(f"{quote(name)}={quote(value)}" for name, value in sorted(self.tags.items()))
        where = conceal(self.registry_uri or self.tracking_uri or "MLflow")
        key = f"MlflowRegistryComponent[{quote(where, safe=':/')},{chosen},{quote(self.pattern or '')}]"
        return DefsStateConfig.from_args(self.defs_state, default_key=key)

    def write_state_to_path(self, state_path: Path) -> None:
        """Ask the registry which models there are.

        Raises
        ------
        RegistryUnreachableError
            It does not answer.
        """
        registry = MlflowRegistry(tracking_uri=self.tracking_uri, registry_uri=self.registry_uri).address()
        chosen = ModelFilter(self.tags, self.pattern)
        models = [RegisteredModelTags(model.name, dict(model.tags)) for model in registry.models()]
        aside = state_path.with_name(f".{state_path.name}.tmp")
        aside.write_text(to_json([model for model in models if chosen.matches(model)]), "utf-8")
        aside.replace(state_path)

    async def refresh_state(self, project_root: Path) -> str:
        """As Dagster does; while definitions load in development, a registry that is away leaves what was known."""
        try:
            return await super().refresh_state(project_root)
        except RegistryError as error:
            local = self.defs_state_config.management_type == DefsStateManagementType.LOCAL_FILESYSTEM
            if not (self._loading and local):
                raise
            LOG.warning("The models are those of the last look at the registry: %s", error)
            return LOCAL_STATE_VERSION

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The definitions of every model that was found; asks the registry only under `dg dev`."""
        self._loading = True
        try:
            return super().build_defs(context)
        finally:
            self._loading = False

    def build_defs_from_state(self, context: dg.ComponentLoadContext, state_path: Path | None) -> dg.Definitions:
        """The definitions of every model of the state.

        Raises
        ------
        ConfigurationError
            The defaults are wrong, whatever the model; or in `dg check defs`: some model cannot be defined.
        """
        self._check_defaults()
        if state_path is None:
            LOG.warning("The registry was not looked at yet: run %s", REFRESH)
            return dg.Definitions()
        root = Path(context.project_root)
        definitions, broken = list[dg.Definitions](), list[Broken]()
        for model in from_json(state_path.read_text("utf-8")):
            try:
                definitions.append(self._define(model, root, context))
            except ConfigurationError as error:
                broken.append(_describe(model, error, context))
        if broken and os.environ.get(VALIDATION) == "1":
            raise ConfigurationError("\n".join(map(str, broken)))
        for each in broken:
            LOG.error("A registered model cannot be defined, the others are: %s", each)
        merged = dg.Definitions.merge(*definitions, *(each.build_defs(context) for each in broken))
        return with_shared_sensors(merged, context) if definitions else merged

    def _define(self, model: RegisteredModelTags, root: Path, context: dg.ComponentLoadContext) -> dg.Definitions:
        settings = self._settings(model)
        if not is_wanted(settings):
            return dg.Definitions()
        with reserve_names(settings, root, context, of_model=model.name):
            return model_definitions(settings, root, _defaults(root, self.tracking_uri, self.registry_uri))

    def _settings(self, model: RegisteredModelTags) -> ModelSettings:
        exceptions = self.models.get(model.name, {})
        return ModelSettings.model_validate(settings_of_model(model, self.defaults, exceptions, self.allowed_inputs))

    def _check_defaults(self) -> None:
        """A mistake of the YAML is one of the YAML, with or without models."""
        if "model" in self.defaults or "name" in self.defaults:
            raise ConfigurationError("defaults are for every model: leave out `model` and `name`", where="defaults")
        self._settings(RegisteredModelTags("any_model"))


@lru_cache
def _defaults(root: Path, tracking_uri: str | None, registry_uri: str | None) -> Mapping[str, dg.ResourceDefinition]:
    """What models bring where the code location has no registry: that of this YAML."""
    defaults = dict(shared_defaults(root))
    if tracking_uri or registry_uri:
        registry = MlflowRegistry(tracking_uri=tracking_uri, registry_uri=registry_uri, state=str(root / FOLDER))
        defaults[REGISTRY] = registry.get_resource_definition()
    return defaults


def _describe(model: RegisteredModelTags, error: ConfigurationError, context: dg.ComponentLoadContext) -> Broken:
    return Broken(yaml_of(context), None, f"{model.name}: {error}", (ModelNames(model.name).prefix,))
