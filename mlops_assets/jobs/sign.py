"""The job that gives a model without a signature one."""

from collections.abc import Mapping

import dagster as dg
from pydantic import Field

from mlops_assets.assets.signature import SIGNATURE_COLUMNS, GraphSample, sign, signing_resources
from mlops_assets.errors import SignatureError
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.metadata import table_metadata
from mlops_assets.models.logged_models import pin_logged
from mlops_assets.models.model_uri import MODEL_URI_FORMS, AliasUri, VersionUri, parse_model_uri
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.trust import TrustPolicy
from mlops_assets.naming import MODEL_TAG, REGISTRY, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.binding import initialize_resources, job_with_defaults
from mlops_assets.resources.liveness import executed_alive
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.settings.tables import InputsSettings
from mlops_assets.settings.trust import TrustSettings


def sign_job(
    names: ModelNames,
    alias_or_version: str | int,
    inputs: InputsSettings,
    trust: TrustSettings,
    partitions: "dg.PartitionsDefinition[str] | None",
    resources: Mapping[str, dg.ResourceDefinition],
    defaults: Mapping[str, dg.ResourceDefinition],
    silent_seconds: float,
) -> dg.JobDefinition:
    """`<model>_sign_job`: the model's signer signs a logged model in place, or a registered version as a new one."""
    separator = "@" if isinstance(alias_or_version, str) else "/"
    default_target = f"models:/{names.model}{separator}{alias_or_version}"

    class SignConfig(dg.Config):
        """What is signed."""

        target: str = Field(
            default=default_target,
            description="runs:/<run id>/<name> or models:/m-<id> (signed in place), models:/<name>/<version> or "
            "models:/<name>@<alias> (becomes a new version with files of its own).",
        )
        overwrite: bool = Field(default=False, description="Replace a signature that is there already.")
        move_alias: str | None = Field(default=None, description="Alias to point at the new version. Null: none.")

    @dg.op(
        name=f"{names.slug}__sign",
        required_resource_keys={REGISTRY},
        description="Asks the model's signer and stores the signature; an existing one only with overwrite.",
        out=dg.Out(dg.Nothing),
    )
    @redact_errors
    @executed_alive(names.name, silent_seconds)
    @report_progress()
    def sign_model(context: dg.OpExecutionContext, config: SignConfig) -> None:
        from mlops_assets.models.signing import sign_model as store
        from mlops_assets.signatures.mlflow.signature_json import describe

        registry: MlflowRegistry = getattr(context.resources, REGISTRY)
        reference = _pinned(registry, config.target, trust.policy())
        if not config.overwrite and _is_signed(registry, reference):
            raise SignatureError(
                "The model has a signature already", where=config.target, fix="Set overwrite: true to replace it"
            )
        with initialize_resources(context, resources, signing_resources(names, inputs)) as model_resources:
            sample = GraphSample(context, model_resources, names, inputs, partitions, reference)
            signed = sign(sample, anew=config.overwrite)
        done = store(
            registry.address().client,
            (reference.name, reference.version) if reference.version else config.target,
            signed.signature,
            overwrite=config.overwrite,
            move_alias=config.move_alias,
        )
        context.log.info(f"{config.target} is signed: {done.uri} ({signed.origin})")
        context.add_output_metadata(
            {
                "signed": done.uri,
                "origin": signed.origin,
                "alias_moved": done.alias or "(none)",
                "signature": table_metadata(describe(signed.signature), SIGNATURE_COLUMNS),
            }
        )

    return job_with_defaults(
        sign_model,
        names.sign_job,
        f"Gives {names.model} a signature where it has none, as a new version; a registered version is never changed. "
        "Run it once for a model that was logged without an input_example.",
        defaults,
        tags={MODEL_TAG: names.slug},
    )


def _pinned(registry: MlflowRegistry, target: str, trust: TrustPolicy) -> ModelReference:
    uri = parse_model_uri(target)
    if uri is None:
        raise SignatureError(f"{target!r} names no model", fix=f"Use {MODEL_URI_FORMS}")
    if isinstance(uri, AliasUri):
        return registry.pin(uri.name, uri.alias, trust)
    if isinstance(uri, VersionUri):
        return registry.pin(uri.name, uri.version, trust)
    return pin_logged(registry.address(), uri, registry.cache, trust)


def _is_signed(registry: MlflowRegistry, reference: ModelReference) -> bool:
    from mlops_assets.models.signature_of_version import signature_in_folder

    return signature_in_folder(registry.files(reference)) is not None
