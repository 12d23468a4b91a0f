"""The champion, pinned, and its signature."""

import hashlib
from typing import Any

import dagster as dg
from pydantic import Field

from mlops_assets.errors import SignatureError
from mlops_assets.family import REGISTRY, Family
from mlops_assets.metadata import table
from mlops_assets.models.reference import ModelReference
from mlops_assets.resources.registry import MlflowRegistry

SIGNATURE_COLUMNS = {"part": "string", "name": "string", "type": "string", "required": "bool", "default": "string"}


def champion_model_asset(family: Family) -> dg.AssetsDefinition:
    """`champion_model` of one model."""
    configured = family.settings.alias_or_version
    its_alias = configured if isinstance(configured, str) else None
    its_version = configured if isinstance(configured, int) else None

    class ChampionConfig(dg.Config):
        """Which version a run uses."""

        alias: str | None = Field(default=its_alias, description="The alias to resolve, once per run.")
        version: int | None = Field(
            default=its_version, description="A version number; it takes precedence over the alias."
        )

    @dg.asset(
        key=family.key("champion_model"),
        io_manager_key=family.champion_store,
        group_name=family.group,
        kinds={"mlflow", "json"},
        code_version="1",
    )
    def champion_model(
        context: dg.AssetExecutionContext, config: ChampionConfig, mlflow_registry: MlflowRegistry
    ) -> dg.MaterializeResult[ModelReference]:
        """The version that the alias points at, pinned.

        A JSON reference (name, version, digest, flavors, run, source), never the model itself. The alias is read once;
        everything downstream uses this version, also when the alias moves meanwhile. The files are fetched anew and
        their SHA-256 is the asset's data version. Nothing is deserialized here.
        """
        chosen = config.version if config.version is not None else (config.alias or "")
        reference = mlflow_registry.pin(family.model, chosen)
        context.log.info(f"{family.model} {chosen!r} is version {reference.version}, digest {reference.digest[:12]}")
        metadata: dict[str, Any] = {
            "model": reference.name,
            "version": reference.version,
            "alias": reference.alias or "(none: a version was asked for)",
            "digest": reference.digest,
            "flavors": ", ".join(reference.flavors),
            "source": reference.source,
            "mlflow_run_id": reference.run_id or "(none)",
        }
        page = mlflow_registry.page(reference)
        if page:
            metadata["mlflow_page"] = dg.MetadataValue.url(page)
        return dg.MaterializeResult(value=reference, metadata=metadata, data_version=dg.DataVersion(reference.digest))

    return champion_model


def model_signature_asset(family: Family) -> dg.AssetsDefinition:
    """`model_signature` of one model."""

    @dg.asset(
        key=family.key("model_signature"),
        ins={"champion_model": dg.AssetIn(key=family.key("champion_model"))},
        io_manager_key=family.signature_store,
        required_resource_keys={REGISTRY, family.signer, family.champion_store, *family.readers},
        group_name=family.group,
        kinds={"mlflow", "json"},
        code_version="1",
    )
    def model_signature(context: dg.AssetExecutionContext, champion_model: ModelReference) -> dg.MaterializeResult[str]:
        """The champion's signature as MLflow's JSON: the contract on the data.

        The one recorded with the version; where it has none, what the signer makes from a sample of the inputs and the
        model's answers to it. Read without deserializing the model in the first case. Keys are sorted, so that equal
        signatures are equal bytes; the data version is their SHA-256.
        """
        from mlflow.models import Model

        from mlops_assets.signatures.recorded import describe, signature_to_json

        registry: MlflowRegistry = getattr(context.resources, REGISTRY)
        signature = Model.load(str(registry.files(champion_model))).signature
        origin = "recorded with the model"
        if signature is None:
            signature = _sign(context, family, champion_model)
            origin = f"made by {type(getattr(context.resources, family.signer)).__name__} from a sample of the inputs"
        text = signature_to_json(signature)
        return dg.MaterializeResult(
            value=text,
            metadata={
                "signature": table(describe(signature), SIGNATURE_COLUMNS),
                "origin": origin,
                "inputs": len(signature.inputs.inputs) if signature.inputs else 0,
            },
            data_version=dg.DataVersion(hashlib.sha256(text.encode()).hexdigest()),
        )

    return model_signature


def _sign(context: dg.AssetExecutionContext, family: Family, reference: ModelReference) -> Any:
    from mlops_assets.assets.streams import signing_sample

    signer = getattr(context.resources, family.signer)
    context.log.info(f"{reference.uri} has no signature; {type(signer).__name__} makes one from the inputs")
    inputs, outputs = signing_sample(context, family, reference)
    try:
        return signer.sign(inputs, outputs)
    except SignatureError as error:
        context.log.error(f"Signing failed: {error}")
        raise
