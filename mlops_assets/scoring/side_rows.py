"""Tables beside the inputs, such as a background: the rows that fit the signature."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from mlops_assets.arrow.input_table import InputTable
from mlops_assets.errors import ExplanationError
from mlops_assets.scoring.apply_contract import ContractResult, apply_contract
from mlops_assets.signatures.contract.contract import ContractPolicy


@dataclass(frozen=True)
class SideRows:
    """The rows of a table that fit the signature.

    Attributes
    ----------
    source
        The table as it was read.
    conformed
        The signature applied to it; at least one row is accepted.
    where
        The setting and the place, for errors.
    """

    source: InputTable
    conformed: ContractResult
    where: str

    def read_all(self) -> pa.Table:
        """The accepted rows, without the row key."""
        rows: pa.Table = self.conformed.accepted.reader().read_all()
        return rows.drop_columns(sorted({*self.source.row_key} & {*rows.column_names}))


@contextmanager
def conform_side_rows(
    table: InputTable,
    signature: str,
    policy: ContractPolicy,
    scratch: Path,
    *,
    max_rejected: int | float,
    show_values: bool,
    setting: str,
) -> Iterator[SideRows]:
    """The table with the signature applied to it as to the inputs; its rows are there while the context is.

    Parameters
    ----------
    table
        As it is read, without conversions that the contract does itself (`InputTable.raw`).
    signature
        The signature's JSON.
    setting
        What names the table, such as ``explain.background``.

    Raises
    ------
    ContractError
        The table does not fit the signature, or more rows are refused than `max_rejected`.
    ExplanationError
        It has no rows.
    """
    from mlops_assets.signatures.mlflow.signature_json import signature_from_json

    where = f"{setting}, {table.uri}"
    named = replace(table, uri=where)
    with apply_contract(named, signature_from_json(signature).inputs, policy, scratch) as conformed:
        conformed.check_limit(max_rejected, where=where, show_values=show_values, published=False)
        if not conformed.accepted.rows:
            what = setting.rpartition(".")[2]
            raise ExplanationError(f"The {what} has no rows", where=where, fix="Give a table with rows")
        yield SideRows(table, conformed, where)
