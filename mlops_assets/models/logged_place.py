"""Logged models and runs, followed to the place where their files are."""

from typing import TYPE_CHECKING

from mlops_assets.errors import RegistryError
from mlops_assets.models.artifact_address import ArtifactAddress
from mlops_assets.models.model_uri import (
    AliasUri,
    LoggedModelUri,
    LoggedUri,
    RunModelUri,
    VersionUri,
    parse_model_uri,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

_MOST_STEPS = 5
_LONGEST_SHOWN = 200


def find_place(client: "MlflowClient", text: str, start: str) -> ArtifactAddress:
    """Where the files are that `text`, which the registry answered with, names.

    Parameters
    ----------
    start
        What was asked for, as a URI.

    Raises
    ------
    RegistryError
        It leads back to where it came from, too far, or to no place.
    """
    seen = [start]
    while True:
        address = ArtifactAddress.parse(text)
        if address.scheme not in ("models", "runs"):
            return address
        uri = parse_model_uri(text)
        if uri is None:
            raise RegistryError(
                f"The registry names {text[:_LONGEST_SHOWN]!r} as the place of a model's files, which is none",
                where=start,
                fix="Register the model again with MLflow",
            )
        if str(uri) in seen or len(seen) > _MOST_STEPS:
            raise RegistryError(
                "The registry names another model as the place of a model's files, and that leads "
                + ("back to itself" if str(uri) in seen else "ever on"),
                where=start,
                fix="Register the model again from the place where its files are",
            )
        seen.append(str(uri))
        text = _next(client, uri)


def _next(client: "MlflowClient", uri: LoggedUri | VersionUri | AliasUri) -> str:
    if isinstance(uri, LoggedModelUri):
        return str(client.get_logged_model(uri.model_id).artifact_location)
    if isinstance(uri, VersionUri):
        return str(client.get_model_version_download_uri(uri.name, str(uri.version)))
    if isinstance(uri, AliasUri):
        version = client.get_model_version_by_alias(uri.name, uri.alias)
        return str(VersionUri(uri.name, int(version.version)))
    run = client.get_run(uri.run_id)
    logged = _logged_by_run(client, uri, run.info.experiment_id)
    models = [model for model in logged if model.name == uri.name]
    if models:
        return str(max(models, key=lambda model: model.creation_timestamp).artifact_location)
    # As MLflow 2 has it: below the artifacts of the run.
    return f"{str(run.info.artifact_uri).rstrip('/')}/{uri.name}"


def find_logged_model(client: "MlflowClient", uri: LoggedUri) -> "LoggedModel":
    """The logged model that `uri` names; in a run the last one of its name.

    Raises
    ------
    RegistryError
        The run logged none of that name; the message lists those it did.
    """
    if isinstance(uri, LoggedModelUri):
        return client.get_logged_model(uri.model_id)
    logged = _logged_by_run(client, uri, client.get_run(uri.run_id).info.experiment_id)
    models = [model for model in logged if model.name == uri.name]
    if not models:
        known = ", ".join(sorted(model.name for model in logged)[:20]) or "none"
        raise RegistryError(
            f"The run logged no model {uri.name!r}", where=str(uri), fix=f"Its logged models are: {known}"
        )
    # A run may log the same name again; the last one is what runs:/ means.
    return max(models, key=lambda model: model.creation_timestamp)


def _logged_by_run(client: "MlflowClient", uri: RunModelUri, experiment: str) -> "list[LoggedModel]":
    return list(client.search_logged_models([experiment], filter_string=f"source_run_id = '{uri.run_id}'"))
