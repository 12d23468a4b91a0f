"""Point an alias at another version, unless somebody else has moved it meanwhile."""

from typing import TYPE_CHECKING

from mlops_assets.errors import PromotionError
from mlops_assets.models.registry import Registry
from mlops_assets.models.registry_answers import version_number
from mlops_assets.models.registry_errors import is_missing_resource

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_THEIRS_STANDS = "Look at MLflow's UI and at the journal; run this again if the version is still to take the alias"


def read_alias(registry: Registry, name: str, alias: str) -> int | None:
    """The version that the alias points at; None: there is no such alias."""
    version = registry.model(name).aliases.get(alias)
    return None if version is None else version_number(version, registry.where)


def move_alias(registry: Registry, name: str, alias: str, version: int, expected: int | None) -> None:
    """Point `alias` at `version` if it still points at `expected`.

    MLflow has no conditional move, so the alias is read right before and right after: a move of somebody else's is left
    in force in both cases. One between the two requests that read and write cannot be seen.

    Raises
    ------
    PromotionError
        Somebody else has moved it.
    RegistryUnreachableError, RegistryError
        The registry does not answer, or does not do it.
    """
    found = read_alias(registry, name, alias)
    if found != expected:
        raise PromotionError(
            f"The alias {alias!r} of {name!r} points at {describe_version(found)} and no longer at "
            f"{describe_version(expected)}: somebody else moved it while this run was under way; that move stands, and "
            "nothing was moved",
            where=registry.where,
            fix=_THEIRS_STANDS,
        )
    with registry.translate_errors(f"pointing the alias {alias!r} of {name!r} at version {version}"):
        registry.client.set_registered_model_alias(name, alias, str(version))
    found = read_alias(registry, name, alias)
    if found != version:
        raise PromotionError(
            f"The alias {alias!r} of {name!r} was pointed at version {version}, and points at "
            f"{describe_version(found)} now: somebody else moved it right after; that move stands",
            where=registry.where,
            fix=_THEIRS_STANDS,
        )


def find_registrant(registry: Registry, version: "ModelVersion", tag: str) -> str | None:
    """Who registered a version: the text of its tag `tag`, else MLflow's own note, else the user of its run.

    None: none of them is there; the run may have been deleted.
    """
    person: str | None = version.tags.get(tag) or version.user_id
    if person or not version.run_id:
        return person or None
    with registry.translate_errors(f"looking for the run of {version.name!r} version {version.version}"):
        try:
            run = registry.client.get_run(version.run_id)
        except Exception as error:
            if is_missing_resource(error):
                return None
            raise
    return run.data.tags.get("mlflow.user") or run.info.user_id or None


def describe_version(version: int | None) -> str:
    """What an alias points at, for a message."""
    return "no version" if version is None else f"version {version}"
