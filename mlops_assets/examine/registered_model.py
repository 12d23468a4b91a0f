"""The model: is it there, may it be loaded, does it load, and with which versions of its libraries."""

import os
from dataclasses import dataclass
from pathlib import Path

from mlops_assets.direct.model import parse_model
from mlops_assets.direct.registry import find_registry, work_folder
from mlops_assets.errors import AliasNotFoundError, MlopsAssetsError
from mlops_assets.examine.findings import Notes
from mlops_assets.examine.request import ExaminationRequest
from mlops_assets.models.cache import ModelCache
from mlops_assets.models.flavors import find_code_execution
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.model_source import FlavorLoader, ModelSource
from mlops_assets.models.model_uri import AliasUri, VersionUri
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.registry import Registry
from mlops_assets.models.requirements import Mismatch, compare_requirements
from mlops_assets.models.signature_of_version import signature_in_folder
from mlops_assets.models.skops_import import import_skops
from mlops_assets.models.trust import TrustPolicy
from mlops_assets.state import state_folder

_MISMATCHES_SHOWN = 8


@dataclass(frozen=True)
class ExaminedModel:
    """What is known of the model; None and empty where it could not be found out.

    Attributes
    ----------
    signature
        The JSON of the signature that its files record.
    model
        Loaded, where the trust policy agreed.
    predict_fn
        The method that MLflow's `predict` calls.
    """

    name: str
    alias_or_version: str | int
    aliases: tuple[str, ...] = ()
    reference: ModelReference | None = None
    signature: str | None = None
    model: LoadedModel | None = None
    predict_fn: str = "predict"
    code_execution: str | None = None
    untrusted_types: tuple[str, ...] = ()


def examine_registry(request: ExaminationRequest, notes: Notes) -> tuple[Registry | None, str | None]:
    """The registry, and the line of ``.env`` without which the project's runs would ask another one."""
    with notes.report_errors("registry"):
        registry = find_registry(request.tracking_uri, request.registry_uri)
        with registry.translate_errors(f"asking {registry.where}"):
            registry.client.search_registered_models(max_results=1)
        notes.add("registry", "green", f"The registry answers: {registry.where}")
        asked = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(state_folder(request.root) / 'mlflow.db')}"
        if registry.tracking_uri == asked and request.registry_uri is None:
            return registry, None
        lines = [f"MLFLOW_TRACKING_URI={registry.tracking_uri}"]
        if request.registry_uri is not None:
            lines.append(f"MLFLOW_REGISTRY_URI={request.registry_uri}")
        return registry, "\n".join(lines)
    return None, None


def examine_model(request: ExaminationRequest, registry: Registry, notes: Notes) -> ExaminedModel | None:
    """Pin, read, judge and load the version; None where the request names no registered model."""
    with notes.report_errors("model"):
        address = parse_model(request.model or "")
        if not isinstance(address, AliasUri | VersionUri):
            notes.add(
                "model",
                "red",
                f"{request.model!r} is not registered, and a graph follows a registered model",
                fix="Register it with mlflow.register_model(uri, name), and give that name",
            )
            return None
        wanted = address.alias if isinstance(address, AliasUri) else address.version
        examined = ExaminedModel(address.name, wanted)
        version = _find_version(registry, address.name, wanted, notes)
        if version is None:
            return examined
        examined = ExaminedModel(address.name, wanted, tuple(sorted(registry.model(address.name).aliases)))
        import_skops()
        cache = ModelCache(work_folder() / "cache" / "models")
        reference = registry.pin(address.name, version, cache, request.trust)
        folder = registry.fetch(reference, cache)
        description = ModelDescription.read(folder)
        label = "" if isinstance(wanted, int) else f" ({wanted})" if isinstance(version, str) else " (the newest)"
        notes.add("model", "green", f"{address.name!r} version {reference.version}{label}, {description.flavor}")
        _examine_environment(folder, notes)
        return _examine_files(request, registry, cache, examined, reference, description, notes)
    return ExaminedModel(*_name_of(request.model or ""))


