"""The rows of a table that the contract accepts, as the graph's `input_samples` holds them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.batching import first_rows
from mlops_assets.arrow.input_table import InputTable
from mlops_assets.arrow.provenance import Provenance, with_provenance
from mlops_assets.arrow.spool import scratch_folder
from mlops_assets.direct.model import PinnedModel, make_signature
from mlops_assets.direct.registry import work_folder
from mlops_assets.direct.settings import DirectSettings
from mlops_assets.direct.tables import write_table
from mlops_assets.engines.engine import PARTS
from mlops_assets.errors import TableError
from mlops_assets.models.missing_values import propose_where_known
from mlops_assets.models.signature_of_version import SIGNING_ROWS
from mlops_assets.scoring.apply_contract import apply_contract
from mlops_assets.scoring.side_rows import conform_side_rows
from mlops_assets.signatures.contract.contract import ContractPolicy
from mlops_assets.storage.location import Location
from mlops_assets.tables.parquet_writer import ParquetWriter


@dataclass(frozen=True)
class AcceptedRows:
    """Rows that conform to the signature.

    Attributes
    ----------
    dataset
        The rows, on disk, with their provenance.
    signature
        The signature's JSON.
    read, rejected
        How many rows were read, and how many of them were refused.
    ignored
        Columns that the signature does not name.
    """

    dataset: ds.Dataset
    signature: str
    read: int
    rejected: int
    ignored: tuple[str, ...]


@contextmanager
def accept_rows(
    pinned: PinnedModel, table: InputTable, settings: DirectSettings, label: str | None = None
) -> Iterator[AcceptedRows]:
    """Apply the contract to a table, in bounded memory; the context's end removes the rows from the disk.

    Parameters
    ----------
    label
        A column that is kept beside the model's inputs.

    Raises
    ------
    ContractError
        The table does not fit the signature, or more rows were refused than `max_rejected`; those are written first.
    """
    from mlops_assets.signatures.mlflow.signature_json import signature_from_json, signature_hash

    signature = pinned.signature or make_signature(pinned.model, lambda: _sample(table, label))
    source = table.raw or table
    policy = _policy(table, settings, () if label is None else (label,))
    with (
        scratch_folder(work_folder() / "scratch") as scratch,
        apply_contract(source, signature_from_json(signature).inputs, policy, scratch) as conformed,
    ):
        if settings.rejected is not None:
            write_table(conformed.rejected.reader(), settings.rejected)
        conformed.check_limit(
            settings.max_rejected,
            where=table.uri,
            show_values=settings.show_values,
            propose=lambda columns: propose_where_known(pinned.model, columns),
        )
        parts = {PARTS: " ".join(map(str, conformed.parts))} if conformed.parts else {}
        provenance = Provenance(
            row_key=table.row_key,
            model=pinned.name,
            signature_hash=signature_hash(signature),
            data_version=conformed.accepted_hash,
            extra={"rows_read": str(conformed.rows)} | parts,
        )
        place, writer = Location.parse(scratch / "input_samples"), ParquetWriter()
        writer.write(with_provenance(conformed.accepted.reader(), provenance), place)
        yield AcceptedRows(
            writer.read(place), signature, conformed.rows, conformed.rejected.rows, tuple(conformed.ignored)
        )


def read_background(accepted: AcceptedRows, table: InputTable, settings: DirectSettings) -> pa.Table:
    """The rows of a table to compare with that fit the signature, without a row key.

    Raises
    ------
    ContractError, ExplanationError
        See `conform_side_rows`.
    """
    with (
        scratch_folder(work_folder() / "scratch") as scratch,
        conform_side_rows(
            table.raw or table,
            accepted.signature,
            _policy(table, settings),
            scratch,
            max_rejected=settings.max_rejected,
            show_values=settings.show_values,
            setting="explain.background",
        ) as rows,
    ):
        return rows.read_all()


def _policy(table: InputTable, settings: DirectSettings, carried: tuple[str, ...] = ()) -> ContractPolicy:
    source = table.raw or table
    return ContractPolicy(
        missing=settings.missing,
        parse_iso_datetimes=settings.iso_datetimes,
        text_columns=source.text_columns,
        types=table.types,
        carried=carried,
    )


def _sample(table: InputTable, label: str | None) -> Any:
    sample = pa.Table.from_batches(first_rows(table.batches(), SIGNING_ROWS), table.schema)
    if not sample.num_rows:
        raise TableError("There are no rows to sign from", where=table.uri, fix="Give a table with rows")
    beside = {*table.row_key, *([] if label is None else [label])} & {*sample.column_names}
    return sample.drop_columns(sorted(beside)).to_pandas()
