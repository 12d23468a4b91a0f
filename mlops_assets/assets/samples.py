"""The rows that will be scored, and the rows that the contract refused."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.input_table import InputSplit
from mlops_assets.arrow.provenance import PUBLISHED_TOGETHER, Provenance
from mlops_assets.arrow.spool import scratch_folder
from mlops_assets.assets.engine_and_store import EngineAndStore
from mlops_assets.assets.inputs import observe_inputs
from mlops_assets.assets.streams import input_table
from mlops_assets.engines.engine import PARTS
from mlops_assets.errors import MlopsAssetsError
from mlops_assets.io_managers.champion import ChampionIOManager
from mlops_assets.io_managers.inputs import list_files
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.rows import ROWS, Rows, can_stage, destinations_of, rows_with_provenance
from mlops_assets.metadata import INPUTS_LISTING, list_names, table_metadata
from mlops_assets.models.missing_values import MissingProposal, propose_where_known
from mlops_assets.naming import CHAMPION_MODEL, INPUT_SAMPLES, MODEL_SIGNATURE, REJECTED_SAMPLES, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.scoring.apply_contract import ContractResult, RowsAside, apply_contract
from mlops_assets.scoring.contract_parts import apply_contract_to_parts
from mlops_assets.scoring.spool_parts import spool_in_parts
from mlops_assets.settings.groups import ContractSettings
from mlops_assets.settings.tables import InputsSettings, OutputsSettings
from mlops_assets.state import state_folder

REJECTED_DESCRIPTION = """
The rows that the contract rejected, whole and as they were read, with the reasons.

One row per rejected row; `reasons` lists each column at fault with a code. Read it to repair the inputs, or to change
`contract` in the YAML. Every row that is read is here or in `input_samples`. It is published even when too many rows
were rejected and the run stops."""

SAMPLES_DESCRIPTION = """
The rows that are scored: the row key, then the signature's inputs in exactly its types.

