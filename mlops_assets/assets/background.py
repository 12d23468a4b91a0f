"""The table that explanations compare with, where it is one of its own."""

from pathlib import Path

import dagster as dg
import pyarrow as pa

from mlops_assets.assets.side_tables import side_rows, side_table_spec
from mlops_assets.naming import ModelNames
from mlops_assets.settings.background import BackgroundSettings
from mlops_assets.settings.groups import ContractSettings


def background_asset_spec(names: ModelNames, settings: BackgroundSettings) -> dg.AssetSpec:
    """`background` of one model: nothing is read."""
    return side_table_spec(
        names,
        settings.asset_key(names),
        settings.as_inputs(),
        f"The rows that explanations of {names.model} compare with.",
        "Each run that explains reads all of it, and applies the signature to it.",
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
    with side_rows(names, settings.as_inputs(), loaded, signature, contract, root, "explain.background") as found:
        return found.read_all()