def _find_version(registry: Registry, name: str, wanted: str | int, notes: Notes) -> str | int | None:
    """What to examine: the version that is wanted, else the newest; None where there is no version at all."""
    try:
        registry.version(name, wanted)
    except AliasNotFoundError as error:
        versions = registry.newest_versions(name)
        aliases = sorted(registry.model(name).aliases)
        fix = f"Name one that it has, {name}@{aliases[0]}, or set it: " if aliases else "Set it: "
        newest = f"MlflowClient().set_registered_model_alias({name!r}, {wanted!r}, {max(versions, default=1)})"
        notes.add("model", "red", error.what, where=error.where, fix=fix + newest)
        return max(versions, default=None)
    return wanted


def _examine_files(
    request: ExaminationRequest,
    registry: Registry,
    cache: ModelCache,
    examined: ExaminedModel,
    reference: ModelReference,
    description: ModelDescription,
    notes: Notes,
) -> ExaminedModel:
    from mlops_assets.signatures.mlflow.signature_json import signature_to_json

    signature = None
    with notes.report_errors("signature"):
        recorded = signature_in_folder(description.folder)
        signature = signature_to_json(recorded) if recorded is not None else None
    code, untrusted, model = find_code_execution(description), frozenset[str](), None
    with notes.report_errors("trust"):
        if code is None:
            # Also those that were allowed for this examination: the YAML has to name them.
            untrusted = TrustPolicy().untrusted_types(description)
        request.trust.check(description, reference)
        if code or untrusted:
            why = "runs code that comes with it" if code else f"makes {', '.join(sorted(untrusted))}"
            notes.add(
                "trust",
                "yellow",
                f"Loading the model {why}, which was allowed for this examination alone",
                fix="Remove the # before `trust:` in the YAML to allow it for runs",
            )
        else:
            notes.add("trust", "green", "The model may be loaded: nothing of it runs code")
        model = _load(ModelSource(registry, cache.root, FlavorLoader(), request.trust), reference, notes)
    predict_fn = description.flavors.get("python_function", {}).get("predict_fn", "predict")
    return ExaminedModel(
        examined.name,
        examined.alias_or_version,
        examined.aliases,
        reference,
        signature,
        model,
        str(predict_fn),
        code,
        tuple(sorted(untrusted)),
    )


def _load(source: ModelSource, reference: ModelReference, notes: Notes) -> LoadedModel | None:
    try:
        return source.load(reference)
    except MlopsAssetsError as error:
        notes.add("environment", "red", error.what, where=error.where, fix=error.fix)
        return None


def _examine_environment(folder: Path, notes: Notes) -> None:
    differing = compare_requirements(folder)
    if not differing:
        notes.add("environment", "green", "The model's requirements are installed here, in the versions that it names")
        return
    shown = ", ".join(map(_describe, differing[:_MISMATCHES_SHOWN]))
    more = f", and {len(differing) - _MISMATCHES_SHOWN} more" if len(differing) > _MISMATCHES_SHOWN else ""
    install = " ".join(f'"{each.requirement}"' for each in differing[:_MISMATCHES_SHOWN])
    notes.add(
        "environment",
        "yellow",
        f"The model was saved with other versions: {shown}{more}",
        fix=f"Compare its predictions with known ones; if they differ, run: pip install {install}",
    )


def _describe(mismatch: Mismatch) -> str:
    return f"{mismatch.requirement} (here {mismatch.installed or 'not installed'})"


def _name_of(model: str) -> tuple[str, str | int]:
    """Name and alias or version of what could not be examined, for the YAML."""
    try:
        address = parse_model(model)
    except MlopsAssetsError:
        return model, "Champion"
    if isinstance(address, VersionUri):
        return address.name, address.version
    return (address.name, address.alias) if isinstance(address, AliasUri) else (model, "Champion")
