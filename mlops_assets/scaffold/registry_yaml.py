"""The YAML of a registry's models, with what might be changed commented out."""

from collections.abc import Iterator
from typing import Any

from mlops_assets.examine.yaml_text import flow
from mlops_assets.scaffold.examine_models import RegistryExamination

COMPONENT = "mlops_assets.MlflowRegistryComponent"


def first_line(examination: RegistryExamination) -> str:
    """Whether the first launch will succeed; else the first reason why not, and what to do."""
    red = examination.of("red")
    if red:
        return f"Not ready: {red[0]}"
    return (
        f"Ready: {examination.examined} of {len(examination.found)} registered models were examined with their tables, "
        "and this launches as it is."
    )


def registry_attributes(examination: RegistryExamination) -> dict[str, Any]:
    """The settings as a mapping, for Python."""
    request = examination.request
    settings: dict[str, Any] = {}
    if request.tags:
        settings["tags"] = dict(request.tags)
    if request.pattern != "*":
        settings["pattern"] = request.pattern
    settings["defaults"] = dict(examination.defaults)
    if examination.models:
        settings["models"] = {name: dict(each) for name, each in examination.models.items()}
    if request.tracking_uri is not None:
        settings["tracking_uri"] = request.tracking_uri
    return settings


def write_registry_yaml(examination: RegistryExamination) -> str:
    """The text of ``defs.yaml``; as for one model, trust is never extended but by the reader."""
    return "\n".join([*_head(examination), f"type: {COMPONENT}", "", "attributes:", *_lines(examination)]) + "\n"


def _head(examination: RegistryExamination) -> Iterator[str]:
    red = examination.of("red")
    yield f"# {first_line(examination)}"
    yield from (f"# Not ready: {finding}" for finding in red[1:])
    if red:
        yield "# Correct this, and remove these lines."
    yield from (f"# Note: {finding}" for finding in examination.of("yellow"))
    yield "# Which models there are is looked up by `dg utils refresh-defs-state`, and each time `dg dev` starts."


def _lines(examination: RegistryExamination) -> Iterator[str]:
    settings = registry_attributes(examination)
    if "tags" in settings:
        yield f"  tags: {flow(settings['tags'])}  # registered models with all of these tags; * is any value"
    else:
        yield '  # tags: {mlops_assets.serve: "true"}  # only registered models with this tag; * is any value'
    if "pattern" in settings:
        yield f"  pattern: {flow(settings['pattern'])}  # and with a name like this"
    else:
        yield "  # pattern: risk_*  # only those with a name like this"
    yield "  defaults:  # as for MlflowModelComponent, without `model`; {model} is the model's name"
    yield from (f"    {key}: {flow(value)}" for key, value in settings["defaults"].items())
    if "row_key" not in settings["defaults"]["inputs"]:
        yield "    # in inputs, row_key: [customer_id] names the columns that identify a row"
    yield from _models(examination)
    if "tracking_uri" in settings:
        yield f"  tracking_uri: {flow(settings['tracking_uri'])}"
    yield "  # allowed_inputs: [data/]  # a tag mlops_assets.settings.inputs.path may name a place below these"


def _models(examination: RegistryExamination) -> Iterator[str]:
    """What is different for some; a group that holds comments alone is a comment, for YAML reads it as null."""
    active, refused = examination.models, examination.refused
    if not active and not refused:
        yield "  # models:  # what is different for some"
        yield f"  #   {flow(examination.found[0]) if examination.found else 'churn'}: {{explain: {{sample: 10000}}}}"
        return
    yield "  models:  # what is different for some" if active else "  # models:  # what is different for some"
    if refused:
        yield "  #   Loading these runs code that comes with them, or makes types that are not trusted here:"
        yield "  #   whoever can write to the registry can then run code here. If you trust them, remove the # and the"
        yield f"  #   blank after it {'where' if active else 'before `models:` and where'} `trust` is written."
    for name, each in active.items():
        if name not in refused:
            yield f"    {flow(name)}: {flow(dict(each))}"
            continue
        # A line of its own: a second entry for this model would be a duplicate key.
        yield f"    {flow(name)}:"
        yield from (f"      {flow(key)}: {flow(value)}" for key, value in each.items())
        yield f"      # trust: {flow(dict(refused[name]))}"
    for name, trust in refused.items():
        if name not in active:
            yield f"  #   {flow(name)}: {flow({'trust': dict(trust)})}"
