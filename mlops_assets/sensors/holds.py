"""What holds up a run without being anybody's fault: there is no champion yet, or nothing to score."""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from mlops_assets.errors import AliasNotFoundError, ModelNotFoundError, TableError, VersionNotFoundError, strip_ends
from mlops_assets.naming import INPUT_SAMPLES, REGISTRY, ModelNames
from mlops_assets.resources.shared import shared_resource
from mlops_assets.settings.tables import InputsSettings
from mlops_assets.tables.listing import listing_token, may_be_empty


def reason_without_champion(
    context: dg.SensorEvaluationContext,
    names: ModelNames,
    alias_or_version: str | int,
    defaults: Mapping[str, dg.ResourceDefinition],
) -> str:
    """Why nothing can be scored: there is no such model, alias or version; empty where there is. One registry call.

    Raises
    ------
    RegistryError
        The registry does not answer.
    """
    with shared_resource(context, REGISTRY, defaults) as registry:
        try:
            registry.address().version(names.model, alias_or_version)
        except AliasNotFoundError:
            return f"{names.model} has no champion: no version has the alias {alias_or_version}"
        except VersionNotFoundError:
            return f"{names.model} has no version {alias_or_version}"
        except ModelNotFoundError as error:
            return strip_ends(str(error))
    return ""


def reason_without_inputs(instance: dg.DagsterInstance, names: ModelNames, settings: InputsSettings, root: Path) -> str:
    """Why nothing can be scored: no input file has ever come; empty where one has, and where nobody can say."""
    if not settings.path or was_scored(instance, names):
        return ""
    try:
        token = inputs_token(settings, root)
    except TableError:
        # The run says what is wrong.
        return ""
    return "" if token else f"there are no input files yet in {settings.shown_path}"


def was_scored(instance: dg.DagsterInstance, names: ModelNames) -> bool:
    """Whether any inputs were ever taken in."""
    return instance.get_latest_materialization_event(names.key(INPUT_SAMPLES)) is not None


def inputs_token(settings: InputsSettings, root: Path, called: str = "inputs") -> str | None:
    """The listing of a table's files, see `listing_token`; None: there are none yet.

    `called`: the settings that name the table.

    Raises
    ------
    TableError
        They cannot be listed, or their folder is not there.
    """
    place = settings.location(root)
    token = listing_token(place, settings.format)
    if token is None and not may_be_empty(place):
        raise TableError(
            f"There are no {called.removesuffix('s')} files, nor a folder for them",
            where=place.uri,
            fix=f"Make it, mount it, or correct {called}.path",
        )
    return token
