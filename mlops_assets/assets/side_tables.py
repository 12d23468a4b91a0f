"""Tables beside the inputs that somebody else writes: what the graph says of them, and how the signature is applied."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from mlops_assets.arrow.spool import scratch_folder
from mlops_assets.assets.inputs import describe_place, kind_of_table, place_metadata
from mlops_assets.assets.streams import input_table
from mlops_assets.naming import ModelNames
from mlops_assets.scoring.side_rows import SideRows, conform_side_rows
from mlops_assets.settings.groups import ContractSettings
from mlops_assets.settings.tables import InputsSettings
from mlops_assets.state import state_folder


def side_table_spec(
    names: ModelNames, key: dg.AssetKey, settings: InputsSettings, holds: str, beside: str = ""
) -> dg.AssetSpec:
    """The external asset of a table: nothing is read. `holds` and `beside` are sentences of its description."""
    words = f"{holds} External: somebody else writes {describe_place(settings)}. {beside}"
    return dg.AssetSpec(
        key,
        description=words.rstrip(),
        group_name=names.group,
        kinds={kind_of_table(settings)},
        metadata=place_metadata(settings),
    )


@contextmanager
def side_rows(
    names: ModelNames,
    settings: InputsSettings,
    loaded: object,
    signature: str,
    contract: ContractSettings,
    root: Path,
    setting: str,
) -> Iterator[SideRows]:
    """The table with the signature applied to it as to the inputs; its rows are there while the context is.

    Parameters
    ----------
    setting
        What names the table, such as ``explain.background``.

    Raises
    ------
    ContractError
        The table does not fit the signature, or more rows are refused than `contract.max_rejected`.
    ExplanationError
        It has no rows.
    """
    table = input_table(names, settings, loaded)
    source = table.raw or table
    policy = contract.policy(source.text_columns, table.types)
    with (
        scratch_folder(state_folder(root) / "scratch") as scratch,
        conform_side_rows(
            source,
            signature,
            policy,
            scratch,
            max_rejected=contract.max_rejected,
            show_values=contract.show_values,
            setting=setting,
        ) as rows,
    ):
        yield rows
