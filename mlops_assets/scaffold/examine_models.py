"""What a first launch of the models of a registry would meet: each is examined as a YAML of its own would be."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlops_assets.code_location.env_file import load_env_file
from mlops_assets.errors import ConfigurationError
from mlops_assets.examine.examine import examine
from mlops_assets.examine.findings import Color, Examination, Finding, Notes, Proposal
from mlops_assets.examine.registered_model import examine_registry
from mlops_assets.examine.request import ExaminationRequest
from mlops_assets.examine.yaml_text import attributes
from mlops_assets.scaffold.write_model import note_env
from mlops_assets.settings.registered_models import ModelFilter, RegisteredModelTags, settings_of_model

# Each is loaded, and its table read.
MOST_EXAMINED = 10
_MOST_FINDINGS = 20


@dataclass(frozen=True)
class RegistryRequest:
    """Which models, and what is the same for all of them; ``{model}`` in a place stands for the model's name.

    Attributes
    ----------
    root
        The project's folder, where relative paths start.
    """

    root: Path
    tags: Mapping[str, str]
    pattern: str
    inputs: str
    row_key: tuple[str, ...]
    outputs: str
    tracking_uri: str | None = None


@dataclass(frozen=True)
class RegistryExamination:
    """Findings, each with its model's name, and the settings that follow from them.

    Attributes
    ----------
    found
        The registered models that are meant.
    defaults
        Settings that are the same for every model that was examined.
    models
        What is different for some: registered model -> settings.
    refused
        Models whose loading runs their own code, or makes types that are not trusted -> the setting that allows it.
    examined
        How many were examined.
    env_line
        What has to be in the project's ``.env``; None: nothing.
    """

    request: RegistryRequest
    findings: tuple[Finding, ...]
    defaults: Mapping[str, Any]
    found: tuple[str, ...] = ()
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    refused: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    examined: int = 0
    env_line: str | None = None

    def of(self, color: Color) -> tuple[Finding, ...]:
        """The findings of one colour, in their order."""
        return tuple(finding for finding in self.findings if finding.color == color)


def parse_tags(texts: Sequence[str]) -> dict[str, str]:
    """Tags as typed: ``name=value``, or ``name`` for any value.

    Examples
    --------
    >>> parse_tags(["serve=true", "team"])
    {'serve': 'true', 'team': '*'}
    """
    tags = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name.strip():
            raise ConfigurationError(f"{text!r} is no tag", where="--tag", fix="Write NAME=VALUE, or NAME")
        tags[name.strip()] = value if equals else "*"
    return tags


def examine_models(request: RegistryRequest) -> RegistryExamination:
    """Ask the registry which models there are, and examine the first `MOST_EXAMINED` with their tables.

    Whatever goes wrong is a finding. Nothing that is not trusted is loaded.
    """
    load_env_file(request.root)
    notes = Notes()
    models, env_line = _find_models(request, notes)
    common = _common(request)
    examinations: dict[str, Examination] = {}
    for model in models[:MOST_EXAMINED]:
        with notes.report_errors("settings"):
            examinations[model.name] = examine(_request_of(model, common, request))
    findings = [*notes.findings, *_findings(examinations)]
    if len(models) > MOST_EXAMINED:
        what = f"Of the {len(models)} registered models the first {MOST_EXAMINED} were examined"
        findings.append(
            Finding("model", "yellow", what, fix="Examine others with mlops-assets doctor MODEL --inputs TABLE")
        )
    if env_line is not None:
        noted = note_env(Examination((), Proposal(None, None, "tables"), env_line), request.root)
        findings = [*noted.findings, *findings]
    defaults, differences = _split({name: _settings(each) for name, each in examinations.items()})
    return RegistryExamination(
        request,
        tuple(findings),
        _merge(common, defaults),
        found=tuple(model.name for model in models),
        models=differences,
        refused={name: trust for name, each in examinations.items() if (trust := _refused(each.proposal))},
        examined=len(examinations),
        env_line=env_line,
    )


def _find_models(request: RegistryRequest, notes: Notes) -> tuple[list[RegisteredModelTags], str | None]:
    registry, env_line = examine_registry(
        ExaminationRequest(None, None, request.root, tracking_uri=request.tracking_uri), notes
    )
    models: list[RegisteredModelTags] = []
    if registry is None:
        return models, env_line
    with notes.report_errors("registry"):
        known = [RegisteredModelTags(model.name, dict(model.tags)) for model in registry.models()]
        chosen = ModelFilter(request.tags, request.pattern)
        models = [model for model in known if chosen.matches(model)]
        if not models:
            notes.add("model", "red", *_nothing_chosen(request, known, registry.where))
    return models, env_line


def _nothing_chosen(request: RegistryRequest, known: list[RegisteredModelTags], where: str) -> tuple[str]:
    names = ", ".join(model.name for model in known[:5]) or "none"
    asked = [f"{name}={value}" for name, value in request.tags.items()]
    named = [f"a name like {request.pattern}"] if request.pattern != "*" else []
    wanted = " and ".join([*([f"the tags {', '.join(asked)}"] if asked else []), *named])
    which = f"with {wanted}" if wanted else "at all"
    return (f"There is no registered model {which} in {where}; its models are: {names}",)


def _common(request: RegistryRequest) -> dict[str, Any]:
    inputs: dict[str, Any] = {"path": request.inputs}
    if request.row_key:
        inputs["row_key"] = list(request.row_key)
    return {"inputs": inputs, "outputs": {"path": request.outputs}}


def _request_of(model: RegisteredModelTags, common: Mapping[str, Any], request: RegistryRequest) -> ExaminationRequest:
    settings = settings_of_model(model, common, {})
    wanted = settings.get("alias_or_version", "Champion")
    row_key = settings["inputs"].get("row_key")
    return ExaminationRequest(
        model=f"{model.name}/{wanted}" if isinstance(wanted, int) else f"{model.name}@{wanted}",
        inputs=settings["inputs"]["path"],
        root=request.root,
        row_key=tuple([row_key] if isinstance(row_key, str) else row_key) if row_key else None,
        outputs=settings["outputs"]["path"],
        tracking_uri=request.tracking_uri,
    )


def _findings(examinations: Mapping[str, Examination]) -> Iterator[Finding]:
    """Those that a person acts on; what is said of the registry has been said."""
    count = 0
    for name, examination in examinations.items():
        for finding in examination.findings:
            if finding.color == "green" or finding.topic == "registry":
                continue
            count += 1
            if count <= _MOST_FINDINGS or finding.color == "red":
                yield replace(finding, what=f"{name}: {finding.what}")


def _settings(examination: Examination) -> dict[str, Any]:
    """What the examination proposes beside the places, which are the same for all."""
    settings = attributes(examination.proposal)
    inputs = {key: value for key, value in settings["inputs"].items() if key != "path"}
    rest = {key: value for key, value in settings.items() if key not in ("model", "name", "alias_or_version")}
    return {key: value for key, value in {**rest, "inputs": inputs, "outputs": {}}.items() if value}


def _refused(proposal: Proposal) -> dict[str, Any]:
    if proposal.code_execution is not None:
        return {"allow_pickle": True}
    return {"trusted_types": list(proposal.untrusted_types)} if proposal.untrusted_types else {}


def _split(settings: Mapping[str, dict[str, Any]]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Settings that all models have alike, and what is left of each."""
    if not settings:
        return {}, {}
    first, *others = [_flatten(each) for each in settings.values()]
    alike = {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}
    left = {
        name: {key: value for key, value in _flatten(each).items() if key not in alike}
        for name, each in settings.items()
    }
    return _nest(alike), {name: _nest(each) for name, each in left.items() if each}


def _flatten(settings: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    return {(group, key): value for group, values in settings.items() for key, value in values.items()}


def _nest(settings: Mapping[tuple[str, str], Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for (group, key), value in settings.items():
        nested.setdefault(group, {})[key] = value
    return nested


def _merge(settings: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    return {key: {**settings.get(key, {}), **more.get(key, {})} for key in dict.fromkeys((*settings, *more))}
