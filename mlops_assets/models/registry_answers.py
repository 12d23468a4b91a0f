"""What a registry answers, looked at before it is used: a stranger may have written it."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from mlops_assets.errors import RegistryError
from mlops_assets.models.artifact_address import LONGEST_ADDRESS
from mlops_assets.models.registry_limits import LONGEST_NAME

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

LARGEST_VERSION = 2**31 - 1
_LONGEST_TEXT = 200_000
_MOST_TAGS = 10_000
_MOST_LISTED = 10
_LONGEST_LISTED = 100


def version_number(value: object, where: str) -> int:
    """A version's number.

    Raises
    ------
    RegistryError
        It is none.
    """
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= LARGEST_VERSION):
        raise _refusal(f"a version with the number {text[:50]!r}", where)
    return int(text)


def check_version(version: "ModelVersion", name: str, where: str) -> "ModelVersion":
    """Return `version` if it is one of the model `name`, and its fields are of sizes that MLflow writes.

    Raises
    ------
    RegistryError
        It is not.
    """
    if version.name != name:
        raise _refusal(f"a version of another model, {str(version.name)[:50]!r}", where)
    version_number(version.version, where)
    _check_time(version.creation_timestamp, where)
    _check_length("source", version.source, LONGEST_ADDRESS, where)
    _check_length("run", version.run_id, LONGEST_NAME, where)
    _check_length("description", version.description, _LONGEST_TEXT, where)
    _check_pairs("tags", version.tags, where)
    return version


def check_model(model: "RegisteredModel", where: str) -> "RegisteredModel":
    """Return `model` if its fields are of sizes that MLflow writes, and its aliases name versions. Raises as above."""
    if not model.name:
        raise _refusal("a model without a name", where)
    _check_length("name", model.name, LONGEST_NAME, where)
    _check_length("description", model.description, _LONGEST_TEXT, where)
    _check_pairs("tags", model.tags, where)
    # A store without a server has numbers where a server has text.
    _check_pairs("aliases", {alias: str(number) for alias, number in model.aliases.items()}, where)
    for number in model.aliases.values():
        version_number(number, where)
    _check_time(model.creation_timestamp, where)
    for version in model.latest_versions or ():
        version_number(version.version, where)
        _check_time(version.creation_timestamp, where)
    return model


def time_of_registration(version: "ModelVersion") -> int | None:
    """When a version was registered, in milliseconds since 1970; None where the registry does not say."""
    return int(version.creation_timestamp) if version.creation_timestamp else None


def list_shortly(names: Iterable[str]) -> str:
    """Names that somebody else chose, for a message."""
    each = list(names)
    shown = ", ".join(name[:_LONGEST_LISTED] for name in each[:_MOST_LISTED])
    return f"{shown} and {len(each) - _MOST_LISTED} more" if len(each) > _MOST_LISTED else shown


def _check_pairs(what: str, pairs: Mapping[str, str] | None, where: str) -> None:
    if pairs and len(pairs) > _MOST_TAGS:
        raise _refusal(f"{len(pairs):,} {what}", where)
    for key, value in (pairs or {}).items():
        _check_length(what, key, LONGEST_NAME, where)
        _check_length(what, value, _LONGEST_TEXT, where)


def _check_time(value: object, where: str) -> None:
    is_time = value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63)
    if not is_time:
        raise _refusal(f"the time {str(value)[:50]!r}", where)


def _check_length(what: str, text: object, most: int, where: str) -> None:
    if text is not None and not isinstance(text, str):
        raise _refusal(f"{what} that is no text but a {type(text).__name__}", where)
    if text is not None and len(text) > most:
        raise _refusal(f"{what} of {len(text):,} characters", where)


def _refusal(what: str, where: str) -> RegistryError:
    return RegistryError(
        f"The registry answers with {what}", where=where, fix="Look at this model in MLflow's UI, and correct it there"
    )