One row per accepted row of the inputs. Use it as the values that belong to `predictions` and `sample_explanations`:
join on the row key. Whether a row is accepted depends on that row and the signature alone. The run stops here when
more than `contract.max_rejected` rows were rejected. Data version: SHA-256 of the content."""


def sample_assets(
    names: ModelNames,
    inputs_settings: InputsSettings,
    contract: ContractSettings,
    outputs: OutputsSettings,
    engine_and_store: EngineAndStore,
    partitions: "dg.PartitionsDefinition[str] | None",
    root: Path,
) -> dg.AssetsDefinition:
    """`rejected_samples` and `input_samples` of one model: made in one pass, so they are one step."""
    inputs = dg.AssetIn(
        key=inputs_settings.asset_key(names),
        input_manager_key=names.inputs_reader if inputs_settings.is_read else None,
    )

    class SamplesConfig(dg.Config):
        """Which rows a run reads."""

        limit: int | None = Field(default=None, description="Read only the first rows. Null: what the YAML says.", gt=0)

    @dg.multi_asset(
        name=f"{names.slug}__samples",
        partitions_def=partitions,
        required_resource_keys={names.run_lock, names.champion_store, names.tables},
        pool=names.pool,
        ins={MODEL_SIGNATURE: dg.AssetIn(key=names.key(MODEL_SIGNATURE)), "inputs": inputs},
        outs={
            name: dg.AssetOut(
                key=names.key(name),
                description=description.strip(),
                dagster_type=ROWS,
                io_manager_key=names.tables,
                group_name=names.group,
                kinds={"arrow", outputs.format},
                code_version="1",
            )
            for name, description in (
                (REJECTED_SAMPLES, REJECTED_DESCRIPTION),
                (INPUT_SAMPLES, SAMPLES_DESCRIPTION),
            )
        },
    )
    @redact_errors
    @report_progress(names.key(INPUT_SAMPLES))
    def samples(
        context: dg.AssetExecutionContext, config: SamplesConfig, model_signature: str, inputs: Any
    ) -> Iterator[dg.MaterializeResult[Rows]]:
        from mlops_assets.signatures.mlflow.signature_json import signature_from_json, signature_hash

        table = input_table(names, inputs_settings, inputs)
        source = table.raw or table
        policy = contract.policy(source.text_columns, table.types, inputs_settings.carried)
        schema = signature_from_json(model_signature).inputs
        published = (INPUT_SAMPLES, REJECTED_SAMPLES)
        with ExitStack() as pass_over_inputs:
            scratch = pass_over_inputs.enter_context(scratch_folder(state_folder(root) / "scratch"))
            splits: Sequence[InputSplit] = ()
            # What is looked up for splits is for tables that can be written in parts.
            if can_stage(context, names, published):
                found = table.splits() if config.limit is None else None
                if found is None:
                    table = spool_in_parts(table, scratch, config.limit)
                    found = table.splits()
                splits = found or ()
            destinations = destinations_of(context, names, published) if splits else []
            if not destinations:
                result_of_pass = apply_contract(table.raw or table, schema, policy, scratch, limit=config.limit)
            else:
                result_of_pass = apply_contract_to_parts(
                    table,
                    splits,
                    model_signature,
                    policy,
                    engine_and_store.engine(),
                    destinations[0],
                    destinations[1],
                    context.log.info,
                )
            conformed = pass_over_inputs.enter_context(result_of_pass)
            counts: dict[str, Any] = {
                "rows_read": conformed.rows,
                "rows_accepted": conformed.accepted.rows,
                "rows_rejected": conformed.rejected.rows,
                "inputs_uri": source.uri,
                "row_key": list_names(source.row_key),
            }
            if conformed.ignored:
                counts["ignored_columns"] = list_names(conformed.ignored)
                context.log.info(f"Columns that the signature does not name: {list_names(conformed.ignored)}")

            # From which files the rows are: nobody knows where files came or went meanwhile, or rows were left out.
            is_whole = table.listing is not None and config.limit is None
            if is_whole and list_files(inputs_settings.location(root), inputs_settings.format) == table.listing:
                listed: dict[str, Any] = {INPUTS_LISTING: table.listing}
            else:
                listed = {}
            together = hash_of(conformed.accepted_hash, conformed.rejected_hash)
            observe_inputs(context, names, inputs_settings, source, conformed.ignored, conformed.rows)

            def result(
                name: str, rows: RowsAside, content: str, parts: dict[str, str], more: dict[str, Any]
            ) -> dg.MaterializeResult[Rows]:
                provenance = Provenance(
                    row_key=source.row_key,
                    model=names.model,
                    signature_hash=signature_hash(model_signature),
                    data_version=content,
                    extra={"rows_read": str(conformed.rows), PUBLISHED_TOGETHER: together} | parts,
                )
                return dg.MaterializeResult(
                    asset_key=names.key(name),
                    value=rows_with_provenance(rows, provenance),
                    metadata=counts | _reasons(conformed) | more,
                    data_version=dg.DataVersion(content),
                )

            # Rows that are published in parts are not where they were any more.
            refusal = conformed.refusal(
                contract.max_rejected,
                where=source.uri,
                show_values=contract.show_values,
                propose=lambda columns: _propose_missing(context, names, columns),
            )
            yield result(REJECTED_SAMPLES, conformed.rejected, conformed.rejected_hash, {}, {})
            if refusal is not None:
                raise refusal
            # Where files end, work is cut into chunks: tomorrow's run finds those of today's files again.
            parts = {PARTS: " ".join(map(str, conformed.parts))} if conformed.parts else {}
            yield result(INPUT_SAMPLES, conformed.accepted, conformed.accepted_hash, parts, listed)

    return samples


def _propose_missing(
    context: dg.AssetExecutionContext, names: ModelNames, columns: Collection[str]
) -> MissingProposal | None:
    """What the champion does about missing values, for a message; None where it cannot be loaded, which is logged."""
    store: ChampionIOManager = getattr(context.resources, names.champion_store)
    try:
        return propose_where_known(store.load(store.read(names.key(CHAMPION_MODEL))), columns)
    except MlopsAssetsError as error:
        context.log.info(f"Whether the champion handles missing values is not known: {error}")
        return None


def _reasons(conformed: ContractResult) -> dict[str, Any]:
    if not conformed.reasons:
        return {}
    rows = [
        {"column": column, "reason": code, "rows": count}
        for (column, code), count in sorted(conformed.reasons.items(), key=lambda item: (-item[1], item[0]))
    ]
    return {"rejections": table_metadata(rows, {"column": "string", "reason": "string", "rows": "int"})}
