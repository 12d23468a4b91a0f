"""The rows that will be scored, and the rows that the contract refused."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pyarrow as pa
from pydantic import Field

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.spool import Spool, scratch_folder
from mlops_assets.assets.streams import input_table, with_provenance
from mlops_assets.engines.engine import PARTS
from mlops_assets.family import Family
from mlops_assets.metadata import table
from mlops_assets.scoring.apply_contract import ContractResult, apply_contract
from mlops_assets.signatures.contract.contract import Policy
from mlops_assets.state import state_folder

REJECTED_DESCRIPTION = """
Every row that the contract refused, whole and as it was, with `reasons`: a list of (column, code).

Rows in = `input_samples` + `rejected_samples`: nothing is lost. Published also when there are too many of them and
the run stops, so that they can be read."""

SAMPLES_DESCRIPTION = """
The rows that will be scored: the row key first, then the signature's inputs, typed exactly as it says.

Whether a row is accepted depends on that row and the signature alone. Row keys are unique and unchanged. Fails before
anything downstream runs when more than `contract.max_rejected` rows were refused. The data version is the SHA-256 of
the content: the same rows give the same version, whatever file they come from."""


def sample_assets(family: Family) -> dg.AssetsDefinition:
    """`rejected_samples` and `input_samples` of one model: made in one pass, so they are one step."""
    settings = family.settings
    inputs = dg.AssetIn(
        key=family.inputs_key, input_manager_key=family.inputs_reader if settings.inputs.is_read else None
    )

    class SamplesConfig(dg.Config):
        """Which rows a run reads."""

        limit: int | None = Field(default=None, description="Read only the first rows. Null: what the YAML says.", gt=0)

    @dg.multi_asset(
        name=f"{family.slug}__samples",
        partitions_def=family.partitions,
        required_resource_keys={family.turn},
        pool=family.pool,
        ins={"model_signature": dg.AssetIn(key=family.key("model_signature")), "inputs": inputs},
        outs={
            name: dg.AssetOut(
                key=family.key(name),
                description=description.strip(),
                dagster_type=pa.RecordBatchReader,
                io_manager_key=family.tables,
                group_name=family.group,
                kinds={"arrow", settings.outputs.format},
                code_version="1",
            )
            for name, description in (
                ("rejected_samples", REJECTED_DESCRIPTION),
                ("input_samples", SAMPLES_DESCRIPTION),
            )
        },
    )
    def samples(
        context: dg.AssetExecutionContext, config: SamplesConfig, model_signature: str, inputs: Any
    ) -> Iterator[dg.MaterializeResult[pa.RecordBatchReader]]:
        from mlops_assets.signatures.mlflow.signature_json import signature_from_json, signature_hash

        source = input_table(family, inputs)
        policy = Policy(
            missing=settings.contract.missing,
            parse_iso_datetimes=settings.contract.iso_datetimes,
            text_columns=source.text_columns,
        )
        schema = signature_from_json(model_signature).inputs
        with (
            scratch_folder(state_folder(family.root) / "scratch") as scratch,
            apply_contract(source, schema, policy, scratch, limit=config.limit) as conformed,
        ):
            counts: dict[str, Any] = {
                "rows_read": conformed.rows,
                "rows_accepted": conformed.accepted.rows,
                "rows_rejected": conformed.rejected.rows,
                "inputs_uri": source.uri,
                "row_key": ", ".join(source.row_key),
            }
            if conformed.ignored:
                counts["ignored_columns"] = ", ".join(conformed.ignored)
                context.log.info(f"Columns that the signature does not name: {', '.join(conformed.ignored)}")

            def result(
                name: str, spool: Spool, content: str, parts: dict[str, str]
            ) -> dg.MaterializeResult[pa.RecordBatchReader]:
                provenance = Provenance(
                    row_key=source.row_key,
                    model=family.model,
                    signature_hash=signature_hash(model_signature),
                    data_version=content,
                    extra={"rows_read": str(conformed.rows)} | parts,
                )
                return dg.MaterializeResult(
                    asset_key=family.key(name),
                    value=with_provenance(spool.reader(), provenance),
                    metadata=counts | _reasons(conformed),
                    data_version=dg.DataVersion(content),
                )

            yield result("rejected_samples", conformed.rejected, conformed.rejected_hash, {})
            conformed.check_limit(
                settings.contract.max_rejected, where=source.uri, show_values=settings.contract.show_values
            )
            # Where files end, work is cut into chunks: tomorrow's run finds those of today's files again.
            parts = {PARTS: " ".join(map(str, conformed.parts))} if conformed.parts else {}
            yield result("input_samples", conformed.accepted, conformed.accepted_hash, parts)

    return samples


def _reasons(conformed: ContractResult) -> dict[str, Any]:
    if not conformed.reasons:
        return {}
    rows = [
        {"column": column, "reason": code, "rows": count}
        for (column, code), count in sorted(conformed.reasons.items(), key=lambda item: (-item[1], item[0]))
    ]
    return {"rejections": table(rows, {"column": "string", "reason": "string", "rows": "int"})}
