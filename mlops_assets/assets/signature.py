"""The champion's signature: the contract on the data."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import dagster as dg
import pyarrow as pa

from mlops_assets.arrow.batching import first_rows
from mlops_assets.assets.streams import input_table
from mlops_assets.errors import SignatureError, TableError
from mlops_assets.family import Family
from mlops_assets.io_managers.champion import ChampionIOManager
from mlops_assets.metadata import table
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.reference import ModelReference
from mlops_assets.naming import REGISTRY
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.retries import retried_when_unreachable
from mlops_assets.resources.signers import SignedBy, Signer

SIGNATURE_COLUMNS = {"part": "string", "name": "string", "type": "string", "required": "bool", "default": "string"}
SIGNING_ROWS = 10_000


def model_signature_asset(family: Family) -> dg.AssetsDefinition:
    """`model_signature` of one model."""

    @dg.asset(
        key=family.key("model_signature"),
        ins={"champion_model": dg.AssetIn(key=family.key("champion_model"))},
        io_manager_key=family.signature_store,
        required_resource_keys={REGISTRY, *signing_resources(family)},
        pool=family.pool,
        group_name=family.group,
        kinds={"mlflow", "json"},
        code_version="1",
    )
    def model_signature(context: dg.AssetExecutionContext, champion_model: ModelReference) -> dg.MaterializeResult[str]:
        """The champion's signature as MLflow's JSON: the contract on the data.

        The one recorded with the version; where it has none, what the signer makes (by default from a sample of the
        inputs and the model's answers to it). In the first case nothing is deserialized. Keys are sorted, so that equal
        signatures are equal bytes; the data version is their SHA-256.
        """
        from mlops_assets.signatures.mlflow.signature_json import describe, signature_hash, signature_to_json

        signed = sign(context, family, champion_model, context.resources)
        text = signature_to_json(signed.signature)
        inputs = signed.signature.inputs
        return dg.MaterializeResult(
            value=text,
            metadata={
                "signature": table(describe(signed.signature), SIGNATURE_COLUMNS),
                "origin": signed.origin,
                "inputs": len(inputs.inputs) if inputs else 0,
            },
            data_version=dg.DataVersion(signature_hash(text)),
        )

    return model_signature


def signing_resources(family: Family) -> set[str]:
    """The model's own resources that `sign` needs, beside the registry."""
    return {family.signer, family.champion_store, family.loader, *family.readers}


def sign(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    family: Family,
    reference: ModelReference,
    resources: Any,
    *,
    anew: bool = False,
) -> SignedBy:
    """Ask the model's signer; `anew` even where a signature is recorded. `resources` has those of `signing_resources`.

    Raises
    ------
    SignatureError
        Logged with the column and type at fault, and raised.
    """
    registry: MlflowRegistry = getattr(resources, REGISTRY)
    signer: Signer = getattr(resources, family.signer)
    try:
        with retried_when_unreachable(context.retry_number):
            files = registry.files(reference)
        return signer.sign_version(files, _GraphSample(context, resources, family, reference), anew=anew)
    except SignatureError as error:
        context.log.error(f"{type(signer).__name__} could not sign {reference.uri}: {error}")
        raise


@dataclass
class _GraphSample:
    """The first rows of the model's inputs, and the pinned model itself, both read only when asked for."""

    context: Any
    resources: Any
    family: Family
    reference: ModelReference
    rows: int = field(default=SIGNING_ROWS)

    def inputs(self) -> Any:
        if self.family.settings.inputs.is_read:
            found = getattr(self.resources, self.family.inputs_reader).open(self.family.run_partition(self.context))
        else:
            found = input_table(self.family, self.context.load_asset_value(self.family.inputs_key))
        sample = pa.Table.from_batches(first_rows(found.batches(), self.rows), found.schema)
        if not sample.num_rows:
            raise TableError("There are no rows to sign from", where=found.uri, fix="Give a table with rows")
        return sample.drop_columns(list(found.row_key)).to_pandas()

    def answers(self, inputs: Any) -> Any:
        return self._model.predict(inputs)

    @cached_property
    def _model(self) -> LoadedModel:
        store: ChampionIOManager = getattr(self.resources, self.family.champion_store)
        return store.load(self.reference)
