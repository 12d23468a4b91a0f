"""MLflow's addresses of models, taken apart."""

import re
from dataclasses import dataclass

MODEL_URI_FORMS = "runs:/<run id>/<model name>, models:/m-<id>, models:/<name>/<version> or models:/<name>@<alias>"

_LOGGED = re.compile(r"models:/(?P<model_id>m-[0-9a-f]{32})")
_RUN = re.compile(r"runs:/(?P<run_id>[^/]+)/(?P<name>.+)")
_VERSION = re.compile(r"models:/(?P<name>[^/@]+)/(?P<version>[0-9]{1,10})")
_NUMBER = re.compile(r"[0-9]{1,10}")
_ALIAS = re.compile(r"models:/(?P<name>[^/@]+)@(?P<alias>.+)")


@dataclass(frozen=True)
class LoggedModelUri:
    """``models:/m-<id>``: a logged model by its id."""

    model_id: str

    def __str__(self) -> str:
        return f"models:/{self.model_id}"


@dataclass(frozen=True)
class RunModelUri:
    """``runs:/<run id>/<model name>``: the logged model of this name in a run; the last one where it has several."""

    run_id: str
    name: str

    def __str__(self) -> str:
        return f"runs:/{self.run_id}/{self.name}"


@dataclass(frozen=True)
class VersionUri:
    """``models:/<name>/<version>``: a registered version by its number."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"models:/{self.name}/{self.version}"


@dataclass(frozen=True)
class AliasUri:
    """``models:/<name>@<alias>``: the registered version that an alias points at."""

    name: str
    alias: str

    def __str__(self) -> str:
        return f"models:/{self.name}@{self.alias}"


LoggedUri = LoggedModelUri | RunModelUri
RegisteredUri = VersionUri | AliasUri


def parse_model_uri(text: str) -> LoggedUri | RegisteredUri | None:
    """The model that `text` names; None where it names none.

    Examples
    --------
    >>> parse_model_uri("models:/churn@Champion")
    AliasUri(name='churn', alias='Champion')
    >>> parse_model_uri("models:/churn/Champion") is None
    True
    """
    if match := _LOGGED.fullmatch(text):
        return LoggedModelUri(match["model_id"])
    if match := _RUN.fullmatch(text):
        return RunModelUri(match["run_id"], match["name"])
    if match := _VERSION.fullmatch(text):
        return VersionUri(match["name"], int(match["version"]))
    if match := _ALIAS.fullmatch(text):
        return AliasUri(match["name"], match["alias"])
    return None


def whole_number(text: str) -> int | str:
    """The number that `text` writes; `text` itself where it writes none, or one of more digits than anything has.

    Examples
    --------
    >>> whole_number("12"), whole_number("Champion"), whole_number("\N{SUPERSCRIPT TWO}")
    (12, 'Champion', '²')
    """
    return int(text) if _NUMBER.fullmatch(text) else text
