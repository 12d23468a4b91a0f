"""The champion's signature: the contract on the data."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import dagster as dg
import pyarrow as pa

from mlops_assets.arrow.batching import first_rows
from mlops_assets.assets.streams import input_table
from mlops_assets.errors import SignatureError, TableError
from mlops_assets.io_managers.champion import ChampionIOManager
from mlops_assets.io_managers.inputs import InputsReader
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.run_partition import run_partition
from mlops_assets.metadata import list_names, table_metadata
from mlops_assets.models.answers import answer_to_sign
from mlops_assets.models.fitted_columns import select_fitted_columns
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.signature_of_version import SIGNING_ROWS
from mlops_assets.naming import CHAMPION_MODEL, MODEL_SIGNATURE, REGISTRY, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.retries import retry_when_unreachable
from mlops_assets.resources.signers import SignedBy, Signer
from mlops_assets.settings.tables import InputsSettings

SIGNATURE_COLUMNS = {"part": "string", "name": "string", "type": "string", "required": "bool", "default": "string"}


def model_signature_asset(
    names: ModelNames,
    inputs: InputsSettings,
    partitions: "dg.PartitionsDefinition[str] | None",
    *,
    reads_inputs: bool,
) -> dg.AssetsDefinition:
    """`model_signature` of one model; `reads_inputs`: its signer asks for a sample where no signature is recorded."""

    @dg.asset(
        key=names.key(MODEL_SIGNATURE),
        ins={CHAMPION_MODEL: dg.AssetIn(key=names.key(CHAMPION_MODEL))},
        deps=[inputs.asset_key(names)] if reads_inputs else [],
        io_manager_key=names.signature_store,
        required_resource_keys={REGISTRY, names.run_lock, *signing_resources(names, inputs)},
        pool=names.pool,
        group_name=names.group,
        kinds={"mlflow", "json"},
        code_version="1",
    )
    @redact_errors
    @report_progress(names.key(MODEL_SIGNATURE))
    def model_signature(context: dg.AssetExecutionContext, champion_model: ModelReference) -> dg.MaterializeResult[str]:
        """The columns and types that the champion takes and returns: the contract on the data.

        One JSON document, in MLflow's format: the signature that was logged with the version, else the one that the
        signer makes of a sample of the inputs (`origin` says which). Compare it with your table where rows are
        rejected; `contract` in the YAML says how strictly it is applied. Data version: SHA-256 of the content.
        """
        from mlops_assets.signatures.mlflow.signature_json import describe, signature_hash, signature_to_json

        sample = GraphSample(context, context.resources, names, inputs, partitions, champion_model)
        signed = sign(sample)
        text = signature_to_json(signed.signature)
        columns = signed.signature.inputs
        return dg.MaterializeResult(
            value=text,
            metadata={
                "signature": table_metadata(describe(signed.signature), SIGNATURE_COLUMNS),
                "origin": signed.origin,
                "inputs": f"{len(columns.inputs) if columns else 0} columns",
            },
            data_version=dg.DataVersion(signature_hash(text)),
        )

    return model_signature


def signing_resources(names: ModelNames, inputs: InputsSettings) -> set[str]:
    """The model's own resources that `sign` needs, beside the registry."""
    return {names.signer, names.champion_store, names.loader, *inputs.readers(names)}


def sign(sample: "GraphSample", *, anew: bool = False) -> SignedBy:
    """Ask the model's signer for the signature of `sample.reference`; `anew` even where a signature is recorded.

    Raises
    ------
    SignatureError
        Logged with the column and type at fault, and raised.
    """
    registry: MlflowRegistry = getattr(sample.resources, REGISTRY)
    signer: Signer = getattr(sample.resources, sample.names.signer)
    try:
        with retry_when_unreachable(sample.context.retry_number):
            files = registry.files(sample.reference)
        signed = signer.sign_version(files, sample, anew=anew)
    except SignatureError as error:
        sample.context.log.error(f"{type(signer).__name__} could not sign {sample.reference.uri}: {error}")
        raise
    if not sample.passed_over:
        return signed
    return replace(signed, origin=f"{signed.origin}; not fitted on: {list_names(sample.passed_over)}")


@dataclass
class GraphSample:
    """The first rows of the model's inputs, and the pinned model itself, both read only when asked for.

    Attributes
    ----------
    context
        Of the step that signs.
    resources
        Has those of `signing_resources` and the registry as attributes.
    reference
        The pinned version that is signed.
    passed_over
        Columns of the table that the model was not fitted on, once `inputs` was called.
    """

    context: dg.AssetExecutionContext | dg.OpExecutionContext
    resources: Any
    names: ModelNames
    settings: InputsSettings
    partitions: "dg.PartitionsDefinition[str] | None"
    reference: ModelReference
    rows: int = field(default=SIGNING_ROWS)
    passed_over: tuple[str, ...] = ()

    def inputs(self) -> Any:
        from mlops_assets.signatures.contract.contract import Contract, ContractPolicy

        if self.settings.is_read:
            reader: InputsReader = getattr(self.resources, self.names.inputs_reader)
            table = reader.open(run_partition(self.context, self.partitions))
        else:
            # Dagster's op context loads assets as well; only its class does not declare it.
            context = cast(dg.AssetExecutionContext, self.context)
            table = input_table(
                self.names, self.settings, context.load_asset_value(self.settings.asset_key(self.names))
            )
        raw = table.raw or table
        # Rows whose values cannot be converted to a declared type have no part in it.
        contract = Contract(None, raw.schema, raw.row_key, ContractPolicy(types=table.types), where=table.uri)
        accepted = (contract.apply(batch).accepted for batch in first_rows(raw.batches(), self.rows))
        sample = pa.Table.from_batches(accepted, contract.accepted_schema)
        if not sample.num_rows:
            raise TableError("There are no rows to sign from", where=table.uri, fix="Give a table with rows")
        beside = {*table.row_key, *self.settings.carried} & {*sample.column_names}
        frame = sample.drop_columns(sorted(beside)).to_pandas()
        # The signature is that of the model, and the table may have other columns beside its inputs.
        fitted = select_fitted_columns(self._model, frame)
        self.passed_over = tuple(str(name) for name in frame.columns if name not in fitted.columns)
        return fitted

    def answers(self, inputs: Any) -> Any:
        return answer_to_sign(self._model.predict(inputs), len(inputs))

    @cached_property
    def _model(self) -> LoadedModel:
        store: ChampionIOManager = getattr(self.resources, self.names.champion_store)
        return store.load(self.reference)
