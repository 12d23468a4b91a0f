"""The table that explanations compare with, where it is one of its own."""

from pathlib import Path

import dagster as dg
import pyarrow as pa

from mlops_assets.arrow.spool import scratch_folder
from mlops_assets.assets.streams import input_table
from mlops_assets.errors import ExplanationError
from mlops_assets.naming import ModelNames
from mlops_assets.scoring.apply_contract import apply_contract
from mlops_assets.settings.background import BackgroundSettings
from mlops_assets.settings.groups import ContractSettings
from mlops_assets.state import state_folder


def background_asset_spec(names: ModelNames, settings: BackgroundSettings) -> dg.AssetSpec:
    """`background` of one model: nothing is read."""
    place = settings.as_inputs().shown_path
    return dg.AssetSpec(
        settings.asset_key(names),
        description=f"The rows that explanations of {names.model} compare with. External: somebody else writes "
        f"{place}. Each run that explains reads all of it, and applies the signature to it.",
        group_name=names.group,
        kinds={settings.format or "table"},
        metadata={"path": place},
    )


def read_background(
    names: ModelNames,
    settings: BackgroundSettings,
    loaded: object,
    signature: str,
    contract: ContractSettings,
    root: Path,
) -> pa.Table:
    """The accepted rows of the table, without a row key.

    Raises
    ------
    ContractError
        The table does not fit the signature, or more rows are refused than `contract.max_rejected`.
    ExplanationError
        It has no rows.
    """
    from mlops_assets.signatures.mlflow.signature_json import signature_from_json

    table = input_table(names, settings.as_inputs(), loaded)
    source = table.raw or table
    policy = contract.policy(source.text_columns, table.types)
    with (
        scratch_folder(state_folder(root) / "scratch") as scratch,
        apply_contract(source, signature_from_json(signature).inputs, policy, scratch) as conformed,
    ):
        where = f"explain.background, {source.uri}"
        conformed.check_limit(contract.max_rejected, where=where, show_values=contract.show_values)
        rows: pa.Table = conformed.accepted.reader().read_all()
    if not rows.num_rows:
        raise ExplanationError("The background has no rows", where=where, fix="Give a table with rows")
    return rows.drop_columns(sorted({*source.row_key} & {*rows.column_names}))
